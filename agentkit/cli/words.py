"""Values as a person reads them in a terminal."""

import json
import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from agentkit.core.counting import counted as counted
from agentkit.core.events import Ending, RuleSet
from agentkit.core.messages import ToolCall
from agentkit.core.usage import Usage

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


def on_one_line(text: str) -> str:
    r"""The text as `escaped`, its line ends and tabs too: a name in a question is no second question.

    >>> on_one_line("a\nb\x07")
    'a\\nb\\u0007'
    """
    return escaped(text).replace("\n", "\\n").replace("\t", "\\t")


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


def folded(line: str, width: int) -> list[str]:
    """The line in rows of at most `width` columns, broken between words where that is possible; no tabs.

    >>> folded("one two three", 8), folded("日本語です", 6), folded("", 8)
    (['one two', 'three'], ['日本語', 'です'], [''])
    """
    line = line.expandtabs(4)
    rows: list[str] = []
    start = end = 0
    room = max(2, width)
    space = -1
    while end < len(line):
        room -= _columns(line[end])
        if room < 0:
            at = space if space > start else end
            rows.append(line[start:at].rstrip(" "))
            start = end = at + (space > start)
            room, space = max(2, width), -1
            continue
        if line[end] == " ":
            space = end
        end += 1
    return [*rows, line[start:]]


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


def rule_text(rule: RuleSet) -> str:
    """A rule that was given at a question, and where it holds.

    >>> rule_text(RuleSet("allow", "run_shell(ls)"))
    'allow = run_shell(ls), in this run'
    """
    where = {"run": "in this run", "project": "in this folder", "user": "everywhere"}[rule.scope]
    back = "" if rule.holds else " (taken back)"
    return on_one_line(f"{rule.kind} = {rule.rule}, {where}{back}")


def json_line(value: Any) -> str:
    r"""The value as JSON on one line, also safe to show in a terminal.

    >>> json_line({"text": "a\x9bb"})
    '{"text":"a\\u009bb"}'
    """
    return shown_json(msgspec.json.encode(value).decode())


def shown_json(text: str) -> str:
    """The same JSON, safe to show in a terminal."""
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


def dollars(amount: Decimal) -> str:
    """An amount of money, to the cent or, below ten cents, to two digits.

    >>> dollars(Decimal("1.2345")), dollars(Decimal("0.000012345")), dollars(Decimal(0))
    ('$1.23', '$0.000012', '$0')
    """
    if amount >= Decimal("0.1"):
        return f"${amount:.2f}"
    return f"${Decimal(f'{amount:.1e}'):f}" if amount else "$0"


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


def pace(usage: Usage, seconds: float) -> str:
    """How many tokens a second an answer was written at, the reading of its prompt included.

    >>> pace(Usage(input_tokens=900, output_tokens=60), 1.5)
    '40 tokens/s'
    >>> pace(Usage(output_tokens=60, estimated=True), 1.5)
    ''
    """
    if usage.estimated or not usage.output_tokens or seconds <= 0:
        return ""
    return f"{usage.output_tokens / seconds:.0f} tokens/s"


def moment(seconds: float, form: str) -> str:
    """A point in time here, in the form of `strftime`; a record can name one that no calendar has.

    >>> moment(1e300, "%Y")
    '?'
    """
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime(form)
    except (OverflowError, ValueError, OSError):
        return "?"


_SPANS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_of(span: str) -> float | None:
    """A time span as a person writes it, or `None` for what is none.

    >>> seconds_of("30d"), seconds_of("12h"), seconds_of("soon")
    (2592000, 43200, None)
    """
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", span, re.ASCII)
    return int(found[1]) * _SPANS[found[2]] if found else None
