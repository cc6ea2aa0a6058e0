"""The example goals measure what they say: right work passes, no work and near misses do not."""

import json
from collections.abc import Callable

import pytest

from agentkit.evaluation.folders import files_in
from tests.examples.goal_sets import load

goals = load("goals")
Files = dict[str, str]
Work = Callable[[Files], tuple[Files, str]]


def say(answer: str) -> Work:
    return lambda files: (files, answer)


def write(path: str, text: str) -> Work:
    return lambda files: ({**files, path: text}, "done")


def change(path: str, old: str, new: str) -> Work:
    return lambda files: ({**files, path: files[path].replace(old, new)}, "done")


def append(path: str, line: str) -> Work:
    return lambda files: ({**files, path: files[path] + line + "\n"}, "done")


def rename(old: str, new: str | None) -> Work:
    def work(files: Files) -> tuple[Files, str]:
        left = {path: text for path, text in files.items() if path != old}
        return ({**left, new: files[old]} if new else left), "done"

    return work


EMAILS = (
    "ines.ferreira@example.org\nmaria.lopez@example.com\ntomas@novak.example\n"
    "wei.zhang@example.org\namara.okafor@example.net\n"
)
RIGHT: dict[str, Work] = {
    "list files": say("There are faq.md, handbook.md and rota.txt."),
    "count files": say("There are three files in archive."),
    "read a port": say("It is port 8092."),
    "read a phone number": say("555-0187"),
    "read a price": say("The compass costs 12.75 euros."),
    "count rows": say("There are 28 orders."),
    "count errors": say("5 requests"),
    "find a word": say("It is archive/2025.md."),
    "find a function": say("In stats.py."),
    "extract a port": write("port.txt", "8092"),
    "extract addresses": write("emails.txt", EMAILS),
    "extract a title": write("title.txt", "The Lantern Street Handbook\n"),
    "write a file": write("hello.txt", "Hello, world!"),
    "write a list as JSON": write(
        "groceries.json", json.dumps(["milk", "eggs", "rice", "tomatoes", "coffee"])
    ),
    "append a word": append("groceries.txt", "bread"),
    "append a task": append("todo.md", "- [ ] call the bank"),
    "edit a number": change("config.ini", "workers = 4", "workers = 8"),
    "edit JSON": change("settings.json", '"debug": true', '"debug": false'),
    "sum a column": say("The total is 1,645.20."),
    "sum some rows": say("24 lamps were ordered."),
    "rename a file": rename("draft.txt", "offer.txt"),
    "delete a file": rename("returns.csv", None),
    "answer: holidays": say("Everybody has 27 days."),
    "answer: a decision": say("It moved to 5 May."),
}
WRONG: dict[str, Work] = {
    "read a port": say("It is port 8443."),
    "sum a column": say("The total is 1645.25."),
    "count errors": say("There are 15."),
    "extract addresses": write("emails.txt", EMAILS.replace("tomas", "thomas")),
    "append a word": change("groceries.txt", "coffee\n", "coffeebread\n"),
    "edit a number": change("config.ini", "4", "8"),
    "answer: a decision": say("It was moved from 14 April."),
}


def test_there_are_twenty_four_goals_and_each_has_a_name_of_its_own() -> None:
    assert len({goal.name for goal in goals.GOALS}) == len(goals.GOALS) == 24
    assert set(RIGHT) == {goal.name for goal in goals.GOALS}


@pytest.mark.parametrize("goal", goals.GOALS, ids=lambda goal: goal.name)
def test_right_work_reaches_the_goal_and_no_work_does_not(goal: object) -> None:
    before = files_in(goals.FOLDERS / goal.folder)
    after, answer = RIGHT[goal.name](dict(before))
    assert goal.check(before, after, answer)
    assert not goal.check(before, before, "I have done it.")


@pytest.mark.parametrize("goal", goals.GOALS, ids=lambda goal: goal.name)
def test_a_file_spoilt_on_the_way_spoils_the_goal(goal: object) -> None:
    before = files_in(goals.FOLDERS / goal.folder)
    after, answer = RIGHT[goal.name](dict(before))
    assert not goal.check(before, {**after, "left-over.tmp": "x"}, answer)


@pytest.mark.parametrize("name", WRONG)
def test_a_near_miss_is_a_miss(name: str) -> None:
    goal = next(goal for goal in goals.GOALS if goal.name == name)
    before = files_in(goals.FOLDERS / goal.folder)
    after, answer = WRONG[name](dict(before))
    assert not goal.check(before, after, answer)
