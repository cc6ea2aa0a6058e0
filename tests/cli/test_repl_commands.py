"""What begins with a slash, an exclamation mark or an at sign, in a conversation on a pseudo-terminal."""

import json
import re
import socket
import time

import pytest

from agentkit.agents.fold import fold
from agentkit.core.events import Nudged, PersonSaid

from .conftest import CTRL_C, ENTER, SLEEPER, TAB, Cli, OpenAIServer, calling, saying, sleeping, wait_until

# --- commands


def test_help_names_every_command_and_its_keys(talk) -> None:
    from agentkit.cli.repl.slash import COMMANDS

    with talk(saying("x")) as it:
        it.say("/help")
        text = it.shown("Ctrl-R")
        assert {f"/{name}" for name in COMMANDS} <= set(re.findall(r"/[a-z]+", text))


def test_a_beginning_will_do_and_what_is_only_similar_never_runs(talk) -> None:
    with talk(saying("x")) as it:
        it.say("/hepl")
        it.shown("there is no /hepl; there is /help")
        it.say("/r")
        it.shown("/r can be /runs, /resume")
        it.say("/qui")
        assert it.terminal.end() == 0


def test_files_are_set_back_and_made_again_and_the_model_is_told(cli: Cli, talk) -> None:
    (cli.workspace / "a.txt").write_text("old\n")
    write = calling("write_file", path="a.txt", content="new\n")
    shell = calling("run_shell", command="echo b > b.txt")
    with talk(write, shell, saying("done"), saying("I look again.")) as it:
        it.say("change it")
        it.shown(" finished")
        it.say("/diff")
        it.shown("-old")
        it.shown("b.txt")
        it.say("/undo")
        it.shown("undid what step 2 did to the files: removed")
        assert not (cli.workspace / "b.txt").exists()
        it.say("/undo 0")
        it.shown("undid what step 1 did")
        assert (cli.workspace / "a.txt").read_text() == "old\n"
        it.say("/diff")
        it.shown("no file differs")
        it.say("/redo")
        it.shown("redid what step 1 did")
        assert (cli.workspace / "a.txt").read_text() == "new\n"
        it.say("what now?")
        it.shown(" finished", 2)
        told = fold(it.recorded()).said[-2].text
        assert "undid what step 2 did to the files" in told
        assert told.endswith("what now?")


def test_what_the_person_changed_is_covered_only_when_they_say_so(cli: Cli, talk) -> None:
    write = calling("write_file", path="a.txt", content="x")
    last = calling("finish", result="I made a.txt.", evidence=["a.txt"])
    with talk(write, last) as it:
        it.say("make it")
        it.shown(" finished")
        assert it.text.count("I made a.txt.") == 2  # in the call, and as the answer
        it.say("!echo mine > a.txt")
        it.say("/undo")
        it.shown("Here that is /undo force, and /redo")
        assert (cli.workspace / "a.txt").read_text() == "mine\n"
        it.say("/undo force")
        it.shown("covered what others had changed")
        assert not (cli.workspace / "a.txt").exists()
        it.say("/redo")
        it.shown("brought back a.txt")
        assert (cli.workspace / "a.txt").read_text() == "mine\n"


def test_files_of_a_run_that_is_taken_up_are_set_back_before_a_word_is_said(cli: Cli, talk) -> None:
    cli.run(calling("write_file", path="a.txt", content="x"), saying("done"))
    with talk(flags=("--resume",)) as it:
        it.shown("resumed")
        it.say("/undo")
        it.shown("undid what step 1 did to the files")
        assert not (cli.workspace / "a.txt").exists()
        it.say("/undo")
        it.shown("has changed no files that are not set back already")


