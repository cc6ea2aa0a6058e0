"""Twenty-four goals on small real folders, each with a check in code.

A goal is reached when its check passes on what the agent left behind: the files and the answer,
never its own claim. Files that the goal does not ask to change must be as they were.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = Path(__file__).parent / "folders"

Files = Mapping[str, str]
"""Relative path to text of every file in a folder."""
Check = Callable[[Files, Files, str], bool]
"""The files before, the files after, and the answer."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach, and how to tell that it was."""

    name: str
    folder: str
    text: str
    check: Check


def says(*wanted: str, but_not: tuple[str, ...] = ()) -> Check:
    """The answer holds every wanted word (`3|three`: either), none of the others, and no file changed."""

    def check(before: Files, after: Files, answer: str) -> bool:
        plain = answer.lower().replace(",", "")
        right = all(_holds(plain, word.lower()) for word in wanted)
        return before == after and right and not any(_holds(plain, word) for word in but_not)

    return check


def leaves(
    changed: Mapping[str, Callable[[str], bool]] | None = None, removed: tuple[str, ...] = ()
) -> Check:
    """The named files read as they should, the removed ones are gone, all others are untouched."""

    def check(before: Files, after: Files, _answer: str) -> bool:
        wanted = changed or {}
        others = {path: text for path, text in before.items() if path not in wanted and path not in removed}
        extra = set(after) - set(others) - set(wanted)
        return (
            all(path in after and reads(after[path]) for path, reads in wanted.items())
            and all(after.get(path) == text for path, text in others.items())
            and not extra
        )

    return check


def _holds(text: str, word: str) -> bool:
    ways = "|".join(map(re.escape, word.split("|")))
    return re.search(rf"(?<![\w.])(?:{ways})(?![\w]|\.\d)", text) is not None


def exactly(text: str) -> Callable[[str], bool]:
    """The file holds this text, give or take white space around it."""
    return lambda found: found.strip() == text


def lines(*wanted: str) -> Callable[[str], bool]:
    """The file holds just these lines, in this order."""
    return lambda found: [line.strip() for line in found.split("\n") if line.strip()] == list(wanted)


def original(folder: str, name: str) -> str:
    """A file as the goal finds it."""
    return (FOLDERS / folder / name).read_text(encoding="utf-8")


def replaced(folder: str, name: str, old: str, new: str) -> Callable[[str], bool]:
    """The original with one replacement and nothing else altered."""
    return lambda found: found.strip() == original(folder, name).replace(old, new).strip()


def appended(folder: str, name: str, line: str) -> Callable[[str], bool]:
    """The original with one more line at its end."""
    return lambda found: found.strip() == original(folder, name).strip() + "\n" + line


def _json(wanted: object) -> Callable[[str], bool]:
    def check(found: str) -> bool:
        try:
            return json.loads(found) == wanted
        except ValueError:
            return False

    return check


def _orders() -> list[dict[str, str]]:
    return list(csv.DictReader(original("shop", "orders.csv").splitlines()))


_AMOUNTS = sum(float(row["amount"]) for row in _orders())
_TOTAL = f"{_AMOUNTS:.2f}|{_AMOUNTS:g}"
_LAMPS = str(sum(int(row["quantity"]) for row in _orders() if row["product"] == "lamp"))
_EMAILS = [row["email"] for row in csv.DictReader(original("notes", "contacts.csv").splitlines())]
_ERRORS = str(sum('" 500 ' in line for line in original("server", "access.log").splitlines()))
_SETTINGS = {**json.loads(original("server", "settings.json")), "debug": False}

GOALS = (
    # list
    Goal(
        "list files", "handbook", "Which files are in this folder?", says("handbook.md", "faq.md", "rota.txt")
    ),
    Goal("count files", "notes", "How many files are in the folder archive?", says("3|three")),
    # read
    Goal("read a port", "server", "Which port does the section server of config.ini set?", says("8092")),
    Goal("read a phone number", "notes", "What is the phone number of Maria Lopez?", says("555-0187")),
    Goal("read a price", "shop", "What does the compass cost according to products.json?", says("12.75")),
    # count
    Goal("count rows", "shop", "How many orders are in orders.csv?", says("28")),
    Goal("count errors", "server", "How many requests in access.log have the status 500?", says(_ERRORS)),
    # find
    Goal("find a word", "notes", "Which file mentions a password?", says("2025.md")),
    Goal("find a function", "code", "In which file is the function spread defined?", says("stats.py")),
    # extract
    Goal(
        "extract a port",
        "server",
        "Read config.ini and write the port number of the section server to port.txt",
        leaves({"port.txt": exactly("8092")}),
    ),
    Goal(
        "extract addresses",
        "notes",
        "Write the e-mail addresses of contacts.csv to emails.txt, one on each line",
        leaves({"emails.txt": lines(*_EMAILS)}),
    ),
    Goal(
        "extract a title",
        "handbook",
        "Put the title of handbook.md, without the #, into title.txt",
        leaves({"title.txt": exactly("The Lantern Street Handbook")}),
    ),
    # write
    Goal(
        "write a file",
        "notes",
        "Create hello.txt with the text 'Hello, world!'",
        leaves({"hello.txt": exactly("Hello, world!")}),
    ),
    Goal(
        "write a list as JSON",
        "notes",
        "Write groceries.json, a JSON list of the lines of groceries.txt",
        leaves({"groceries.json": _json(["milk", "eggs", "rice", "tomatoes", "coffee"])}),
    ),
    # append
    Goal(
        "append a word",
        "notes",
        "Add 'bread' as a new last line to groceries.txt",
        leaves({"groceries.txt": appended("notes", "groceries.txt", "bread")}),
    ),
    Goal(
        "append a task",
        "notes",
        "Append the line '- [ ] call the bank' to todo.md",
        leaves({"todo.md": appended("notes", "todo.md", "- [ ] call the bank")}),
    ),
    # edit
    Goal(
        "edit a number",
        "server",
        "Change the number of workers in config.ini from 4 to 8",
        leaves({"config.ini": replaced("server", "config.ini", "workers = 4", "workers = 8")}),
    ),
    Goal(
        "edit JSON",
        "server",
        "Set debug to false in settings.json",
        leaves({"settings.json": _json(_SETTINGS)}),
    ),
    # sum
    Goal("sum a column", "shop", "What is the total of the column amount in orders.csv?", says(_TOTAL)),
    Goal(
        "sum some rows",
        "shop",
        "How many lamps were ordered in all? See quantity in orders.csv",
        says(_LAMPS),
    ),
    # rename, copy, delete
    Goal(
        "rename a file",
        "shop",
        "Rename draft.txt to offer.txt",
        leaves({"offer.txt": exactly(original("shop", "draft.txt").strip())}, removed=("draft.txt",)),
    ),
    Goal("delete a file", "shop", "Delete returns.csv", leaves(removed=("returns.csv",))),
    # answer from a document
    Goal("answer: holidays", "handbook", "How many days of holiday does everybody have a year?", says("27")),
    Goal("answer: a decision", "notes", "To which date was the launch moved?", says("5", "may")),
)
