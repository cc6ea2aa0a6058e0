"""`agentkit` without a command, as a person at a terminal has it: by its effects, in a pseudo-terminal."""

import asyncio
import io
import json
import re
import shlex
import signal
import stat
import sys
import time

import pytest
from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.data_structures import Point, Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout import FormattedTextControl, Layout, Window

from agentkit.cli.repl.reflow import SteadyOutput, follow_width, wraps_again
from agentkit.core.events import CallFinished, Ending, PersonSaid, PersonStopped, RunEnded
from agentkit.core.tools import Outcome

from .conftest import (
    AGENTKIT,
    ALT_ENTER,
    CTRL_C,
    CTRL_D,
    CTRL_J,
    ENTER,
    SLEEPER,
    Cli,
    calling,
    saying,
    sleeping,
    wait_until,
)
from .vt import Screen

# --- one message after the other


def test_answers_come_one_after_the_other_in_one_run(cli: Cli, talk) -> None:
    with talk(calling("list_files"), saying("It is empty."), saying("You are welcome.")) as it:
        it.say("what is here?")
        it.shown("It is empty.")
        it.shown(" finished")
        it.say("thanks")
        it.shown("You are welcome.")
        it.shown(" finished", 2)
        assert it.leave() == 0
    [run] = json.loads(cli("runs", "list", "--output", "json").stdout)
    assert (run["goal"], run["ending"]) == ("what is here?", "finished")
    assert [event.text for event in it.events(PersonSaid)] == ["thanks"]
    assert "saved; go on with: agentkit --resume" in it.text


def test_words_appear_while_the_answer_is_made_and_stay(talk) -> None:
    long = " ".join(f"word{n}" for n in range(60))
    with talk(saying(f"{long}\nlast line")) as it:
        it.say("tell me")
        text = it.shown(" finished")
        assert "last line" in text
        assert {f"word{n}" for n in range(60)} <= set(re.findall(r"word\d+", text))
        assert "\x1b[?1049h" not in it.terminal.text  # no alternate screen


def test_where_a_terminal_wraps_again_no_row_of_a_wider_one_stays(talk) -> None:
    with talk(SLEEPER, TMUX="/tmp/tmux-1/default,1,0") as it:
        it.say("go")
        it.shown("at-42")
        it.shown("Ctrl-C stops")
        it.terminal.type("half typed")
        it.shown("> half typed")
        typed = "> half typed"
        for width in (60, 40, 25):
            it.terminal.narrow(width)
            # a key is shown after the signal that came before it: what the signal does has been done
            it.terminal.type(".")
            typed += "."

            def drawn(width: int = width, typed: str = typed) -> bool:
                *_, status, last = it.text.rstrip().split("\n")
                return status.startswith("step 1/40") and len(status) < width and last == typed

            it.terminal.wait_until(drawn, f"the rows at {width} columns")
            rows = it.text.split("\n")
            assert (rows.count("at-42"), it.text.count("step 1/40")) == (1, 1), it.text
        it.terminal.type(CTRL_C + CTRL_C)


class Wrapping(io.StringIO):
    """What an application writes, shown at once in a terminal that wraps."""

    encoding = "utf-8"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.screen = Screen(width)

    def write(self, text: str) -> int:
        self.screen.feed(text)
        return len(text)


@pytest.mark.parametrize("after", ["drawn anew", "written above"])
async def test_a_terminal_that_was_narrowed_a_moment_ago_is_seen_before_its_signal(after: str) -> None:
    terminal = Wrapping(60)
    output = SteadyOutput(terminal, lambda: Size(rows=30, columns=terminal.screen.width))  # type: ignore[arg-type]
    with create_pipe_input() as keys:
        rows = FormattedTextControl("a" * 50 + "\n" + "b" * 30, get_cursor_position=lambda: Point(0, 1))
        layout = Layout(Window(rows, wrap_lines=True))
        app: Application[None] = Application(layout=layout, input=keys, output=output)
        follow_width(app, output)

        drawn = asyncio.Event()
        app.after_render += lambda _: drawn.set()

        async def narrowed() -> None:
            await drawn.wait()
            assert terminal.screen.text.split("\n") == ["a" * 50, "b" * 30]
            terminal.screen.narrow(40)
            if after == "drawn anew":
                app._redraw()  # as a clock in the status line has it
            else:
                await run_in_terminal(lambda: output.write("above\r\n"))
            app.exit()

        await asyncio.gather(app.run_async(), narrowed())
    above = ["above"] if after == "written above" else []
    assert terminal.screen.text.rstrip().split("\n") == [*above, "a" * 40, "a" * 10, "b" * 30]


