"""`agentkit doctor`: a line for each thing, what would mend it, and an exit code."""

import importlib.util
import json
from pathlib import Path

import pytest

from agentkit.cli.machine import diagnosed
from agentkit.core.diagnosis import State
from agentkit.settings import load_settings
from agentkit.tooling.sandbox import Probe, Tried

from .conftest import Cli, OpenAIServer, calling, saying

_FILE = Path(__file__).parents[1] / "servers/characters.py"
_spec = importlib.util.spec_from_file_location("characters", _FILE)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
CHARACTERS = _module.CHARACTERS

# this machine


def findings(cli: Cli, *flags: object, **env: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = cli("doctor", "--json", *flags, env=env)
    assert done.stderr == ""
    return done.returncode, {one["about"]: one for one in json.loads(done.stdout)["findings"]}


def test_a_machine_in_order_is_told_line_by_line(cli: Cli) -> None:
    done = cli("doctor", "--model", cli.script(saying("done")))
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.split()[0] in list(State) for line in lines)
    for about in (
        "python",
        "settings",
        "model",
        "local:smollm2",
        "extra local",
        "sandbox",
        "journal",
        "disk",
    ):
        assert any(line.split(maxsplit=1)[1].startswith(f"{about}:") for line in lines), about


def test_looking_leaves_nothing_behind(cli: Cli) -> None:
    cli("doctor", "--model", cli.script(saying("done")))
    assert not cli.journal.exists()
    assert list(cli.workspace.iterdir()) == []


def test_a_model_that_is_not_here_stands_in_the_way_and_the_line_that_gets_it_is_told(
    cli: Cli, tmp_path: Path
) -> None:
    code, found = findings(cli, "--model", "local:smollm2", AGENTKIT_MODELS_DIR=str(tmp_path / "none"))
    assert code == 1
    assert found["model"]["state"] == "fails"
    assert found["model"]["mend"] == "agentkit models fetch smollm2"
    assert found["local:smollm2"]["state"] == "lacks"


def test_the_native_step_is_built_or_it_is_said_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    nowhere = {"AGENTKIT_MODELS_DIR": str(tmp_path / "none")}
    _, found = findings(cli, "--model", "local:smollm2", **nowhere)
    assert "built at first use with" in found["native step"]["found"]
    _, found = findings(cli, "--model", "local:smollm2", CXX="no-such-compiler", **nowhere)
    assert found["native step"]["state"] == "lacks"
    assert "no C++ compiler was found (no-such-compiler)" in found["native step"]["found"]


@pytest.mark.parametrize(
    ("flags", "env", "state"),
    [
        ([], {}, "fails"),
        ([], {"OPENAI_API_KEY": "k"}, "ok"),
        (["--base-url", "http://127.0.0.1:1/v1"], {}, "ok"),
    ],
)
def test_a_remote_model_needs_a_key_or_an_address(
    cli: Cli, flags: list[str], env: dict[str, str], state: str
) -> None:
    _, found = findings(cli, "--model", "openai:gpt-4o", *flags, **env)
    assert found["model"]["state"] == state


def test_a_model_of_no_provider_is_said(cli: Cli) -> None:
    code, found = findings(cli, "--model", "gpt-4o")
    assert (code, found["model"]["state"]) == (1, "fails")


def test_a_journal_that_is_none_is_said(cli: Cli) -> None:
    cli.journal.write_text("this is no journal")
    code, found = findings(cli, "--model", cli.script(saying("x")))
    assert (code, found["journal"]["state"]) == (1, "fails")
    assert "--journal" in found["journal"]["mend"]


def test_a_journal_tells_its_runs(cli: Cli) -> None:
    cli.run(saying("done"))
    _, found = findings(cli, "--model", cli.script(saying("x")))
    assert ": 1 runs, " in found["journal"]["found"]


def test_a_journal_in_a_folder_that_cannot_be_written_is_said(cli: Cli) -> None:
    code, found = findings(cli, "--journal", "/proc/journal.db", "--model", cli.script(saying("x")))
    assert (code, found["journal"]["state"]) == (1, "fails")
    assert "cannot be written" in found["journal"]["found"]


def test_a_workspace_that_is_not_there_is_said(cli: Cli) -> None:
    code, found = findings(cli, "--workspace", cli.folder / "nothing", "--model", cli.script(saying("x")))
    assert (code, found["workspace"]["state"]) == (1, "fails")


def test_settings_that_cannot_be_are_said_and_end_it(cli: Cli) -> None:
    code, found = findings(cli, AGENTKIT_MAX_STEPS="many")
    assert code == 1
    assert list(found) == ["python", "settings"]
    assert "AGENTKIT_MAX_STEPS" in found["settings"]["found"]


