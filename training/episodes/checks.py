"""Checks in code: what a folder and an answer must be at the end, whatever was done on the way.

They combine with `both`. Texts are compared without a last newline and without spaces at line ends.
"""

import re
from collections.abc import Callable, Mapping

from agentkit.evaluation import After

Check = Callable[[After], bool]


def leaves(changed: Mapping[str, str] | None = None, *, removed: tuple[str, ...] = ()) -> Check:
    """Exactly these files read so, these are gone, and every other is as it was."""

    def check(after: After) -> bool:
        wanted = {**{p: t for p, t in after.before.items() if p not in removed}, **(changed or {})}
        return wanted.keys() == after.files.keys() and all(
            plain(after.files[path]) == plain(text) for path, text in wanted.items()
        )

    return check


def untouched() -> Check:
    """No file was changed, made or removed."""
    return leaves({})


def says(*wanted: str, never: tuple[str, ...] = ()) -> Check:
    """The answer holds every wanted text as a whole word (`3|three` is either), and none of the others.

    Upper and lower case are the same; numbers may have thousands separators.
    """

    def check(after: After) -> bool:
        return all(_holds(after.answer, each) for each in wanted) and not any(
            _holds(after.answer, each) for each in never
        )

    return check


ABSENT = (
    "no such|not there|does not exist|doesn't exist|not found|could not find|couldn't find|cannot find|"
    "there is no|there are no|there's no|is no|no file|nothing|not in|is missing|does not have|"
    "does not mention|does not say|not mentioned|none|no line|not listed|has no|have no|not present|"
    "unable to find|can't find|not exist|not contain|no entry|no mention|isn't|not available"
)
"""How an answer can say that something is not there."""


def says_absent() -> Check:
    """The answer says that what was asked for is not there, and nothing was changed."""
    return both(untouched(), says(ABSENT))


def called(tool: str, **arguments: object) -> Check:
    """A call of the tool with these arguments succeeded, and no other call of that tool did."""

    def check(after: After) -> bool:
        made = [given for name, given in after.calls if name == tool]
        return len(made) == 1 and all(_same(made[0].get(key), value) for key, value in arguments.items())

    return check


def both(*checks: Check) -> Check:
    """All of the checks hold."""
    return lambda after: all(check(after) for check in checks)


def plain(text: str) -> str:
    """A text without a last newline and without spaces at line ends."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").rstrip().split("\n"))


def _same(found: object, wanted: object) -> bool:
    if isinstance(wanted, str):
        return isinstance(found, str) and plain(found).strip() == plain(wanted).strip()
    return found == wanted


def _holds(text: str, wanted: str) -> bool:
    flat = _flat(text)
    return any(
        re.search(rf"(?<![\w.-]){re.escape(_flat(each))}(?![\w-]|\.\w)", flat) is not None
        or (not each[:1].isalnum() and _flat(each) in flat)
        for each in wanted.split("|")
    )


def _flat(text: str) -> str:
    without_separators = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return " ".join(without_separators.lower().replace("\u2019", "'").split())
