"""Change a part of a file and leave every other byte as it is."""

from difflib import SequenceMatcher

import regex

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFile
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import tool
from agentkit_tools.text import Text, counted, decoded, lines_of

MOST_SHOWN = 10
"""Lines of the changed text that are shown back."""
_MOST_COMPARED = 5000
"""Lines that are searched for what the model may have meant."""


@tool(effect=Effect.WRITES, basic=True)
def edit_file(path: ExistingFile, old: str, new: str, context: ToolContext, every: bool = False) -> str:
    """Replace a piece of text in a file.

    Args:
        path: The file.
        old: The text to replace, exactly as it is in the file.
        new: The text to put in its place.
        every: Replace it everywhere it occurs, not at the one place.
    """
    text = decoded(context.workspace.read_bytes(path), path)
    if not old:
        raise ToolFault("old is empty; say which text to replace, or add lines with append_file")
    places = [match.span() for match in _exactly(old).finditer(text.raw, overlapped=not every)]
    if not places:
        raise ToolFault(_not_found(path, old, text))
    numbers = [text.raw.count("\n", 0, start) + 1 for start, _ in places]
    if len(places) > 1 and not every:
        lines = lines_of(text.shown)
        shown = "\n".join(
            f"{number}: {lines[number - 1][:300]}" for number in dict.fromkeys(numbers[:MOST_SHOWN])
        )
        raise ToolFault(
            f'old occurs {len(places)} times in "{path}":\n{shown}\n'
            "copy more of the line that you mean into old, or set every to change all of them"
        )
    put = text.in_its_lines(new)
    changed = text.with_raw(_replaced(text.raw, places, put))
    if changed == text:
        raise ToolFault("old and new are the same; nothing was changed")
    context.workspace.write_bytes(path, changed.to_bytes())
    if every and len(places) > 1:
        return f"changed {counted(len(places), 'place')} in {path}"
    first, last = numbers[0], numbers[0] + put.count("\n")
    shown = lines_of(changed.shown)[first - 1 : last][:MOST_SHOWN]
    where = f"line {first}" if first == last else f"lines {first}-{last}"
    return "\n".join([f"changed {path}, {where} now:", *shown])


def _exactly(old: str) -> regex.Pattern[str]:
    """What finds `old` in a file whatever its line ends are."""
    lines = old.replace("\r\n", "\n").split("\n")
    # a newline that belongs to \r\n is matched with it or not at all
    return regex.compile(r"(?:\r\n|(?<!\r)\n)".join(regex.escape(line) for line in lines))


def _replaced(raw: str, places: list[tuple[int, int]], put: str) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in places:
        pieces += [raw[end:start], put]
        end = stop
    return "".join([*pieces, raw[end:]])


def _not_found(path: str, old: str, text: Text) -> str:
    """Why `old` is not there: the nearest lines, so that they can be copied."""
    wanted = next((line for line in old.splitlines() if line.strip()), old)
    lines = lines_of(text.shown)
    plain = _plain(wanted)
    alike = [
        (score, number, line)
        for number, line in enumerate(lines[:_MOST_COMPARED], 1)
        if (score := _likeness(plain, _plain(line))) > 0.5
    ]
    said = f'old is not in "{path}"'
    if not alike:
        return f"{said}; read the file and copy the text exactly"
    best = sorted(alike, key=lambda found: (-found[0], found[1]))[:3]
    shown = "\n".join(f"{number}: {line[:300]}" for _, number, line in best)
    return f"{said}; copy old exactly from the file, where the nearest lines are\n{shown}"


def _plain(line: str) -> str:
    return " ".join(line.split()).lower()


def _likeness(wanted: str, line: str) -> float:
    if wanted and wanted in line:
        return 1.0
    matcher = SequenceMatcher(None, wanted, line[:500], autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() > 0.5 and matcher.quick_ratio() > 0.5 else 0.0
