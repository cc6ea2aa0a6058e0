"""`agentkit memory`, and `/memory` and `/forget` in a conversation: by what is there afterwards."""

import json
import time
from pathlib import Path

import pytest

from .conftest import Cli, calling, saying


@pytest.fixture(autouse=True)
def kept_in(cli: Cli) -> Path:
    """The memory file, which every command of the test uses."""
    file = cli.folder / "memory.db"
    cli.env["AGENTKIT_MEMORY_FILE"] = str(file)
    return file


def remembering(value: str, quote: str) -> dict[str, object]:
    return calling("remember", subject="user", attribute="city", value=value, quote=quote)


def test_what_a_run_remembers_is_listed_found_and_forgotten(cli: Cli, kept_in: Path) -> None:
    flags = ["--memory", "ann"]
    cli.run(remembering("Oslo", "I live in Oslo"), saying("Noted."), goal="I live in Oslo", flags=flags)
    run = cli.run_id()
    listed = cli("memory", "list").stdout
    assert "ann: 1 fact, 1 conversation" in listed
    assert "user: city: Oslo  (you said so, since " in listed
    assert run in listed
    assert "you: I live in Oslo" in cli("memory", "search", "Oslo").stdout
    assert "agent: Noted." in cli("memory", "show", run).stdout
    assert "Oslo (place), named in 1 message" in cli("memory", "about", "Oslo").stdout
    facts = json.loads(cli("memory", "list", "--output", "json").stdout)["facts"]
    assert [(one["value"], one["origin"]) for one in facts] == [("Oslo", "user said")]
    assert "without a message" not in cli("memory", "check").stdout

    asked = cli("memory", "forget", "--conversation", run, stdin="n\n")
    assert (asked.returncode, "Oslo" in cli("memory", "list").stdout) == (130, True)
    told = cli("memory", "forget", "--conversation", run, "--yes").stdout
    assert "1 fact, and no byte of it is left in the file" in told
    assert f"may hold {run}" in told
    assert b"Oslo" not in kept_in.read_bytes()
    assert "nothing is remembered" in cli("memory", "list").stdout


def test_what_was_remembered_by_hand_is_forgotten_with_its_fact(cli: Cli, kept_in: Path) -> None:
    cli("memory", "remember", "user", "city", "Oslo", "--memory", "ann")
    told = cli("memory", "forget", "--fact", "1", "--yes").stdout
    assert told == "forgot 1 message and 1 fact, and no byte of it is left in the file\n"
    assert b"Oslo" not in kept_in.read_bytes()


def test_what_else_says_the_same_is_named_and_of_whom_all_is_forgotten_no_name_is_left(
    cli: Cli, kept_in: Path
) -> None:
    for attribute, value in (("city", "Oslo"), ("home", "near Oslo")):
        cli("memory", "remember", "user", attribute, value, "--memory", "quokka")
    told = cli("memory", "forget", "--fact", "1", "--yes").stdout
    assert "forgot 1 message and 1 fact, and its own bytes are gone from the file\n" in told
    assert "the same is still known as 1 fact: 2; forget it too if nothing of it should stay\n" in told
    cli("memory", "forget", "--everything", "--yes")
    assert b"quokka" not in kept_in.read_bytes()


def test_looking_makes_no_file(cli: Cli, kept_in: Path) -> None:
    assert "nothing is remembered in" in cli("memory", "list").stdout
    done = cli("memory", "forget", "--everything", "--yes")
    assert (done.returncode, "nothing is remembered in" in done.stderr) == (2, True)
    assert not kept_in.exists()


def test_a_person_remembers_by_hand_and_says_whose_memory_it_is(cli: Cli) -> None:
    assert "whose memory is it?" in cli("memory", "remember", "user", "city", "Oslo").stderr
    cli("memory", "remember", "user", "city", "Oslo", "--memory", "ann")
    changed = cli("memory", "remember", "user", "city", "Bergen", "--memory", "ann").stdout
    assert "changed: 2  user: city: Bergen" in changed
    assert "before, it was Oslo" in changed
    cli("memory", "remember", "user", "city", "Rome", "--memory", "shop/bob")
    assert cli("memory", "list").stdout == "ann\nshop/bob\n"
    assert "there is ann, shop/bob" in cli("memory", "search", "city").stderr
    assert "Rome" in cli("memory", "list", "--memory", "shop/bob").stdout


def test_a_history_of_langchain_comes_in_and_goes_out(cli: Cli) -> None:
    raw = [
        {"type": "human", "data": {"content": "I live in Oslo"}},
        {"type": "ai", "data": {"content": "Ah."}},
    ]
    flags = ("--memory", "ann")
    told = cli("memory", "import", "-", "--as", "old talk", *flags, stdin=json.dumps(raw)).stdout
    assert told == "remembered 2 messages as old talk\n"
    again = cli("memory", "import", "-", "--as", "old talk", *flags, stdin=json.dumps(raw))
    assert "is remembered already" in again.stderr
    out = cli("memory", "export", "old talk", "out.json")
    assert (out.returncode, out.stdout) == (0, "wrote 2 messages to out.json\n")
    back = json.loads((cli.workspace / "out.json").read_text())
    assert [one["data"]["content"] for one in back] == ["I live in Oslo", "Ah."]
    assert "name a new file" in cli("memory", "export", "old talk", "out.json").stderr