async def test_a_terminal_that_is_narrowed_while_it_is_drawn_keeps_no_row_of_a_wider_one() -> None:
    terminal = Wrapping(60)
    output = SteadyOutput(terminal, lambda: Size(rows=30, columns=terminal.screen.width))  # type: ignore[arg-type]
    narrowing = False

    def rows() -> str:
        if narrowing:
            terminal.screen.narrow(30)
        return "\n".join(row[: output.get_size().columns - 1] for row in ("top", "a" * 50, "b" * 20))

    with create_pipe_input() as keys:
        control = FormattedTextControl(rows, get_cursor_position=lambda: Point(0, 2))
        app: Application[None] = Application(layout=Layout(Window(control)), input=keys, output=output)
        follow_width(app, output)
        drawn = asyncio.Event()
        app.after_render += lambda _: drawn.set()

        async def narrowed() -> None:
            nonlocal narrowing
            await drawn.wait()
            narrowing = True
            app._redraw()
            narrowing = False
            app._redraw()  # as the signal has it
            app.exit()

        await asyncio.gather(app.run_async(), narrowed())
    assert terminal.screen.text.rstrip().split("\n") == ["top", "a" * 29, "b" * 20]


@pytest.mark.parametrize(
    ("environ", "wraps"),
    [
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, True),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(390)"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
    ],
)
def test_only_a_terminal_that_is_known_to_wrap_again_is_taken_for_one(
    environ: dict[str, str], wraps: bool
) -> None:
    assert wraps_again(environ) is wraps


def test_what_was_sent_before_the_first_prompt_is_sent(cli: Cli) -> None:
    terminal = cli.terminal("-m", cli.script(saying("I heard you.")))
    terminal.type("too early\rnot sent")
    terminal.wait_until(lambda: "I heard you." in terminal.screen.text, "the answer")
    terminal.wait_until(lambda: "> not sent" in terminal.screen.text, "the rest")
    terminal.type(CTRL_C + CTRL_D)
    assert terminal.end() == 0


def test_a_message_of_several_lines_is_one_message(talk) -> None:
    with talk(saying("ok"), saying("ok"), saying("ok")) as it:
        it.terminal.type("one" + CTRL_J + "two")
        it.say("")
        it.shown(" finished")
        it.terminal.type("three" + ALT_ENTER + "four")
        it.say("")
        it.shown(" finished", 2)
        it.terminal.type("\x1b[200~five\nsix\x1b[201~")  # as a terminal sends what is pasted
        it.say("")
        it.shown(" finished", 3)
        assert [event.text for event in it.events(PersonSaid)] == ["three\nfour", "five\nsix"]


def test_what_is_sent_while_it_works_waits_its_turn_and_is_shown_as_queued(talk) -> None:
    slow = {**calling("list_files"), "wait": 1.0}
    with talk(slow, saying("first done"), saying("second done")) as it:
        it.say("first")
        it.shown("thinking")
        it.say("second")
        it.shown("queued  second")
        it.shown("second done")
        it.shown(" finished", 2)
        text = it.text
        assert text.index("first done") < text.index("second done")
        assert [event.text for event in it.events(PersonSaid)] == ["second"]


def test_a_word_for_now_is_heard_before_the_next_step(talk) -> None:
    with talk({**calling("list_files"), "wait": 1.0}, saying("I heard you")) as it:
        it.say("first")
        it.shown("thinking")
        it.say("/now mind the gap")
        it.shown("heard  mind the gap")
        it.shown(" finished")
        [said] = it.events(PersonSaid)
        assert (said.text, said.workspace_before) == ("mind the gap", "")


