"""Where two conversations part, in words."""

from collections.abc import Sequence

import msgspec

from agentkit.core.messages import Message

BEFORE, AFTER = 24, 60
"""Characters shown around the first one that differs."""


def difference(expected: Sequence[Message], found: Sequence[Message]) -> str:
    """The first message in which two conversations differ, with both sides; empty for none.

    >>> from agentkit.core.messages import UserMessage
    >>> difference([UserMessage("port 80")], [UserMessage("port 81")])
    "message 1 (user) differs; expected 'port 80', found 'port 81'"
    """
    for number, (there, here) in enumerate(zip(expected, found, strict=False), 1):
        if there != here:
            wanted, seen = _around(_shown(there), _shown(here))
            return f"message {number} ({_role(there)}) differs; expected {wanted!r}, found {seen!r}"
    if len(expected) > len(found):
        missing = expected[len(found)]
        words = _clipped(_shown(missing))
        return f"message {len(found) + 1} ({_role(missing)}) is missing; expected {words!r}"
    if len(found) > len(expected):
        more = found[len(expected)]
        return (
            f"message {len(expected) + 1} ({_role(more)}) is one too many; found {_clipped(_shown(more))!r}"
        )
    return ""


def _role(message: Message) -> str:
    return str(type(message).__struct_config__.tag)


def _shown(message: Message) -> str:
    """The message's text where that is all there is to it, else everything."""
    whole = msgspec.to_builtins(message)
    return message.text if set(whole) == {"type", "text"} else f"{msgspec.json.encode(whole).decode()}"


def _around(expected: str, found: str) -> tuple[str, str]:
    same = next(
        (place for place, (one, other) in enumerate(zip(expected, found, strict=False)) if one != other),
        min(len(expected), len(found)),
    )
    start = max(0, same - BEFORE)
    return _clipped(expected, start), _clipped(found, start)


def _clipped(text: str, start: int = 0) -> str:
    end = start + BEFORE + AFTER
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")
