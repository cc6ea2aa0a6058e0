"""A part of a text: some lines of it, and how to go on."""

from agentkit.core.errors import ToolFault
from agentkit_tools.text import counted, lines_of

MOST_CHARACTERS = 7000
"""A page ends after the line that reaches this, however many lines were asked for."""


def page(text: str, first_line: int, lines: int, what: str) -> str:
    r"""Up to `lines` lines from `first_line` on, as they are, and a note when there is more.

    >>> print(page("a\nb\nc\n", 1, 2, "x"))
    a
    b
    [lines 1-2 of 3; go on with first_line=3]
    """
    if first_line < 1 or lines < 1:
        raise ToolFault("first_line and lines count from 1")
    every = lines_of(text)
    if not every:
        return f"[{what} is empty]"
    if first_line > len(every):
        raise ToolFault(f"{what} has {counted(len(every), 'line')}; there is no line {first_line}")
    if first_line == 1 and len(every) <= lines and len(text) <= MOST_CHARACTERS:
        return text
    shown: list[str] = []
    room = MOST_CHARACTERS
    for line in every[first_line - 1 : first_line - 1 + lines]:
        if shown and len(line) > room:
            break
        shown.append(line[:MOST_CHARACTERS])
        room -= len(line) + 1
    last = first_line + len(shown) - 1
    notes = [f"lines {first_line}-{last} of {len(every)}"]
    if len(shown) == 1 and len(every[first_line - 1]) > MOST_CHARACTERS:
        whole = len(every[first_line - 1])
        notes = [f"line {first_line} of {len(every)}, its first {MOST_CHARACTERS:,} of {whole:,} characters"]
    if last < len(every):
        notes.append(f"go on with first_line={last + 1}")
    return "\n".join([*shown, f"[{'; '.join(notes)}]"])