# --- Ctrl-C, Ctrl-D, and a terminal that goes away


def test_ctrl_c_stops_the_step_and_the_model_goes_on_with_what_it_is_told(cli: Cli, talk) -> None:
    with talk(SLEEPER, saying("I see that it was stopped.")) as it:
        it.say("wait long")
        it.shown("at-42")
        it.terminal.type(CTRL_C)
        it.shown("going on in a moment")
        it.shown("I see that it was stopped.")
        it.shown(" finished")
        [result] = [event.result for event in it.events(CallFinished)]
        assert result.outcome is Outcome.UNKNOWN
        assert "the person stopped it while run_shell was running" in result.text
        assert "Until then it had printed:\nat-42" in result.text
        assert not sleeping(cli)
        assert not it.events(PersonStopped)


def test_a_second_ctrl_c_goes_back_to_the_prompt(cli: Cli, talk) -> None:
    with talk(SLEEPER, saying("never"), saying("all right")) as it:
        it.say("wait long")
        it.shown("at-42")
        it.terminal.type(CTRL_C)
        it.shown("going on in a moment")
        it.terminal.type(CTRL_C)
        it.shown("interrupted")
        assert it.events(RunEnded)[-1].ending is Ending.INTERRUPTED
        assert not sleeping(cli)
        it.say("leave it")
        it.shown(" finished")
        it.leave()
    assert "never" in it.text  # the next line of the script: nothing was asked in between
    assert not (cli.workspace / "ended").exists()


@pytest.mark.slow  # the two seconds that a person has are too few on a machine with much else to do
def test_after_a_stopped_call_a_word_is_heard_before_it_goes_on(talk) -> None:
    with talk(SLEEPER, saying("I use the other one.")) as it:
        it.say("wait long")
        it.shown("at-42")
        it.terminal.type(CTRL_C)
        it.terminal.type("the other")  # at once: a busy machine may need the two seconds to show anything
        it.shown("going on in a moment")
        time.sleep(2.5)  # while the person types nothing goes on
        it.say(" one, please")
        it.shown("heard  the other one, please")
        it.shown("I use the other one.")
        assert [event.text for event in it.events(PersonSaid)] == ["the other one, please"]


def test_ctrl_c_while_the_model_thinks_stops_at_the_prompt(talk) -> None:
    with talk({**saying("never"), "wait": 3000}, saying("never"), saying("hello again")) as it:
        it.say("think")
        it.shown("thinking")
        it.terminal.type(CTRL_C)
        it.shown("interrupted")
        assert it.events(RunEnded)[-1].ending is Ending.INTERRUPTED
        it.terminal.type("half a line" + CTRL_C)
        it.say("hello")
        it.shown(" finished")
        assert [event.text for event in it.events(PersonSaid)] == ["hello"]


def test_pressed_twice_while_the_model_thinks_it_does_not_lead_out(talk) -> None:
    with talk({**saying("never"), "wait": 3000}, saying("never"), saying("hello again")) as it:
        it.say("think")
        it.shown("thinking")
        it.terminal.type(CTRL_C)
        it.shown("interrupted")
        it.terminal.type(CTRL_C + CTRL_C)
        it.say("hello")
        it.shown(" finished")
        assert "again leaves" not in it.text


def test_a_plain_terminal_says_that_it_goes_on_in_a_moment(talk) -> None:
    with talk(SLEEPER, saying("I see."), TERM="dumb") as it:
        it.terminal.type("wait long\n")
        it.shown("at-42")
        it.terminal.type(CTRL_C)
        it.shown("stopped  it goes on in a moment")
        it.shown("I see.")
        it.shown(" finished")


def test_at_the_prompt_ctrl_c_clears_then_hints_then_leaves(talk) -> None:
    with talk(saying("x")) as it:
        it.terminal.type("half a line")
        it.shown("half a line")
        it.terminal.type(CTRL_C)
        time.sleep(0.3)
        assert "again leaves" not in it.text
        it.terminal.type(CTRL_C)
        it.shown("Ctrl-C again leaves")
        it.terminal.type(CTRL_C)
        assert it.terminal.end() == 0


