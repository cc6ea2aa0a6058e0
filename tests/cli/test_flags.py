"""Every flag is tested by what it changes."""

import json
from pathlib import Path

import pytest

from .conftest import Cli, OpenAIServer, calling, saying

WRITES = [calling("write_file", path="a.txt", content="hello\n"), saying("written")]


def test_text_is_the_result_alone_and_progress_goes_elsewhere(cli: Cli) -> None:
    done = cli.run(*WRITES)
    assert done.stdout == "written\n"
    assert "write_file(" in done.stderr
    assert "finished" in done.stderr


def test_json_is_one_object(cli: Cli) -> None:
    told = json.loads(cli.run(*WRITES, flags=["--output", "json"]).stdout)
    assert (told["result"], told["steps"], told["run"]) == ("written", 2, cli.run_id())
    assert {"claim": "a.txt was made", "holds": True, "found": "6 bytes"} in told["verified"]


def test_jsonl_is_one_event_a_line(cli: Cli) -> None:
    done = cli.run(*WRITES, flags=["--output", "jsonl"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["event"]["type"] == "run started"
    assert events[-1]["event"]["type"] == "run ended"
    shown = cli("runs", "show", cli.run_id(), "--output", "jsonl")
    assert shown.stdout == done.stdout


@pytest.mark.parametrize("arguments", [["run"], ["run", "-"]])
def test_the_goal_can_come_from_standard_input(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments, "--model", cli.script(saying("done")), stdin="grüße the world\n")
    assert done.returncode == 0
    assert "grüße the world" in done.stderr


def test_a_goal_that_is_no_text_is_refused(cli: Cli) -> None:
    done = cli("run", "--model", cli.script(saying("done")), stdin=b"\xff\xfe")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not UTF-8" in done.stderr


def test_workspace_and_journal_say_where(cli: Cli) -> None:
    place, journal = cli.folder / "elsewhere", cli.folder / "other.db"
    place.mkdir()
    cli.run(*WRITES, flags=["--workspace", place, "--journal", journal])
    assert (place / "a.txt").read_text() == "hello\n"
    assert not cli.journal.exists()
    assert "do it" in cli("runs", "list", "--journal", journal).stdout


@pytest.mark.parametrize(
    ("flags", "written"),
    [
        ([], True),
        (["--approve", "read"], False),
        (["--approve", "ask"], False),  # nobody is here to ask
        (["--approve", "ask", "--allow", "write_file"], True),
        (["--approve", "ask", "--allow", "writes"], True),
        (["--approve", "all"], True),
        (["--deny", "write_file"], False),
        (["--deny", "writes", "--approve", "all"], False),
        (["--ask", "write_file"], False),
        (["--allow", "write_file", "--deny", "write_file"], False),
    ],
)
def test_rules_decide_what_runs(cli: Cli, flags: list[str], written: bool) -> None:
    cli.run(*WRITES, *[saying("written")] * 3, flags=flags)
    assert (cli.workspace / "a.txt").exists() is written


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--max-steps", "1"], "1 steps"),
        (["--max-tokens", "1"], "1 tokens"),
        (["--max-seconds", "0.000001"], "1e-06 seconds"),
    ],
)
def test_a_limit_ends_the_run(cli: Cli, flags: list[str], why: str) -> None:
    done = cli.run(*WRITES, flags=flags)
    assert (done.returncode, done.stdout) == (4, "")
    assert why in done.stderr


def test_no_limit_can_be_said(cli: Cli) -> None:
    done = cli.run(
        *WRITES, flags=["--max-steps", "none", "--max-seconds", "none"], env={"AGENTKIT_MAX_STEPS": "1"}
    )
    assert done.returncode == 0


def test_a_check_sees_the_workspace(cli: Cli) -> None:
    done = cli.run(*WRITES, flags=["--check", "grep -q hello a.txt"])
    assert done.returncode == 0, done.stderr
    assert "the check 'grep -q hello a.txt' passes" in done.stderr


