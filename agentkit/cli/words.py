"""Values as a person reads them in a terminal."""

import json
import re
import unicodedata
from typing import Any

import msgspec

from agentkit.core.events import Ending
from agentkit.core.messages import ToolCall

EXIT_CODES = {
    Ending.FINISHED: 0,
    Ending.GAVE_UP: 3,
    Ending.BUDGET: 4,
    Ending.STUCK: 5,
    Ending.DENIED: 6,
    Ending.MODEL_FAILED: 7,
    Ending.CHECK_FAILED: 8,
    Ending.INTERRUPTED: 130,
}

_SEQUENCES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_UNPRINTABLE = re.compile(
    # controls, what reorders or hides text, halves of characters; joiners stay, some scripts need them
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_CONTROLS = re.compile("[\x7f-\x9f]")


def printable(text: str) -> str:
    r"""The text without control characters: what a tool printed must not steer the terminal.

    >>> printable("red \x1b[31mtext\x07")
    'red text'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("", _SEQUENCES.sub("", lines))


def escaped(text: str) -> str:
    r"""The text with control characters written out, where every character counts.

    >>> escaped("rm \x1b[8m-rf")
    'rm \\u001b[8m-rf'
    """
    return _UNPRINTABLE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def clipped(text: str, width: int) -> str:
    r"""The text on one line of at most `width` columns.

    >>> clipped("one\ntwo three", 8), clipped("日本語です", 7)
    ('one two…', '日本語…')
    """
    line = " ".join(printable(text).split())
    room = width
    for index, char in enumerate(line):
        room -= _columns(char)
        if room < 0:
            kept = line[:index]
            while kept and sum(map(_columns, kept)) > width - 1:
                kept = kept[:-1]
            return kept + "…"
    return line


def padded(text: str, width: int) -> str:
    """The text on one line of exactly `width` columns."""
    line = clipped(text, width)
    return line + " " * (width - sum(map(_columns, line)))


def _columns(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def call_text(call: ToolCall) -> str:
    """A call as it would be written in Python, whole, on one line, with nothing hidden.

    >>> call_text(ToolCall("1", "read_file", {"path": "notes.txt"}))
    'read_file(path="notes.txt")'
    """
    given = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items()
    )
    return escaped(f"{call.name}({given})")


def json_line(value: Any) -> str:
    r"""The value as JSON on one line, also safe to show in a terminal.

    >>> json_line({"text": "a\x9bb"})
    '{"text":"a\\u009bb"}'
    """
    text = msgspec.json.encode(value).decode()
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def bytes_size(count: float) -> str:
    """A number of bytes in the unit that suits it.

    >>> bytes_size(98_362_432), bytes_size(512)
    ('98 MB', '512 B')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            number = count / size
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """A time span in the unit that suits it.

    >>> duration(0.42), duration(75), duration(4000)
    ('0.4 s', '1 min 15 s', '1 h 6 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "step"), counted(2300, "token")
    ('1 step', '2,300 tokens')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