def test_what_fills_the_window_is_told_and_made_shorter_and_whole_again(cli: Cli, talk) -> None:
    (cli.workspace / "long.txt").write_text("".join(f"line {n} of a long file\n" for n in range(250)))
    looks = [calling("read_file", path="long.txt", first_line=n) for n in range(1, 9)]
    with talk(*looks, saying("read"), saying("still here")) as it:
        it.say("/context")
        it.shown("nothing was said yet")
        it.say("read it")
        it.shown(" finished")
        it.say("/context")
        it.shown("are kept for the answer")
        assert re.search(r"\d %  results \(8\)", it.text)
        it.say("/compact")
        it.shown("shorter  ")
        it.say("/compact undo")
        it.shown("longer  shown whole again")
        it.say("/compact undo")
        it.shown("nothing is left out")
        it.say("are you there?")
        it.shown("still here")


def test_a_path_is_a_message_and_no_command(talk) -> None:
    with talk(saying("yes")) as it:
        it.say("/etc/hosts is a file")
        it.shown(" finished")


def test_the_runs_of_this_folder_are_listed_and_one_is_resumed(cli: Cli, talk) -> None:
    other = cli.folder / "other"
    other.mkdir()
    cli.run(saying("done"), flags=("-w", other), goal="elsewhere")
    cli.run(saying("the old answer"), saying("more"), goal="an old goal")
    with talk(saying("x")) as it:
        it.say("/runs")
        it.shown("an old goal")
        assert "elsewhere" not in it.text
        it.say("/runs all")
        it.shown("elsewhere")
        it.say("/resume")
        it.shown("the old answer")
        it.say("go further")
        it.shown("more")
        it.shown(" finished")
        assert [event.text for event in it.events(PersonSaid)] == ["go further"]


def test_a_run_of_another_folder_is_gone_on_with_there(cli: Cli, talk) -> None:
    other = cli.folder / "other"
    other.mkdir()
    (other / "here.txt").write_text("found")
    cli.run(saying("done"), saying("ok"), flags=("-w", other), goal="elsewhere")
    with talk(flags=("--resume", cli.run_id())) as it:
        it.shown("resumed")
        it.say("!cat here.txt; echo; pwd")
        it.shown("found")
        it.say("see @here.txt")
        it.shown("here.txt goes along")
        it.shown(" finished")


def test_what_is_resumed_without_a_name_is_where_something_happened_last(cli: Cli, talk) -> None:
    nothing = cli.terminal("--resume")
    assert nothing.end() == 2
    assert "there is no journal" in nothing.text
    cli.run(saying("done"), saying("still there"), goal="the old one")
    old = cli.run_id()
    cli.run(saying("done"), goal="the new one")
    with talk(flags=("--resume", old)) as it:
        it.say("once more")
        it.shown("still there")
        it.shown(" finished")
    with talk(flags=("--resume",)) as again:
        again.shown("the old one")


def test_tools_why_and_budget_tell_what_holds_here(talk) -> None:
    with talk(
        calling("list_files"), saying("x"), flags=("--deny", "run_shell(rm *)", "--max-steps", "7")
    ) as it:
        it.say("/tools read_file")
        it.shown("read_file(path")
        it.say("/why rm -rf .")
        it.shown("deny: the rule deny = 'run_shell(rm *)'")
        it.say("look")
        it.shown(" finished")
        it.say("/why")
        it.shown("allow: approve = auto, and it only reads")
        it.say("/budget")
        it.shown("2 of 7 for this message")


def test_a_cost_that_nobody_knows_is_said_to_be_so(cli: Cli) -> None:
    with OpenAIServer([{"text": "hello"}]) as server:
        flags = ("-m", "openai:test", "--base-url", server.url)
        out = cli(*flags, stdin="hello\n/budget\n", env={"OPENAI_API_KEY": "k"}).stdout
    assert " finished  1 step, 16 tokens, cost unknown, 0" in out
    assert "     cost  unknown of no limit" in out