def test_what_is_too_old_is_forgotten(cli: Cli) -> None:
    cli("memory", "remember", "user", "city", "Oslo", "--memory", "ann")
    assert "nothing to forget" in cli("memory", "expire", "--facts", "1d").stdout
    assert "'soon' is no age" in cli("memory", "expire", "--facts", "soon").stderr
    assert cli("memory", "expire").returncode == 2
    assert "say what" in cli("memory", "forget").stderr


@pytest.mark.parametrize("command", ["run", "list"])
def test_what_is_older_than_the_file_keeps_things_goes_by_itself(
    cli: Cli, kept_in: Path, command: str
) -> None:
    cli("memory", "remember", "user", "city", "Oslo", "--memory", "ann")
    time.sleep(1)
    assert "Oslo" in cli("memory", "list", "--memory-days", "1").stdout
    if command == "run":
        cli.run(saying("Noted."), flags=["--memory", "ann", "--memory-days", "0.00001"])
    else:
        assert "Oslo" not in cli("memory", "list", "--memory-days", "0.00001").stdout
    assert b"Oslo" not in kept_in.read_bytes()


def test_the_file_and_the_person_are_settings_like_any(cli: Cli) -> None:
    told = cli("run", "x", "--memory", "a/b/c").stderr
    assert "--memory: memory = 'a/b/c' cannot be; it must be PERSON or TENANT/PERSON" in told
    told = cli.run(saying("x"), flags=["--memory", "ann", "--memory-file", cli.workspace / "m.db"]).stderr
    assert "name another with --memory-file" in told
    assert "pack memory (add it with --memory NAME)" in cli("tools").stdout
    assert "pack memory (enabled)" in cli("tools", "--memory", "ann").stdout


def test_in_a_conversation_memory_is_shown_searched_and_forgotten(cli: Cli, talk) -> None:
    script = (remembering("Oslo", "I live in Oslo"), saying("Noted."))
    with talk(*script, flags=("--memory", "ann")) as it:
        it.say("I live in Oslo")
        it.shown(" finished")
        it.say("/memory")
        it.shown("user: city: Oslo")
        it.say("/memory where do I live")
        it.shown("you: I live in Oslo")
        it.say("/forget")
        it.shown("say /forget N for a fact")
        it.say("/forget 1")
        it.shown("forgot 0 messages and 1 fact, and its own bytes are gone from the file")
        it.shown("the same is still said in ")
        it.say("/forget everything")
        it.shown("no byte of it is left in the file")
    assert "nothing is remembered" in cli("memory", "list").stdout


def test_a_conversation_without_a_memory_says_how_to_have_one(talk) -> None:
    with talk(saying("x")) as it:
        it.say("/memory")
        it.shown("begin with agentkit --memory NAME")


def test_facts_are_forgotten_by_where_they_come_from(cli: Cli) -> None:
    script = [
        remembering("Oslo", "I live in Oslo"),
        calling("write_file", path="a.txt", content="Ann has a cat called Tom."),
        calling("read_file", path="a.txt"),
        calling("remember", subject="user", attribute="cat", value="Tom", quote="a cat called Tom"),
        calling("remember", subject="user", attribute="mood", value="glad", quote=""),
        saying("Noted."),
    ]
    cli.run(*script, goal="I live in Oslo", flags=["--memory", "ann"])

    def known() -> set[str]:
        return {one["value"] for one in json.loads(cli("memory", "list", "--output", "json").stdout)["facts"]}

    assert known() == {"Oslo", "Tom", "glad"}
    for flag, gone in (("--conclusions", "glad"), ("--tools", "Tom"), ("--facts", "Oslo")):
        before = known()
        cli("memory", "expire", flag, "0h")
        assert before - known() == {gone}


def test_one_fact_one_message_or_all_old_messages_are_forgotten(cli: Cli) -> None:
    script = [remembering("Oslo", "I live in Oslo"), saying("Noted.")]
    cli.run(*script, goal="I live in Oslo", flags=["--memory", "ann"])
    run = cli.run_id()
    cli("memory", "remember", "user", "cat", "Tom", "--memory", "ann")
    facts = {
        one["value"]: one["id"]
        for one in json.loads(cli("memory", "list", "--output", "json").stdout)["facts"]
    }
    cli("memory", "forget", "--fact", facts["Tom"], "--yes")
    assert "Tom" not in cli("memory", "list").stdout
    assert "Oslo" in cli("memory", "list").stdout
    shown = json.loads(cli("memory", "show", run, "--output", "json").stdout)
    said = next(one["id"] for one in shown if one["message"]["text"] == "I live in Oslo")
    cli("memory", "forget", "--message", said, "--yes")
    assert "I live in Oslo" not in cli("memory", "show", run).stdout
    assert "user: city" not in cli("memory", "list").stdout  # it rested on that message
    assert "Noted." in cli("memory", "show", run).stdout
    cli("memory", "expire", "--messages", "0h")
    assert "Noted." not in cli("memory", "show", run).stdout


def test_a_fact_may_hold_beside_another(cli: Cli) -> None:
    for city, flags in (("Oslo", []), ("Bergen", ["--beside"])):
        cli("memory", "remember", "user", "city", city, *flags, "--memory", "ann")
    listed = cli("memory", "list").stdout
    assert "Oslo" in listed
    assert "Bergen" in listed
