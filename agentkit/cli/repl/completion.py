"""How what is typed could go on: commands, their arguments, files after @, and tools by name."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

MOST = 200
"""Ways to go on that are still of help."""

Names = Callable[[], Iterable[str]]

_MENTION = re.compile(r'(?:^|\s)@("?)([^"\n]*|\S*)$')
_WORD = re.compile(r"[a-z][a-z_]{2,}$")


def candidates(
    text: str, root: Path, commands: Sequence[str], arguments: Mapping[str, Names], tools: Names
) -> tuple[int, list[str]]:
    """How many of the last characters are replaced, and by what each of the ways to go on has.

    >>> candidates("/he", Path("."), ["help", "quit"], {}, list)
    (3, ['/help '])
    """
    if text.startswith("/") and "\n" not in text:
        name, space, rest = text[1:].partition(" ")
        if not space:
            return len(text), [f"/{one} " for one in commands if one.startswith(name)]
        if name in arguments:
            return len(rest), [one for one in arguments[name]() if one.startswith(rest)][:MOST]
        return 0, []
    if found := _MENTION.search(text):
        quote, written = found[1], found[2]
        if quote or " " not in written:
            return len(written) + len(quote), [_written(path) for path in _paths(written, root)]
    if found := _WORD.search(text):
        return len(found[0]), [one for one in tools() if one.startswith(found[0])]
    return 0, []


def _paths(written: str, root: Path) -> list[str]:
    """The files and folders whose path begins as it is written; hidden ones when that begins with a dot."""
    folder, slash, start = written.rpartition("/")
    try:
        place = root / Path(folder + slash).expanduser()
        found = [
            f"{folder}{slash}{one.name}{'/' if one.is_dir() else ''}"
            for one in place.iterdir()
            if one.name.startswith(start) and (start or not one.name.startswith("."))
        ]
    except (OSError, RuntimeError):  # no such folder, or no such home
        return []
    return sorted(found)[:MOST]


def _written(path: str) -> str:
    return f'"{path}"' if " " in path else path
