"""What a person can say to a call that they are asked about, in a conversation on a pseudo-terminal."""

import signal

import pytest

from agentkit.core.events import CallFinished, PersonSaid

from .conftest import CTRL_C, CTRL_J, ENTER, Cli, calling, saying, wait_until


def test_the_next_calls_are_allowed_ahead_and_no_more(cli: Cli, talk) -> None:
    writes = [calling("write_file", path=f"{n}.txt", content="x") for n in range(4)]
    with talk(*writes, saying("done"), flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("Allow it?")
        it.say("y -3")
        it.shown("Allow it?", 2)
        wait_until((cli.workspace / "2.txt").exists)
        assert sorted(path.name for path in cli.workspace.iterdir()) == ["0.txt", "1.txt", "2.txt"]
        it.say("n")
        it.shown("done")
        assert not (cli.workspace / "3.txt").exists()
    shown = cli("runs", "show", cli.run_id()).stdout
    assert [shown.count(f'write_file(path="{n}.txt"') for n in range(4)] == [1] * 4
    assert shown.count("allowed  the person allowed it\n") == 1
    assert shown.count("allowed  the person allowed it ahead\n") == 2
    assert "denied  the person said no" in shown


def test_what_was_allowed_ahead_ends_with_the_message(cli: Cli, talk) -> None:
    writes = [calling("write_file", path=f"{n}.txt", content="x") for n in range(2)]
    with talk(writes[0], saying("one"), writes[1], saying("two"), flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("Allow it?")
        it.say("y -9")
        it.shown(" finished")
        it.say("write again")
        it.shown("Allow it?", 2)
        assert not (cli.workspace / "1.txt").exists()
        it.say("y")
        it.shown(" finished", 2)


def test_help_diff_and_why_never_take_the_decision(cli: Cli, talk) -> None:
    (cli.workspace / "a.txt").write_text("old\n")
    write = calling("write_file", path="a.txt", content="new\n")
    with talk(write, saying("done"), flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("Allow it?")
        it.say("?")
        it.shown("any other words are told to the agent")
        it.say("d")
        it.shown("-old")
        it.shown("+new")
        it.say("w")
        it.shown("ask: approve = ask, and it changes files in the workspace (flag: --approve)")
        it.say("q")
        it.shown("any other words are told to the agent", 2)
        assert (cli.workspace / "a.txt").read_text() == "old\n"
        assert not it.events(CallFinished)
        it.say("y")
        it.shown("done")
    assert (cli.workspace / "a.txt").read_text() == "new\n"


def test_other_words_are_feedback_instead_of_the_call(cli: Cli, talk) -> None:
    write = calling("write_file", path="a.txt", content="x")
    with talk(write, *[saying("I will not.")] * 3, flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("Allow it?")
        it.say("use b.txt instead")
        it.shown("I will not.")
        [result] = [event.result for event in it.events(CallFinished)]
        assert result.text.endswith("did not run; the person says: use b.txt instead")
    assert not (cli.workspace / "a.txt").exists()


def test_arguments_are_changed_before_a_call_runs(cli: Cli, talk) -> None:
    write = calling("write_file", path="a.txt", content="x")
    with talk(write, saying("done"), flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("Allow it?")
        it.say("e")
        it.shown("arguments: ")
        it.terminal.type("\x15")
        it.say('{"path": 1}')
        it.shown("these arguments cannot be")
        it.terminal.type("\x15")
        it.say('{"path": "b.txt", "content": "mine"}')
        it.shown("Allow it?", 2)
        it.say("y")
        it.shown("done")
    assert (cli.workspace / "b.txt").read_text() == "mine"
    assert not (cli.workspace / "a.txt").exists()


def test_a_preview_cannot_steer_the_terminal(talk) -> None:
    evil = calling("write_file", path="a.txt", content="one\n\x1b[2J\x1b]0;owned\x07two\u202e\n")
    with talk(evil, *[saying("no")] * 3, flags=("--approve", "ask"), NO_COLOR="1") as it:
        it.say("write")
        text = it.shown("Allow it?")
        assert "\\u001b[2J\\u001b]0;owned\\u0007two\\u202e" in text
        it.say("d")
        it.shown("\\u001b]0;owned", 2)
        assert "\x1b]0;owned" not in it.terminal.text
        assert "\u202e" not in it.terminal.text
        it.say("n")
        it.shown("no", 1)


def test_what_was_being_typed_is_no_answer_to_a_question_and_comes_back(cli: Cli, talk) -> None:
    write = {**calling("write_file", path="a.txt", content="x"), "wait": 0.5}
    with talk(write, saying("done"), saying("and more"), flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("thinking")
        it.terminal.type("yes, and ")
        it.shown("Allow it?")
        it.say("n")
        it.shown("denied")
        it.say("then more")
        it.shown("and more")
        assert [event.text for event in it.events(PersonSaid)] == ["yes, and then more"]
    assert not (cli.workspace / "a.txt").exists()


def test_ctrl_c_at_a_question_stops_and_nothing_runs(cli: Cli, talk) -> None:
    write = calling("write_file", path="a.txt", content="x")
    with talk(write, saying("over"), flags=("--approve", "ask")) as it:
        it.say("write")
        it.shown("Allow it?")
        it.terminal.type(CTRL_C)
        it.shown("interrupted")
        it.say("hello")
        it.shown("over")
        it.leave()
    assert not (cli.workspace / "a.txt").exists()


@pytest.mark.parametrize("env", [{}, {"TERM": "dumb"}])
def test_a_signal_at_a_question_leaves_and_nothing_runs(cli: Cli, talk, env: dict[str, str]) -> None:
    write = calling("write_file", path="a.txt", content="x")
    with talk(write, saying("over"), flags=("--approve", "ask"), **env) as it:
        it.terminal.type("write" + (CTRL_J if env else ENTER))
        it.shown("Allow it?")
        it.terminal.process.send_signal(signal.SIGTERM)
        assert it.terminal.end() == 143
        assert "Traceback" not in it.text
    assert not (cli.workspace / "a.txt").exists()


def test_the_agent_asks_and_hears_the_person(talk) -> None:
    with talk(calling("ask_user", question="which colour?"), saying("thanks")) as it:
        it.say("paint")
        it.shown("your answer:")
        it.say("grün")
        it.shown("thanks")
        it.shown(" finished")
        [result] = [event.result for event in it.events(CallFinished)]
        assert "grün" in result.text
