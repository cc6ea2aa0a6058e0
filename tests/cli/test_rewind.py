"""Back to an earlier message: the conversation, the files, or both; and the keys of vi, and notes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.events import PersonSaid, RunStarted
from agentkit.journal.store import Journal

from .conftest import CTRL_C, ENTER, Cli, Talk, calling, saying

ESC = "\x1b"
SCRIPT = (
    saying("Here."),
    calling("write_file", path="one.txt", content="1\n"),
    saying("Wrote one."),
    calling("write_file", path="two.txt", content="2\n"),
    saying("Wrote two."),
)
SAID = ("hello", "write one", "write two")


def went_back(cli: Cli, *answers: str) -> str:
    done = cli("-m", cli.script(*SCRIPT), stdin="\n".join((*SAID, *answers)) + "\n")
    assert "Traceback" not in done.stderr
    return done.stdout


def files(cli: Cli) -> list[str]:
    return sorted(path.name for path in cli.workspace.iterdir())


@pytest.mark.parametrize(
    ("answers", "left", "back"),
    [
        (("/rewind", "2", "b"), [], True),
        (("/rewind", "2", "f"), [], False),
        (("/rewind", "3", "c"), ["one.txt", "two.txt"], True),
        (("/rewind 3 both",), ["one.txt"], True),
        (("/rewind", "2", ""), ["one.txt", "two.txt"], False),
        (("/rewind", ""), ["one.txt", "two.txt"], False),
        (("/rewind 4",), ["one.txt", "two.txt"], False),
        (("/rewind 2 sideways",), ["one.txt", "two.txt"], False),
    ],
)
def test_what_was_named_goes_back_and_nothing_else(
    cli: Cli, answers: tuple[str, ...], left: list[str], back: bool
) -> None:
    out = went_back(cli, *answers)
    assert files(cli) == left
    assert ("   forked  run" in out) is back
    if answers[0] == "/rewind":
        assert "2  write one (2 files changed since)" in out


def test_before_the_first_message_a_conversation_begins_anew(cli: Cli) -> None:
    out = went_back(cli, "/rewind 1 both", "/diff")
    assert "the next message begins a new conversation" in out
    assert out.rstrip().endswith(("nothing was said yet\n>", "nothing was said yet\n> "))
    assert files(cli) == []


def test_escape_twice_opens_the_list_and_the_message_comes_back_to_be_changed(
    cli: Cli, talk: Callable[..., Talk]
) -> None:
    with talk(*SCRIPT[:3], saying("Again.")) as it:
        it.say("hello")
        it.shown("Here.")
        it.say("write one")
        it.shown("verified  one.txt")
        it.terminal.type(ESC + ESC)
        it.shown("back to before which message?")
        it.terminal.type(CTRL_C)  # leaves the question, and not the conversation
        it.say("/rewind")
        it.shown("back to before which message?", 2)
        it.say("2")
        it.shown("what goes back")
        it.say("b")
        it.shown("> write one", 2)
        it.terminal.type(" more")
        it.terminal.type(ENTER)
        it.shown("> write one more")
        it.shown("finished", 3)
        events = [one.event for one in it.recorded()]
        assert [one.goal for one in events if isinstance(one, RunStarted)] == ["hello"]
        assert [one.text for one in events if isinstance(one, PersonSaid)] == ["write one more"]


def test_the_keys_can_be_those_of_vi(cli: Cli, talk: Callable[..., Talk]) -> None:
    with talk(saying("Here."), flags=("--keys", "vi")) as it:
        it.terminal.type("hellop" + ESC)
        it.terminal.type("x")
        it.terminal.type(ENTER)
        it.shown("Here.")
        assert it.events(RunStarted)[0].goal == "hello"


def test_a_note_is_kept_in_the_memory_that_the_conversation_has(cli: Cli, tmp_path: Path) -> None:
    lines = "# use tabs\n# # is a comment\n/memory\n"
    out = cli("-m", cli.script(saying("x")), "--memory", "ada", stdin=lines).stdout
    assert "project workspace" in out
    assert out.count("use tabs") >= 2
    assert "begin with agentkit --memory" in cli("-m", cli.script(saying("x")), stdin="# use tabs\n").stdout


def test_a_message_comes_back_as_it_was_typed_and_what_a_command_printed_goes_along_again(cli: Cli) -> None:
    (cli.workspace / "a.txt").write_text("milk\n")
    lines = ("hello", "!!echo from-$((40+2))", "look @a.txt", "/rewind", "2", "again")
    script = cli.script(saying("Here."), saying("Milk."), saying("Again."))
    out = cli("-m", script, stdin="\n".join(lines) + "\n").stdout
    assert "2  look @a.txt (no file changed since)" in out
    assert "not sent  look @a.txt\n" in out
    with Journal.open(cli.journal) as journal:
        events = [one.event for one in journal.events(cli.run_id())]
    ran = "I ran this command (exit status 0):\n$ echo from-$((40+2))\nfrom-42"
    assert [one.text for one in events if isinstance(one, PersonSaid)] == [f"again\n\n{ran}"]
