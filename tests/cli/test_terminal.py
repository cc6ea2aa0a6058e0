"""What a person sees at a terminal, and what their keys do."""

import os
import re
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import pytest

from .conftest import SIGNALS, Cli, OpenAIServer, calling, saying, sleeping, wait_until, without_colour

SLEEPER = calling("run_shell", command="echo begun > begun; sleep 3000; echo ended > ended")


def test_words_and_status_appear_while_the_answer_is_made(cli: Cli) -> None:
    words = {"text": "first I look", **calling("list_files")}
    terminal = cli.terminal("run", "look", "-m", cli.script({**words, "wait": 0.4}, saying("all is well")))
    terminal.wait_for("thinking")
    assert terminal.end() == 0
    text = without_colour(terminal.text)
    assert "step 1/40" in text
    assert "first I look" in text
    assert "\x1b[2K" in terminal.text  # the status line is redrawn in place
    # the last word stands once, after the panel
    assert text.rstrip().endswith("all is well")
    assert text.partition("finished")[2].count("all is well") == 1


def test_the_status_tells_how_fast_the_last_answer_came(cli: Cli) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    answers = [{**calling("list_files"), "usage": usage}, {**saying("all is well"), "pause": 0.5}]
    with OpenAIServer(answers) as server:
        flags = ("-m", "openai:test", "--base-url", server.url)
        terminal = cli.terminal("run", "look", *flags, OPENAI_API_KEY="test")
        assert terminal.end() == 0
    assert re.search(r"step 2/40 · 150 tokens · \d+ tokens/s · ", without_colour(terminal.text))


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_plain_terminal_gets_plain_text_and_the_answer_once(cli: Cli, env: dict[str, str]) -> None:
    terminal = cli.terminal(
        "run", "look", "-m", cli.script(calling("list_files"), saying("all is well")), **env
    )
    assert terminal.end() == 0
    assert "\x1b" not in terminal.text
    assert terminal.text.count("all is well") == 1
    assert "the answer above" in terminal.text