def test_ctrl_d_at_work_saves_and_kills_and_go_takes_it_up(cli: Cli, talk) -> None:
    with talk(SLEEPER, saying("over")) as it:
        it.say("wait long")
        it.shown("at-42")
        assert it.leave() == 0
        assert not sleeping(cli)
    with talk(flags=("--resume",)) as again:
        again.shown("unfinished")
        again.shown("wait long")
        again.say("/go")
        again.shown("over")
        again.shown(" finished")


def test_what_was_sent_and_not_heard_is_kept_when_the_person_leaves(cli: Cli, talk) -> None:
    with talk(SLEEPER, saying("over"), saying("heard one"), saying("heard two")) as it:
        it.say("wait long")
        it.shown("at-42")
        for text in ("message one", "!echo from-$((40+3))", "message two", "/now use less"):
            it.say(text)
        it.shown("queued  message two")
        it.shown("before the next step")
        assert it.leave() == 0
        assert "kept  what was sent and not heard" in it.text
    [kept] = (cli.folder / "waiting").iterdir()
    assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(kept.parent.stat().st_mode)) == (0o600, 0o700)
    for _ in range(2):  # whoever only looks leaves it as it is
        with talk(flags=("--resume",)) as again:
            again.shown("next  use less")
            again.shown("queued  message two")
            assert again.leave() == 0
    with talk(flags=("--resume",)) as again:
        again.shown("queued  message two")
        again.say("/go")
        again.shown("heard two")
        again.shown(" finished", 3)
        assert "from-43" in again.text
        assert [event.text for event in again.events(PersonSaid)] == [
            "use less",
            "message one",
            "message two",
        ]
        assert list((cli.folder / "waiting").iterdir()) == []


def test_what_waits_from_last_time_goes_into_the_input_with_ctrl_c(cli: Cli, talk) -> None:
    with talk(SLEEPER, saying("over")) as it:
        it.say("wait long")
        it.shown("at-42")
        it.say("message one")
        it.shown("queued  message one")
        it.leave()
    with talk(flags=("--resume",)) as again:
        again.shown("queued  message one")
        again.terminal.type(CTRL_C)
        again.shown("> message one")
        again.terminal.type(CTRL_C)
        again.shown("> ")
        again.say("/now rather this")
        again.shown(" finished")
        again.leave()
        assert [event.text for event in again.events(PersonSaid)] == ["rather this"]
        assert list((cli.folder / "waiting").iterdir()) == []


