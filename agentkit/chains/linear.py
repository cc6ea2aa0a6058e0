"""Functions of SQLite whose time is the product of two lengths, made anew to take their sum.

A function is never interrupted: SQLite looks at the clock between two of its own instructions only. So
these look at it themselves, and say beforehand when what they make would be too long.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeAlias

Value: TypeAlias = str | int | float | bytes | None


def make_linear(
    connection: sqlite3.Connection, most: int, go_on: Callable[[], None], failed: list[str]
) -> None:
    """Put them in the place of SQLite's own.

    Args:
        connection: Whose.
        most: The longest text that one may make.
        go_on: Called before each; it raises when the statement is to end.
        failed: Gets what SQLite does not pass on: why one failed.
    """

    def checked(make: Callable[..., Value]) -> Callable[..., Value]:
        def made(*given: Value) -> Value:
            go_on()
            return None if any(one is None for one in given[:2]) else make(*given)

        return made

    def replaced(text: Value, old: Value, new: Value) -> Value:
        whole, part, other = as_text(text), as_text(old), as_text(new)
        if not part:
            return text
        if new is None:
            return None
        if len(whole) + whole.count(part) * (len(other) - len(part)) > most:
            failed.append(f"string or blob too big: replace would make more than {most} characters")
            raise ValueError(failed[-1])
        return whole.replace(part, other)

    def trimmed(cut: Callable[[str, str], str]) -> Callable[..., Value]:
        def made(text: Value, among: Value = " ") -> Value:
            # without characters nothing is cut, which Python takes for white space
            return cut(as_text(text), once(among)) if as_text(among) else as_text(text)

        return made

    functions: dict[str, tuple[tuple[int, ...], Callable[..., Value]]] = {
        "instr": ((2,), found),
        "replace": ((3,), replaced),
        "trim": ((1, 2), trimmed(str.strip)),
        "ltrim": ((1, 2), trimmed(str.lstrip)),
        "rtrim": ((1, 2), trimmed(str.rstrip)),
    }
    for name, (counts, make) in functions.items():
        for count in counts:
            connection.create_function(name, count, checked(make), deterministic=True)


def found(text: Value, part: Value) -> int:
    """Where `part` begins in `text`, counted from 1; 0 where it does not stand there.

    >>> found("a boat", "boat"), found(b"ab", b"b"), found(12.5, ".5"), found("a", "b")
    (3, 2, 3, 0)
    """
    if isinstance(text, bytes) and isinstance(part, bytes):
        return text.find(part) + 1
    return as_text(text).find(as_text(part)) + 1


def once(among: Value) -> str:
    """Each character once."""
    return "".join(dict.fromkeys(as_text(among)))


def as_text(value: Any) -> str:
    """A value as SQLite writes it.

    >>> as_text(7), as_text(9.0), as_text(1e20), as_text(b"ab"), as_text(-0.0)
    ('7', '9.0', '1.0e+20', 'ab', '0.0')
    """
    match value:
        case bytes():
            return value.decode("utf-8", "replace")
        case float():
            # SQLite has no sign before 0, and adding 0 takes it away
            digits, e, exponent = f"{value + 0.0:.15g}".partition("e")
            return f"{digits if '.' in digits else f'{digits}.0'}{e}{exponent}"
        case _:
            return str(value)
