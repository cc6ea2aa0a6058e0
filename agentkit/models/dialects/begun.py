"""A call in the making: which tool it is for, and what is known of its arguments, as JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.models.arguments import finite


@dataclass(frozen=True, slots=True)
class BegunCall:
    """What an unfinished answer says of its first call."""

    id: str
    name: str
    arguments: str
    """The beginning of the JSON object that `json.dumps` makes of them; all of it once that is known."""


def object_so_far(known: Mapping[str, Any], name: str | None = None, text: str = "") -> str:
    r"""The beginning of an object: values that are whole, and a text that goes on.

    >>> object_so_far({"path": "a.txt"}, "content", "one\n")
    '{"path": "a.txt", "content": "one\\n'
    """
    begun = json.dumps(known, ensure_ascii=False)[:-1]
    if name is None:
        return begun
    return f"{begun}{', ' if known else ''}{json.dumps(name, ensure_ascii=False)}: {text_so_far(text)}"


def text_so_far(text: str) -> str:
    """A string of JSON of which this much is known."""
    return json.dumps(text, ensure_ascii=False)[:-1]


def json_so_far(text: str, start: int = 0) -> tuple[str, int | None]:
    """The JSON value at `start` as `json.dumps` writes it, as far as it is known, and where it ended.

    Numbers and constants are known once something follows them. `None` is the end of what has not ended,
    and of what is no JSON.

    >>> json_so_far('{"a":[1, 2')
    ('{"a": [1, ', None)
    >>> json_so_far('{"a":[1, 2]}}')
    ('{"a": [1, 2]}', 12)
    """
    written: list[str] = []
    at, depth = start, 0
    while (at := _end(_SPACE.match(text, at), at)) < len(text):
        end: int | None = at + 1
        mark = text[at]
        if mark in _PUNCTUATION and (depth or mark in "{["):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark, 0)
            part = _PUNCTUATION[mark]
        elif mark == '"':
            part, end = _string(text, at)
        else:
            part, end = _scalar(text, at)
        written.append(part)
        if end is None or depth <= 0:
            return "".join(written), end
        at = end
    return "".join(written), None


_SPACE = re.compile(r"[ \t\r\n]*")
_PUNCTUATION = {"{": "{", "}": "}", "[": "[", "]": "]", ",": ", ", ":": ": "}
_STRING = re.compile(r'"((?:[^"\\]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)')
_SCALAR = re.compile(r"[-+.0-9A-Za-z]+")


def _end(found: re.Match[str] | None, otherwise: int) -> int:
    return found.end() if found else otherwise


def _string(text: str, at: int) -> tuple[str, int | None]:
    """A string that begins here; an escape that is not whole is not known yet."""
    found = _STRING.match(text, at)
    if found is None:
        return "", None
    value: str = json.loads(f'"{found[1]}"', strict=False)
    if text[found.end() : found.end() + 1] == '"':
        return json.dumps(value, ensure_ascii=False), found.end() + 1
    if value and "\ud800" <= value[-1] <= "\udbff":
        value = value[:-1]  # the other half of the pair makes another character of it
    return text_so_far(value), None


def _scalar(text: str, at: int) -> tuple[str, int | None]:
    """A number or a constant, if something follows it."""
    found = _SCALAR.match(text, at)
    if found is None or found.end() == len(text):
        return "", None
    try:
        value: Any = json.loads(found[0], parse_float=finite)
    except ValueError:
        return "", None
    return json.dumps(value), found.end()