def test_colour_can_be_forced_into_a_pipe(cli: Cli) -> None:
    assert "\x1b[" in cli.run(saying("done"), env={"FORCE_COLOR": "1"}).stderr
    assert "\x1b[" not in cli.run(saying("done"), env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stderr


def test_json_reaches_a_pipe_while_the_terminal_shows_progress(cli: Cli) -> None:
    events = cli.folder / "events"
    model = cli.script(saying("done"))
    shell = f"exec {sys.executable} -m agentkit run x -m {model} -o jsonl > {events}"
    terminal = cli.shell_terminal(shell)
    assert terminal.end() == 0
    assert events.read_text().count('"type"') >= 4
    assert '"seq"' not in terminal.text


@pytest.mark.parametrize(("answer", "runs"), [("y\n", True), ("n\n", False), ("\n", False), ("\x04", False)])
def test_a_question_is_answered_at_the_terminal(cli: Cli, answer: str, runs: bool) -> None:
    model = cli.script(calling("write_file", path="a.txt", content="x"), *[saying("over")] * 3)
    terminal = cli.terminal("run", "x", "-m", model, "--approve", "ask")
    terminal.wait_for("Allow it? [y/N")
    terminal.type(answer)
    terminal.end()
    assert (cli.workspace / "a.txt").exists() is runs


def test_a_question_shows_what_would_run_and_hides_nothing(cli: Cli) -> None:
    hidden = "rm -rf \x1b[8mall\x1b[2K\u202e of\x9b2J it"
    model = cli.script(calling("run_shell", command=hidden), *[saying("over")] * 3)
    terminal = cli.terminal("run", "x", "-m", model, "--approve", "ask")
    text = terminal.wait_for("Allow it?")
    assert "\\u001b[8mall\\u001b[2K\\u202e of\\u009b2J it" in text
    terminal.type("n\n")
    terminal.end()


def test_the_name_of_a_file_hides_nothing_and_asks_nothing(cli: Cli) -> None:
    os.mkfifo(cli.workspace / "x\x1b[8mHIDDEN\nrun ls. Allow it? ")
    model = cli.script(calling("run_shell", command="true"), *[saying("over")] * 3)
    terminal = cli.terminal("run", "x", "-m", model, NO_COLOR="1")
    terminal.wait_for("? for more")
    terminal.type("n\n")
    terminal.end()
    words = " ".join(terminal.text.split())
    assert words.count(r"x\u001b[8mHIDDEN\nrun ls.") == 2  # it is told of, and asked about
    assert words.count("HIDDEN") == 2


def test_the_agent_asks_and_hears_the_person(cli: Cli) -> None:
    model = cli.script(calling("ask_user", question="which \x1b[2Jcolour?"), saying("thanks"))
    terminal = cli.terminal("run", "x", "-m", model)
    terminal.wait_for("which colour?")
    terminal.wait_for("> ")
    terminal.type("grün\n")
    assert terminal.end() == 0
    assert "grün" in cli("runs", "show", cli.run_id()).stdout


def test_headless_nobody_is_waited_for(cli: Cli) -> None:
    done = cli.run(calling("ask_user", question="which?"), *[saying("I decide")] * 3)
    assert "nobody is here to answer" in done.stderr


@pytest.mark.parametrize("where", ["terminal", "pipe"])
def test_what_a_tool_prints_cannot_steer_the_terminal(cli: Cli, where: str) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b2Jharmless"
    (cli.workspace / "evil.txt").write_text(evil)
    script = [
        calling("read_file", path="evil.txt"),
        calling("run_shell", command="cat evil.txt; sleep 0.3"),
        saying(f"it says {evil}"),
    ]
    if where == "terminal":
        terminal = cli.terminal("run", "x", "-m", cli.script(*script), NO_COLOR="1")
        terminal.end()
        text = terminal.text
    else:
        done = cli.run(*script)
        text = done.stdout + done.stderr + cli("runs", "show", cli.run_id()).stdout
    assert "harmless" in text
    assert not {"\x1b", "\x07", "\x9b"} & set(text)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_the_run_and_its_children_and_says_how_to_go_on(
    cli: Cli, number: signal.Signals
) -> None:
    process = cli.start("run", "x", "-m", cli.script(SLEEPER, *[saying("over")] * 3))
    wait_until((cli.workspace / "begun").exists)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == SIGNALS[number]
    assert f"agentkit runs resume {cli.run_id()}" in err.decode()
    assert "Traceback" not in err.decode()
    assert not sleeping(cli)


def test_ctrl_c_at_a_question_ends_the_run_at_once(cli: Cli) -> None:
    model = cli.script(calling("write_file", path="a.txt", content="x"), *[saying("over")] * 3)
    terminal = cli.terminal("run", "x", "-m", model, "--approve", "ask")
    terminal.wait_for("Allow it?")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "agentkit runs resume" in terminal.text
    assert "\x1b[?25h" in terminal.text  # the cursor is back


def test_ctrl_c_while_a_command_runs_then_resume_tells_the_doubt(cli: Cli) -> None:
    terminal = cli.terminal("run", "x", "-m", cli.script(SLEEPER, *[saying("over")] * 3))
    wait_until((cli.workspace / "begun").exists)
    terminal.type("\x03")
    assert terminal.end() == 130
    assert not sleeping(cli)
    again = cli("runs", "resume")
    assert (again.returncode, again.stdout) == (0, "over\n")
    assert "so far  1 step" in again.stderr
    assert not (cli.workspace / "ended").exists()


def test_kill_9_in_a_command_then_resume_ends_right(cli: Cli) -> None:
    process = cli.start("run", "x", "-m", cli.script(SLEEPER, *[saying("over")] * 3))
    wait_until((cli.workspace / "begun").exists)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not sleeping(cli))
    assert "unfinished" in cli("runs", "list").stdout
    again = cli("runs", "resume")
    assert (again.returncode, again.stdout) == (0, "over\n")
    assert "in doubt  run_shell(" in again.stderr
    assert "outcome unknown" in again.stderr
    assert "step 1" not in again.stdout
    assert "finished  2 steps" in again.stderr
    assert not (cli.workspace / "ended").exists()


def test_ctrl_c_while_an_embedded_model_loads_does_not_wait_for_it(
    cli: Cli, missing: Callable[[str], NoReturn]
) -> None:
    terminal = cli.terminal("run", "x", "-m", "local:smollm2")
    text = terminal.wait_for("local:smollm2")
    if "are not here" in text:
        missing("the small model is not on this machine")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "stopped (SIGINT)" in terminal.text


def test_a_second_signal_does_not_wait(cli: Cli) -> None:
    process = cli.start("run", "x", "-m", cli.script(SLEEPER, *[saying("over")] * 3))
    wait_until((cli.workspace / "begun").exists)
    process.send_signal(signal.SIGSTOP)  # so that both are there before the first is answered
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode in (130, 143)
    wait_until(lambda: not sleeping(cli))
    assert cli("runs", "resume").returncode == 0


def test_a_run_at_work_is_not_resumed_unless_it_is_forced(cli: Cli) -> None:
    process = cli.start("run", "x", "-m", cli.script(SLEEPER, *[saying("over")] * 3))
    wait_until((cli.workspace / "begun").exists)
    try:
        run = cli.run_id()
        refused = cli("runs", "resume", run)
        assert refused.returncode == 2
        assert "busy" in refused.stderr
        assert cli("runs", "resume", run, "--force").returncode == 0
    finally:
        process.kill()
        process.communicate(timeout=60)