def test_another_model_goes_on_in_a_fork(cli: Cli, talk) -> None:
    other = cli.script(saying("x"), saying("I am another."))
    with talk(saying("I am one.")) as it:
        it.say("who are you?")
        it.shown(" finished")
        it.say(f"/model {other}")
        it.shown("has the history of")
        it.say("/why ls")
        it.shown("runs code in the sandbox (as the run began)")
        it.say("and you?")
        it.shown("I am another.")
        it.shown(" finished", 2)
    first, second = json.loads(cli("runs", "list", "--output", "json").stdout)[::-1]
    assert second["forked_from"].startswith(first["run_id"])
    assert (second["model"], second["goal"]) == (other, "who are you?")


def test_a_fork_from_a_step_leaves_the_rest_out(cli: Cli, talk) -> None:
    with talk(saying("one"), saying("two"), saying("another two")) as it:
        it.say("first")
        it.shown(" finished")
        it.say("second")
        it.shown(" finished", 2)
        it.say("/fork 1")
        it.shown("up to step 1")
        it.say("second, otherwise")
        it.shown(" finished", 3)
        assert [event.text for event in it.events(PersonSaid)] == ["second, otherwise"]


def test_a_new_conversation_is_a_new_run(cli: Cli, talk) -> None:
    with talk(saying("one"), saying("two")) as it:
        it.say("first")
        it.shown(" finished")
        it.say("/new")
        it.shown("begins a new conversation")
        it.say("second")
        it.shown(" finished", 2)
    goals = [run["goal"] for run in json.loads(cli("runs", "list", "--output", "json").stdout)]
    assert goals == ["second", "first"]


def test_a_new_conversation_says_what_it_has_after_one_that_was_taken_up(cli: Cli, talk) -> None:
    with talk(saying("one"), flags=("--approve", "ask")) as it:
        it.say("first")
        it.shown(" finished")
        it.leave()
    with talk(flags=("--resume",)) as again:
        assert "approve auto" not in again.shown("approve ask")
        again.say("/new")
        again.shown("approve auto")


def test_a_fault_is_told_and_the_conversation_goes_on(talk) -> None:
    failing = {"error": {"kind": "ProviderDown", "message": "nobody is there"}}
    with talk(failing, saying("back")) as it:
        it.say("hello")
        it.shown("nobody is there")
        it.shown("/go asks again")
        it.say("/resume nosuchrun")
        it.shown("no run 'nosuchrun'")
        it.say("/go")
        it.shown("back")
        it.shown(" finished")


def test_a_model_that_is_not_there_is_an_error_and_another_can_be_named(cli: Cli, talk) -> None:
    with talk(flags=("-m", f"scripted:{cli.folder}/none.jsonl")) as it:
        it.say("hello")
        it.shown("none.jsonl: No")
        it.shown("> hello", 2)  # what was sent is in the input again
        it.terminal.type(CTRL_C)
        it.say(f"/model {cli.script(saying('here I am'))}")
        it.say("hello")
        it.shown("here I am")


def test_a_name_that_no_model_can_be_made_from_is_refused_and_the_one_before_stays(cli: Cli, talk) -> None:
    with talk(saying("one"), saying("two")) as it:
        it.say("/model local:nope")
        it.shown("no local model 'nope'")
        it.say("first")
        it.shown(" finished")
        it.say("/model local:nope")
        it.shown("no local model 'nope'", 2)
        it.say("/fork 0 local:nope")
        it.shown("no local model 'nope'", 3)
        it.say("second")
        it.shown(" finished", 2)
    assert len(json.loads(cli("runs", "list", "--output", "json").stdout)) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("scripted:none.jsonl", "such file or"),
        ("replay:nosuchrun", "no run"),
        ("openai:gpt-4o", "needs a key"),
        ("local:smollm2+none.safetensors", "there is no adapter"),
    ],
)
def test_a_model_that_cannot_be_had_is_refused_before_anything_is_forked(
    cli: Cli, talk, name: str, told: str
) -> None:
    with talk(saying("one"), saying("two")) as it:
        it.say(f"/model {name}")
        it.shown(told)
        it.say("first")
        it.shown(" finished")
        it.say(f"/model {name}")
        it.shown(told, 2)
        it.say("second")
        it.shown(" finished", 2)
    assert len(json.loads(cli("runs", "list", "--output", "json").stdout)) == 1


