"""Flags that commands share or seldom get, by what they change in each of them."""

import json
from pathlib import Path

import pytest

from .conftest import Cli, calling, saying


def test_the_rules_of_another_folder_are_listed_and_removed(cli: Cli) -> None:
    other = cli.folder / "other"
    other.mkdir()
    script = cli.script(calling("run_shell", command="echo one"), saying("done"))
    cli("-m", script, "--approve", "ask", "-w", other, stdin="go\ny project\ny\n")
    assert "echo one" not in cli("rules").stdout
    assert "run_shell(echo one)" in cli("rules", "-w", other).stdout
    assert cli("rules", "rm", "run_shell(echo one)").returncode == 2
    assert cli("rules", "rm", "run_shell(echo one)", "-w", other).returncode == 0
    assert "echo one" not in cli("rules", "-w", other).stdout


def test_prompts_are_listed_and_compared_for_another_project(cli: Cli) -> None:
    place = cli.folder / "other/.agentkit/prompts/agent"
    place.mkdir(parents=True)
    (place / "small.md").write_text("---\nversion: 9\n---\nI see {files}.\n")
    for command, told in (("list", "9        project"), ("diff agent/small", "+I see {files}.")):
        argv = ("prompts", *command.split())
        assert told in cli(*argv, "--workspace", cli.folder / "other").stdout
        assert told not in cli(*argv).stdout


def test_every_command_of_a_memory_works_on_the_file_and_for_the_person_that_are_named(cli: Cli) -> None:
    other = ("--memory", "bo", "--memory-file", cli.folder / "other.db")
    mine = ("--memory", "bo", "--memory-file", cli.folder / "mine.db")
    theirs = ("--memory", "cy", "--memory-file", cli.folder / "other.db")

    def told(*argv: object) -> list[str]:
        return [cli("memory", *argv, *flags).stdout for flags in (other, mine, theirs)]

    for city in ("Oslo", "Bern"):
        cli("memory", "remember", "user", "city", city, "--beside", *other)
    talk = json.dumps([{"type": "human", "data": {"content": "We met in Rome and Rome"}}])
    cli("memory", "import", "-", "--as", "talk", *other, stdin=talk)
    for argv, words in (
        (("list",), "talk"),
        (("show", "talk"), "We met in Rome"),
        (("search", "Rome"), "We met in Rome"),
        (("about", "Rome"), "named in 1 message"),
        (("check",), "3 messages"),
        (("export", "talk"), "We met in Rome"),
    ):
        assert [words in one for one in told(*argv)] == [True, False, False], argv
    assert "nothing to forget" in cli("memory", "expire", "--facts", "1d", *other).stdout
    assert cli("memory", "forget", "--fact", "1", "--yes", *mine).returncode == 2
    assert cli("memory", "forget", "--fact", "1", "--yes", *theirs).returncode == 2
    assert "forgot 1 message and 1 fact" in cli("memory", "forget", "--fact", "1", "--yes", *other).stdout


def test_a_search_of_a_memory_shows_no_more_than_it_is_asked_for(cli: Cli) -> None:
    flags = ("--memory", "bo", "--memory-file", cli.folder / "memory.db")
    talk = [{"type": "human", "data": {"content": f"Rome, day {day}"}} for day in range(8)]
    cli("memory", "import", "-", "--as", "talk", *flags, stdin=json.dumps(talk))
    many, one = (cli("memory", "search", "Rome", *flags, *more).stdout for more in ((), ("--limit", "1")))
    assert 0 < one.count("Rome") <= 3 < many.count("Rome")  # each is shown with those beside it


def test_what_all_names_is_forgotten_together(cli: Cli) -> None:
    flags = ("--memory", "bo", "--memory-file", cli.folder / "memory.db")
    for who in ("Mia", "Noa"):
        cli("memory", "remember", who, "city", "Oslo", *flags)
    cli("memory", "forget", "--name", "Mia", "--yes", *flags)
    listed = cli("memory", "list", *flags).stdout
    assert ("Mia" in listed, "Noa" in listed) == (False, True)


@pytest.fixture
def notes(cli: Cli) -> Path:
    folder = cli.workspace / "notes"
    folder.mkdir()
    for name in ("a.md", "b.md", "c.txt"):
        (folder / name).write_text(f"# Ports\n\nThe port of {name} is 8080.\n")
    cli("index", "notes")
    return folder


def test_an_answer_rests_on_no_more_pieces_and_no_others_than_it_is_asked_for(cli: Cli, notes: Path) -> None:
    def cited(*flags: object) -> set[str]:
        told = json.loads(cli("ask", "What is the port?", "--json", *flags).stdout)
        return {Path(one["document"]).name for one in told["citations"]}

    assert len(cited()) > 1
    assert len(cited("--limit", 1)) == 1
    assert cited("--where", "media_type=text/plain") == {"c.txt"}
    assert "names no fact" in cli("ask", "What is the port?", "--where", "x").stderr