def test_remote_flags_reach_the_server(cli: Cli) -> None:
    with OpenAIServer([{"text": "from afar"}]) as server:
        flags = ["--base-url", server.url, "--temperature", "0.5", "--seed", "7"]
        done = cli("run", "x", "-m", "openai:test", *flags, env={"OPENAI_API_KEY": "k"})
        assert (done.returncode, done.stdout) == (0, "from afar\n")
        assert server.bodies[0]["temperature"] == 0.5
        assert server.bodies[0]["seed"] == 7


def test_a_second_sitting_asks_the_same_server_and_keeps_the_rules(cli: Cli) -> None:
    failing = [{"status": 401, "error": {"message": "no"}}]
    key = {"OPENAI_API_KEY": "k"}
    call = {"name": "write_file", "arguments": {"path": "a.txt", "content": "x"}}
    with OpenAIServer([*failing, {"calls": [call]}, {"text": "done", "times": -1}]) as server:
        flags = ["--base-url", server.url, "--seed", "7", "--deny", "write_file"]
        assert cli("run", "x", "-m", "openai:test", *flags, env=key).returncode == 7
        assert cli("runs", "resume", env=key).returncode == 6
        assert {body["seed"] for body in server.bodies} == {7}
    assert not (cli.workspace / "a.txt").exists()


def test_a_flag_of_the_second_sitting_lifts_a_limit(cli: Cli) -> None:
    assert cli.run(*WRITES, flags=["--max-steps", "1"]).returncode == 4
    assert cli("runs", "resume").returncode == 2  # as it is, it would end again at once
    again = cli("runs", "resume", cli.run_id(), "--max-steps", "5")
    assert (again.returncode, again.stdout) == (0, "written\n")


def test_every_flag_of_a_setting_is_shown_with_its_origin(cli: Cli) -> None:
    done = cli("config", "show", "--origin", "--retries", "2", env={"AGENTKIT_SEED": "3"})
    assert "retries = 2    # --retries" in done.stdout
    assert "seed = 3    # AGENTKIT_SEED" in done.stdout
    assert "max_steps = 40    # default" in done.stdout
    assert "#" not in cli("config", "show").stdout


def test_tools_tell_arguments_effect_repetition_and_verdict(cli: Cli) -> None:
    told = cli("tools", "--approve", "ask", "--deny", "network", "--allow", "write_file").stdout
    assert "run_shell(command, seconds=60)" in told
    assert "effect: executes; never repeated after a crash" in told
    assert "ask: approve = ask" in told
    assert "allow: the rule allow = 'write_file'" in told


def test_models_tell_licence_size_and_origin(cli: Cli, tmp_path: Path) -> None:
    told = cli("models", env={"AGENTKIT_MODELS_DIR": str(tmp_path / "none")}).stdout
    assert "local:smollm2  missing" in told
    assert "Apache-2.0, 98 MB" in told
    assert "get it with: agentkit models fetch smollm2" in told
    assert "no model is ready" in told


def test_without_a_model_the_line_that_gets_one_is_told(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "x", env={"AGENTKIT_MODELS_DIR": str(tmp_path / "none")})
    assert done.returncode == 2
    assert "agentkit models fetch" in done.stderr


@pytest.mark.parametrize("columns", [40, 80])
def test_the_list_of_runs_fits_the_terminal(cli: Cli, columns: int) -> None:
    cli.run(saying("done"), goal="日本語 " * 40)
    (line,) = cli("runs", "list", env={"COLUMNS": str(columns)}).stdout.splitlines()
    assert cli.run_id() in line
    assert "finished" in line
    assert sum(2 if char > "\u2fff" else 1 for char in line) <= columns


def test_a_run_is_shown_as_it_was_seen(cli: Cli) -> None:
    live = cli.run({**WRITES[0], "text": "I write now."}, WRITES[1])
    shown = cli("runs", "show", cli.run_id()).stdout
    for line in live.stderr.splitlines():
        if line.split()[0] not in ("finished", "claimed", "written"):
            assert line in shown
    assert shown.endswith("written\n")
