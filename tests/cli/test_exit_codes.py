"""Every way in which a run ends has its exit code."""

import json

import pytest

from agentkit.journal.store import Journal

from .conftest import Cli, calling, saying

REPEATED = calling("list_files")
ENDINGS = {
    "finished": (0, [saying("done")], []),
    "gave up": (3, [calling("finish", result="no way", reached=False)], []),
    "budget": (4, [REPEATED, saying("done")], ["--max-steps", 1]),
    "stuck": (5, [REPEATED] * 20, []),
    "denied": (
        6,
        [calling("run_shell", command="true")] + [saying("not allowed")] * 3,
        ["--ask", "run_shell"],
    ),
    "model failed": (7, [{"error": {"kind": "AuthenticationFailed", "message": "wrong key"}}], []),
    "check failed": (8, [saying("done")] * 4, ["--check", "exit 3"]),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_how_a_run_ends_is_its_exit_code(cli: Cli, ending: str) -> None:
    code, script, flags = ENDINGS[ending]
    done = cli.run(*script, flags=[*flags, "--output", "json"])
    told = json.loads(done.stdout)
    assert (done.returncode, told["ending"], told["exit_code"]) == (code, ending, code), done.stderr
    assert told["error"] is None


WRONG = {
    "unknown provider": (["run", "x", "-m", "nope:1"], {}, ["nope:1", "local:NAME"]),
    "unknown local model": (["run", "x", "-m", "local:nope"], {}, ["nope", "local:smollm2"]),
    "missing key": (["run", "x", "-m", "openai:m"], {}, ["OPENAI_API_KEY"]),
    "missing script": (["run", "x", "-m", "scripted:gone"], {}, ["gone", "No such file"]),
    "missing folder": (["run", "x", "-m", "scripted:s", "-w", "gone"], {}, ["gone"]),
    "unknown flag": (["run", "x", "--modle", "a"], {}, ["--modle", "--model"]),
    "wrong value": (["run", "x", "--max-steps", "0"], {}, ["--max-steps", "'0'", "whole number"]),
    "wrong mode": (["run", "x", "--approve", "al"], {}, ["--approve", "'al'", "read, ask, auto"]),
    "unknown variable": (["run", "x"], {"AGENTKIT_MODEll": "a"}, ["AGENTKIT_MODEll", "model"]),
    "wrong variable": (["config", "show"], {"AGENTKIT_SEED": "a"}, ["AGENTKIT_SEED", "'a'"]),
    "unknown rule": (["tools", "--deny", "run_shel"], {}, ["run_shel", "run_shell"]),
    "unknown run": (["runs", "show", "zzzz"], {}, ["zzzz"]),
    "nothing to resume": (["runs", "resume"], {}, ["no unfinished run"]),
    "unknown embedded model": (["models", "fetch", "nope"], {}, ["nope", "smollm2"]),
    "unknown command": (["runn"], {}, ["runn", "--help"]),
    "empty goal": (["run", " ", "-m", "scripted:s"], {}, ["goal is empty"]),
    "not a journal": (["runs", "list", "--journal", "/etc/hostname"], {}, ["/etc/hostname"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_told_in_one_line(cli: Cli, what: str) -> None:
    arguments, env, words = WRONG[what]
    Journal.open(cli.journal).close()
    done = cli(*arguments, env=env)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.strip().split("\n")
    assert line.startswith("agentkit: ")
    assert all(word in line for word in words), line


def test_an_unknown_setting_in_a_file_names_the_file(cli: Cli) -> None:
    (cli.workspace / "agentkit.toml").write_text("max_stesp = 3\n")
    done = cli("config", "show")
    assert (done.returncode, done.stdout) == (2, "")
    assert "agentkit.toml" in done.stderr
    assert "max_steps" in done.stderr


def test_a_damaged_journal_is_told_and_not_repaired_in_silence(cli: Cli) -> None:
    cli.run(saying("done"))
    content = bytearray(cli.journal.read_bytes())
    content[100:4096] = b"\xff" * 3996
    cli.journal.write_bytes(content)
    done = cli("runs", "list")
    assert done.returncode == 2
    assert str(cli.journal) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_json_too_where_json_was_asked_for(cli: Cli) -> None:
    done = cli("run", "x", "--model", "nope:1", "--output", "json")
    told = json.loads(done.stdout)
    assert done.returncode == told["exit_code"] == 2
    assert told["error"]["kind"] == "UnknownModel"
    assert told["error"]["message"] in done.stderr


def test_an_internal_error_shows_where_and_exits_with_one(cli: Cli) -> None:
    broken = cli.folder / "broken"
    broken.mkdir()
    (broken / "msgspec.py").write_text("raise RuntimeError('not this time')\n")
    done = cli("tools", env={"PYTHONPATH": str(broken)})
    assert done.returncode == 1
    assert "Traceback" in done.stderr