def machine(cli: Cli, probe: Probe, needs: list[str]) -> dict[str, State]:
    flags = {"workspace": str(cli.workspace), "journal": str(cli.journal), "model": "local:smollm2"}
    return {one.about: one.state for one in diagnosed(flags, sandboxes=lambda: probe, needs=needs)}


def test_without_a_sandbox_code_does_not_run_and_that_is_said(cli: Cli) -> None:
    nothing = Probe((Tried("bubblewrap", works=False, detail="not installed"),), None)
    assert machine(cli, nothing, [])["sandbox"] is State.FAILS


def test_an_extra_that_is_not_here_is_a_lack_or_stands_in_the_way(cli: Cli) -> None:
    nothing = Probe((), None)
    needs = ["click>=8.1", "no-such-thing>=1; extra == 'local'", 'neither-this; extra == "train"']
    found = machine(cli, nothing, needs)
    # the chosen model is a local one
    assert (found["extra local"], found["extra train"]) == (State.FAILS, State.LACKS)
    assert "extra click" not in found


def test_seconds_without_a_server_are_refused(cli: Cli) -> None:
    done = cli("doctor", "--seconds", "3")
    assert done.returncode == 2
    assert "--endpoint" in done.stderr


# a server


def test_the_profile_of_a_server_is_settings_that_work(cli: Cli) -> None:
    with OpenAIServer(**CHARACTERS["llama.cpp"]) as server:
        done = cli("doctor", "--endpoint", server.url)
    assert done.returncode == 0, done.stderr
    assert "ok       stop: the answer ended before it" in done.stderr
    config = cli.folder / "home/.config/agentkit/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(done.stdout)
    settings = load_settings({}, {"HOME": str(cli.folder / "home")}, cli.workspace)
    assert (settings.model, settings.base_url) == ("openai:test", server.url)
    assert (settings.context_window, settings.text_calls) == (4096, "hermes")


def test_a_run_with_the_profile_reaches_what_it_could_not_without(cli: Cli) -> None:
    call = calling("write_file", path="a.txt", content="x")["calls"][0]
    text = f"<tool_call>{json.dumps(call)}</tool_call>"

    def answers(asked: dict[str, object]) -> dict[str, object]:
        if "get_weather" in json.dumps(asked) or "tools" not in asked:
            return _module.model(asked, calls="hermes")
        done = any(message["role"] == "tool" for message in asked["messages"])
        return {"text": "done" if done else text}

    with OpenAIServer(answers=answers, strict=False) as server:
        flags = ["run", "write x", "-m", "openai:test", "--base-url", server.url]
        cli(*flags)
        assert not (cli.workspace / "a.txt").exists()
        config = cli.folder / "home/.config/agentkit/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(cli("doctor", "--endpoint", server.url).stdout)
        assert cli("run", "write x").stdout == "done\n"
    assert (cli.workspace / "a.txt").read_text() == "x"


def test_a_server_as_json(cli: Cli) -> None:
    with OpenAIServer(**CHARACTERS["without stop"]) as server:
        done = cli("doctor", "--endpoint", server.url, "--model", "test", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert told["endpoint"] == server.url
    assert told["settings"] == {"model": "openai:test", "base_url": server.url, "context_window": 2048}
    assert {"about": "stop", "state": "lacks"}.items() <= told["findings"][5].items()


@pytest.mark.parametrize("name", ["hangs", "no agent"])
def test_a_server_that_no_agent_can_work_with_is_exit_code_1(cli: Cli, name: str) -> None:
    with OpenAIServer(**CHARACTERS[name]) as server:
        done = cli("doctor", "--endpoint", server.url, "--seconds", "0.5" if name == "hangs" else "20")
    assert done.returncode == 1
    assert "fails" in done.stderr
    assert "to mend it:" in done.stderr


def test_the_key_of_a_server_is_used_and_never_shown(cli: Cli) -> None:
    key = "sk-a-key-of-some-length"
    with OpenAIServer(**CHARACTERS["full"], key=key) as server:
        good = cli("doctor", "--endpoint", server.url, env={"OPENAI_API_KEY": key})
        bad = cli("doctor", "--endpoint", server.url, "--model", "test", env={"OPENAI_API_KEY": key + "x"})
    assert (good.returncode, bad.returncode) == (0, 1)
    assert "AuthenticationFailed" in bad.stderr
    for done in (good, bad):
        assert key not in done.stdout + done.stderr


def test_an_address_that_is_none_is_refused(cli: Cli) -> None:
    done = cli("doctor", "--endpoint", "localhost:8000")
    assert done.returncode == 2
    assert "http" in done.stderr
