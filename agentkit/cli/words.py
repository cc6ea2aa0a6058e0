"""Values as a person reads them in a terminal."""

import json
import unicodedata

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


def printable(text: str) -> str:
    r"""The text without control characters: what a tool printed must not steer the terminal.

    >>> printable("red \x1b[31mtext\x07")
    'red [31mtext'
    """
    return "".join(
        char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )


def clipped(text: str, width: int) -> str:
    r"""The text on one line of at most `width` characters.

    >>> clipped("one\ntwo three", 8)
    'one two…'
    """
    line = " ".join(printable(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def call_line(call: ToolCall, width: int = 100) -> str:
    """A call as it would be written in Python.

    >>> call_line(ToolCall("1", "read_file", {"path": "notes.txt"}))
    'read_file(path="notes.txt")'
    """
    given = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items()
    )
    return clipped(f"{call.name}({given})", width)


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
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
