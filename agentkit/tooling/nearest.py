"""What somebody may have meant: errors name what exists."""

from collections.abc import Sequence
from difflib import get_close_matches


def nearest(value: str, known: Sequence[str], most: int = 5) -> list[str]:
    """Up to `most` known values that look like `value`, the likeliest first.

    >>> nearest("note.txt", ["notes.txt", "todo.md", "old/note.txt"])
    ['old/note.txt', 'notes.txt']
    """
    name = _name(value)
    same_name = [known_value for known_value in known if _name(known_value) == name]
    alike = get_close_matches(value, known, n=most, cutoff=0.6)
    return list(dict.fromkeys([*same_name, *alike]))[:most]


def listed(values: Sequence[str], most: int = 12) -> str:
    """The first `most` values on one line, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


def _name(value: str) -> str:
    return value.rstrip("/").rsplit("/", 1)[-1].lower()