def test_what_waits_goes_away_with_its_run(cli: Cli, talk) -> None:
    with talk(SLEEPER) as it:
        it.say("wait long")
        it.shown("at-42")
        it.say("message one")
        it.shown("queued  message one")
        it.leave()
    assert len(list((cli.folder / "waiting").iterdir())) == 1
    assert cli("runs", "rm", cli.run_id(), "--yes").returncode == 0
    assert list((cli.folder / "waiting").iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_what_there_is(cli: Cli, talk, number: signal.Signals, code: int) -> None:
    with talk(SLEEPER, saying("over")) as it:
        it.say("wait long")
        it.shown("at-42")
        it.terminal.process.send_signal(number)
        assert it.terminal.end() == code
        assert not sleeping(cli)
        assert "Traceback" not in it.text
    with talk(flags=("--resume",)) as again:
        again.say("never mind")
        again.shown(" finished")
        told = again.events(PersonSaid)
        assert [event.text for event in told] == ["never mind"]


def test_a_second_signal_does_not_wait(cli: Cli, talk) -> None:
    with talk(SLEEPER, saying("over")) as it:
        it.say("wait long")
        it.shown("at-42")
        it.terminal.process.send_signal(signal.SIGSTOP)  # so that both are there before the first is answered
        it.terminal.process.send_signal(signal.SIGTERM)
        it.terminal.process.send_signal(signal.SIGHUP)
        it.terminal.process.send_signal(signal.SIGCONT)
        it.terminal.process.wait(60)
        assert it.terminal.process.returncode in (129, 143)
        wait_until(lambda: not sleeping(cli))
    with talk(flags=("--resume",)) as again:
        again.say("/go")
        again.shown("over")


def test_a_terminal_that_is_closed_leaves_a_conversation_that_can_be_resumed(cli: Cli, talk) -> None:
    it = talk(SLEEPER, saying("over"), saying("good"))
    it.say("wait long")
    it.shown("at-42")
    it.say("and then this")
    it.shown("queued  and then this")
    it.terminal.hang_up()
    it.terminal.process.wait(60)
    wait_until(lambda: not sleeping(cli))
    with talk(flags=("--resume", cli.run_id())) as again:
        again.shown("queued  and then this")
        again.shown("wait long")
        again.shown("in doubt  run_shell was stopped at work")
        again.say("/go")
        again.shown("over")
        again.shown(" finished")
    with talk(flags=("--resume", cli.run_id())) as later:
        assert "in doubt" not in later.shown("over")


def test_a_terminal_that_is_gone_before_any_signal_says_so_loses_nothing(cli: Cli, talk) -> None:
    # as where a shell stands between the window and us: writing fails, and its SIGHUP comes later or never
    argv = [*AGENTKIT, "-m", str(cli.script(SLEEPER, saying("over"), saying("good")))]
    terminal = cli.shell_terminal(f"exec setsid --wait {shlex.join(argv)}")
    terminal.wait_for(">")
    terminal.type("wait long")
    terminal.type(ENTER)
    terminal.wait_for("at-42")
    terminal.type("and then this")
    terminal.type(ENTER)
    terminal.wait_for("queued")
    terminal.hang_up()
    wait_until(lambda: not sleeping(cli))
    wait_until(lambda: not json.loads(cli("runs", "list", "--output", "json").stdout)[0]["busy"])
    assert "outcome unknown: " in cli("runs", "show", cli.run_id()).stdout
    with talk(flags=("--resume", cli.run_id())) as again:
        again.shown("queued  and then this")


def test_kill_9_while_a_command_runs_then_resume_tells_the_doubt(cli: Cli, talk) -> None:
    it = talk(SLEEPER, saying("I check first."))
    it.say("wait long")
    it.shown("at-42")
    it.say("/diff")
    it.shown("not shown is what run_shell does, which is running")
    it.terminal.process.kill()
    it.terminal.process.wait(60)
    wait_until(lambda: not sleeping(cli))
    with talk(flags=("--resume",)) as again:
        again.shown("in doubt  run_shell was running")
        again.say("/diff")
        assert "no file differs" not in again.shown(
            "not shown is what run_shell did last: nobody knows how far"
        )
        again.say("what happened?")
        again.shown("I check first.")
        again.shown(" finished")
        [result] = [event.result for event in again.events(CallFinished)]
        assert result.outcome is Outcome.UNKNOWN


# --- what is kept, and how it looks


def test_the_history_is_private_for_each_project_and_without_secrets(cli: Cli, talk) -> None:
    key = "sk-" + "a1B2c3D4" * 5
    with talk(saying("ok"), flags=("-w", cli.workspace)) as it:
        it.say(f"remember {key}")
        it.shown(" finished")
        it.leave()
    folder = cli.journal.parent / "history"
    [path] = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "remember" in path.read_text()
    assert key not in path.read_text()
    with talk(saying("ok")) as again:
        again.terminal.type("\x1b[A")
        again.shown("remember")
    other = cli.folder / "other"
    other.mkdir()
    with talk(saying("ok"), flags=("-w", other)) as elsewhere:
        elsewhere.leave()
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_without_colours_there_are_none(talk, env: dict[str, str]) -> None:
    with talk(calling("list_files"), saying("all is well"), **env) as it:
        it.say("look")
        it.shown("all is well")
        it.shown(" finished")
        it.leave()
    assert not re.search(r"\x1b\[[\d;]*[1-9][\d;]*m", it.terminal.text)
    if "TERM" in env:
        assert "\x1b" not in it.terminal.text


def test_a_plain_terminal_has_the_same_conversation(cli: Cli, talk) -> None:
    write = calling("write_file", path="a.txt", content="x")
    with talk(write, saying("done"), saying("bye"), flags=("--approve", "ask"), TERM="dumb") as it:
        it.terminal.type("write\n")
        it.shown("Allow it?")
        it.terminal.type("y\n")
        it.shown(" finished")
        it.terminal.type("thanks\n")
        it.shown(" finished", 2)
        it.terminal.type(CTRL_D)
        assert it.terminal.end() == 0
    assert (cli.workspace / "a.txt").exists()


def test_without_the_line_editor_there_is_a_plain_one_and_a_hint(cli: Cli) -> None:
    program = "import sys; sys.modules['prompt_toolkit'] = None; from agentkit.__main__ import main; main()"
    model = cli.script(saying("all is well"))
    terminal = cli.shell_terminal(f'exec {sys.executable} -c "{program}" -m {model}')
    terminal.wait_for("pip install 'agentkit[repl]'")
    terminal.wait_for("> ")
    terminal.type("hello\n")
    terminal.wait_for("all is well")
    terminal.type(CTRL_D)
    assert terminal.end() == 0


def test_the_first_prompt_loads_nothing_that_it_does_not_need(cli: Cli) -> None:
    imports = cli.folder / "imports"
    terminal = cli.shell_terminal(f"exec {sys.executable} -X importtime -m agentkit 2> {imports}")
    terminal.wait_for("/help")
    terminal.wait_for("\x1b[?2004h")
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    loaded = {line.rpartition("|")[2].strip() for line in imports.read_text().splitlines()}
    assert "prompt_toolkit" in loaded
    heavy = {"torch", "numpy", "openai", "httpx", "pydantic", "rich", "sqlite3", "yaml", "agentkit.assembly"}
    assert not heavy & loaded


def test_without_a_terminal_the_lines_of_standard_input_are_said(cli: Cli) -> None:
    model = cli.script(calling("write_file", path="a.txt", content="x"), saying("done"), saying("bye"))
    done = cli("-m", model, stdin="write a.txt\n/budget\nthanks\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("done") < done.stdout.index("for this message") < done.stdout.index("bye")
    assert (cli.workspace / "a.txt").exists()
    failed = cli("-m", cli.script({"error": {"kind": "ProviderDown", "message": "gone"}}), stdin="hello\n")
    assert failed.returncode == 7
    silent = cli("-m", model, stdin="")
    assert (silent.returncode, "agentkit --help" in silent.stderr) == (2, True)


def test_a_line_that_is_not_utf_8_is_said_so_and_begins_no_run(cli: Cli) -> None:
    model = cli.script(saying("heard"))
    done = cli("-m", model, stdin=b"\xff\xfe x\n")
    assert done.returncode == 2
    assert "not UTF-8 text; write it in UTF-8" in done.stdout
    assert "saved" not in done.stdout
    assert json.loads(cli("runs", "list", "--output", "json").stdout) == []
    mixed = cli("-m", model, stdin=b"\xff\nhello\n")
    assert (mixed.returncode, "heard" in mixed.stdout) == (0, True)


def test_a_flag_before_a_command_is_refused_and_not_dropped(cli: Cli) -> None:
    done = cli("--model", "scripted:x", "runs", "list")
    assert done.returncode == 2
    assert "--model stands before runs" in done.stderr


def test_an_answer_for_which_nothing_was_called_says_so(cli: Cli) -> None:
    lines = (saying("I changed it."), calling("write_file", path="a.txt", content="x"), saying("Now I did."))
    out = cli("-m", cli.script(*lines), stdin="change it\nreally\n").stdout
    first, second = (line for line in out.splitlines() if line.startswith(" finished"))
    assert first.endswith(", nothing was called")
    assert not second.endswith(", nothing was called")


def test_of_a_long_result_the_beginning_and_the_end_are_shown(cli: Cli) -> None:
    count = calling("run_shell", command="seq 40; false")
    out = cli("-m", cli.script(count, saying("done")), stdin="count\n").stdout
    shown = [line.strip() for line in out.splitlines()]
    assert shown[shown.index("1") :][:5] == ["1", "2", "3", "… 32 lines …", "36"]
    assert "[exit status 1]" in shown
    assert shown.count("1") == 1