def test_a_served_model_that_is_not_there_is_refused_before_anything_is_forked(cli: Cli, talk) -> None:
    with (
        OpenAIServer() as server,
        talk(saying("one"), saying("two"), flags=("--base-url", server.url)) as it,
    ):
        it.say("first")
        it.shown(" finished")
        it.say("/model served:nope")
        it.shown("  error  ")
        it.say("second")
        it.shown(" finished", 2)
    assert len(json.loads(cli("runs", "list", "--output", "json").stdout)) == 1


def test_ctrl_c_gives_up_a_model_that_takes_long_and_what_was_typed_comes_back(cli: Cli, talk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with talk(SLEEPER, saying("one"), flags=("--base-url", url)) as it:
            it.say("first")
            wait_until(lambda: sleeping(cli))
            it.terminal.type(CTRL_C)
            it.shown("going on in a moment")
            it.terminal.type(
                CTRL_C
            )  # the work is stopped for good, and what is stopped next is no part of it
            it.shown("interrupted")
            it.say("/model served:slow")
            it.shown("loading served:slow")
            it.say("second")
            it.shown("queued  second")
            it.terminal.type(CTRL_C)
            it.shown("nothing had begun")
            it.shown("> second")
            it.terminal.type(ENTER)
            it.shown(" finished")
    assert len(json.loads(cli("runs", "list", "--output", "json").stdout)) == 1


def test_at_the_limit_go_goes_on_with_as_much_again(talk) -> None:
    looks = [calling("list_files"), calling("list_files", folder="."), calling("list_files")]
    with talk(*looks, saying("enough"), flags=("--max-steps", "2")) as it:
        it.say("look around")
        it.shown("the limit of 2 steps is reached")
        it.say("/go")
        it.shown("enough")


def test_an_agent_that_went_in_circles_may_be_told_that_its_calls_are_right(talk) -> None:
    with talk(*[calling("list_files")] * 20, saying("enough")) as it:
        it.say("watch the folder")
        it.shown("stuck")
        it.say("/go on")
        it.shown("'on' is neither")
        it.say("/go batch")
        it.shown("enough")
        it.say("/go batch")
        it.shown("not stopped for calls that it repeated")
        assert len(it.events(Nudged)) == 2


# --- the person's shell, and files


def test_a_command_of_the_person_runs_in_their_shell_and_only_two_marks_show_it_the_model(talk) -> None:
    with talk(saying("ok"), saying("ok")) as it:
        it.say("!echo from-$((40+2)) > made; cat made")
        it.shown("from-42")
        it.say("hello")
        it.shown(" finished")
        it.say("!!echo seen-$((40+3)); exit 3")
        it.shown("goes along with your next message")
        it.shown("exit status 3")
        it.say("what did I run?")
        it.shown(" finished", 2)
        [said] = it.events(PersonSaid)
        assert said.text.startswith("what did I run?\n\n")
        assert said.text.endswith(
            "I ran this command (exit status 3):\n$ echo seen-$((40+3)); exit 3\nseen-43"
        )
        assert "from-42" not in said.text


def test_a_command_that_was_queued_has_the_terminal_when_its_turn_comes(cli: Cli, talk) -> None:
    with talk({**saying("done"), "wait": 1.0}, saying("ok")) as it:
        it.say("first")
        it.shown("thinking")
        it.say("!read -r line; echo you-typed-$line")
        it.shown("queued  !read")
        it.shown(" finished")
        it.shown("you  !read")
        time.sleep(0.3)
        it.terminal.type("some words" + ENTER)
        it.shown("you-typed-some words")
        it.say("second")
        it.shown("ok")


def test_lines_that_a_command_does_not_read_are_sent_one_by_one_when_it_ends(cli: Cli, talk) -> None:
    with talk(saying("one"), saying("two"), saying("three")) as it:
        it.say("!sleep 2; echo it-is-$((40+2))")
        time.sleep(0.5)
        it.terminal.type(
            "first words" + ENTER + "!echo then-$((40+3))" + ENTER + "second words" + ENTER + "not se"
        )
        it.shown("it-is-42")
        it.shown("then-43")
        it.shown(" finished", 2)
        it.terminal.type("nt" + ENTER)
        it.shown(" finished", 3)
    said = [event.text for event in it.events(PersonSaid)]
    assert said == ["second words", "not sent"]  # the first is the goal


def test_keys_that_come_just_before_a_command_has_the_terminal_are_none_of_them_lost(cli: Cli, talk) -> None:
    # some are read with the line before, some lie in the terminal without a line end when its modes change
    with talk(saying("one"), saying("two")) as it:
        for pause in (0.0, 0.01, 0.03, 0.1):
            it.say("!sleep 0.3")
            time.sleep(pause)
            it.terminal.type("!echo sum-")
            time.sleep(0.01)
            it.terminal.type(f"$(({round(pause * 100)}+1000))")
            time.sleep(0.01)
            it.terminal.type(ENTER)
            it.shown(f"sum-{round(pause * 100) + 1000}")


def test_a_command_of_the_person_is_stopped_by_ctrl_c_and_the_conversation_is_not(cli: Cli, talk) -> None:
    with talk(saying("still here")) as it:
        it.say("!sleep 3000; echo never")
        wait_until(lambda: sleeping(cli))
        it.terminal.type(CTRL_C)
        it.shown("exit status")
        it.say("hello")
        it.shown("still here")


def test_a_file_goes_along_with_the_message_that_mentions_it(cli: Cli, talk) -> None:
    (cli.workspace / "my notes.txt").write_text("milk\neggs\n")
    with talk(saying("ok"), saying("ok")) as it:
        it.say("hello")
        it.shown(" finished")
        it.say('read @"my notes.txt" and @missing.txt')
        it.shown("there is no file missing.txt")
        it.shown(" finished", 2)
        [said] = it.events(PersonSaid)
        assert said.text == 'read @"my notes.txt" and @missing.txt\n\n[my notes.txt]\nmilk\neggs'


def test_tab_completes_commands_paths_and_tools(cli: Cli, talk) -> None:
    (cli.workspace / "letters").mkdir()
    (cli.workspace / "letters" / "plumber.txt").write_text("hello")
    with talk(saying("ok"), saying("ok")) as it:
        it.say("hello")
        it.shown(" finished")
        it.terminal.type("/bud" + TAB)
        it.shown("/budget")
        it.say("")
        it.shown("for this message")
        it.terminal.type("see @let" + TAB + "pl" + TAB)
        it.shown("@letters/plumber.txt")
        it.terminal.type(" with read_f" + TAB)
        it.shown("with read_file")
        it.say("")
        it.shown(" finished", 2)
        [said] = it.events(PersonSaid)
        assert said.text.startswith("see @letters/plumber.txt with read_file\n\n[letters/plumber.txt]\nhello")


def test_what_is_at_work_elsewhere_is_named_and_an_older_one_is_not_taken_for_it(cli: Cli, talk) -> None:
    cli.run(saying("done"), goal="the old one")
    old = cli.run_id()
    with talk(SLEEPER) as it:
        it.say("sleep")
        it.shown("at-42")
        busy = cli.run_id()
        done = cli("--resume", stdin="hello\n")
        assert done.returncode == 2
        assert f"run {busy}, the newest of" in done.stderr
        assert f"agentkit --resume {old}" in done.stderr
