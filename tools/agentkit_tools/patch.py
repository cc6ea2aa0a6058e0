"""Apply a unified diff: every hunk of every file, or nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.text import Text, counted, decoded, encoded

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_NOTHING = "/dev/null"
_NO_NEWLINE = "\\ No newline"
_SIGNS = (" ", "+", "-")
SHOWN = 6
"""Lines of a file that are shown where a hunk does not fit."""


@dataclass(slots=True)
class Hunk:
    """Some lines, as they are before and after."""

    line: int
    """Where the diff says that they begin."""
    body: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Each line with its sign: a space for one that stays."""
    open_end: bool = False
    """Whether the file's last line is to have no newline."""

    @property
    def before(self) -> list[str]:
        """The lines that have to be there."""
        return [line for sign, line in self.body if sign != "+"]

    @property
    def after(self) -> list[str]:
        """The lines that will be there."""
        return [line for sign, line in self.body if sign != "-"]


@dataclass(slots=True)
class FilePatch:
    """What a diff does to one file; a path that is nothing is missing on that side."""

    old: str
    new: str
    hunks: list[Hunk] = field(default_factory=list[Hunk])


def _paths(arguments: Mapping[str, Any]) -> list[str]:
    try:
        return [path for each in parsed(str(arguments["patch"])) for path in (each.old, each.new)]
    except ToolFault:
        return []  # no diff: nothing will be changed


@tool(effect=Effect.WRITES, like=("edit_file", "write_file", "delete_file"), touches=_paths)
def apply_patch(patch: str, context: ToolContext) -> str:
    """Change files by a unified diff; all of it is done or nothing.

    Args:
        patch: The diff: --- and +++ lines, then hunks; /dev/null makes or deletes a file.
    """
    patches = parsed(patch)
    workspace = context.workspace
    planned = {each.new if each.new != _NOTHING else each.old: _planned(each, workspace) for each in patches}
    if len(planned) < len(patches):
        raise ToolFault("the diff names a file twice; put all hunks of a file under one header")
    _carry_out(planned, workspace)
    return "\n".join(_told(each) for each in patches)


def parsed(patch: str) -> list[FilePatch]:
    """The files and hunks of a diff.

    The numbers of a hunk's header say which lines are its own. A model miscounts; where they cannot be
    right, a hunk goes on to the next header.

    Raises:
        ToolFault: it is no unified diff; the message says which line.
    """
    found: list[FilePatch] = []
    lines = patch.replace("\r\n", "\n").rstrip("\n").split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            old, new = _paths_of(line, following)
            if old == new == _NOTHING:
                raise ToolFault(f"line {number + 1} of the diff: both sides are {_NOTHING}")
            if _NOTHING not in (old, new) and old != new:
                raise ToolFault(f"the diff renames {old} to {new}; use move_file for that")
            found.append(FilePatch(old, new))
            number += 2
        elif head := _HUNK.match(line):
            if not found:
                raise ToolFault(f"line {number + 1} of the diff: a hunk comes before any --- and +++ lines")
            begin = number + 1
            number = _counted_end(lines, begin, int(head[2] or 1), int(head[3] or 1))
            if number is None:
                number = _guessed_end(lines, begin)
            found[-1].hunks.append(_hunk(int(head[1]), lines, begin, number))
        else:  # what git writes between the files
            number += 1
    if not found:
        raise ToolFault("that is no unified diff: it has no line with --- followed by one with +++")
    for each in found:
        if not each.hunks and _NOTHING not in (each.old, each.new):
            raise ToolFault(f"the diff has no hunk for {each.new}; a hunk begins with @@ -1,3 +1,4 @@")
    return found


def _counted_end(lines: Sequence[str], number: int, before: int, after: int) -> int | None:
    """The number of the line after a hunk of so many lines; `None` where it cannot have so many."""
    while before or after or (number < len(lines) and lines[number].startswith(_NO_NEWLINE)):
        if number == len(lines):
            return None
        sign = _sign(lines[number])
        if not lines[number].startswith(_NO_NEWLINE):
            before -= sign in " -"
            after -= sign in " +"
            if sign not in _SIGNS or before < 0 or after < 0:
                return None
        number += 1
    following = next((at for at in range(number, len(lines)) if lines[at]), len(lines))
    goes_on = following < len(lines) and lines[following][0] in _SIGNS
    return None if goes_on and not _begins_another(lines, following) else number


def _guessed_end(lines: Sequence[str], number: int) -> int:
    """The number of the line after a hunk, by what can only come after one."""
    while number < len(lines) and not _begins_another(lines, number):
        if _sign(lines[number]) not in _SIGNS and not lines[number].startswith(_NO_NEWLINE):
            raise ToolFault(
                f"line {number + 1} of the diff begins with {lines[number][0]!r}; in a hunk it must begin "
                "with a space, + or -"
            )
        number += 1
    return number


def _begins_another(lines: Sequence[str], number: int) -> bool:
    """Whether a line, outside of a hunk, is a header or the signature below a mailed patch."""
    line = lines[number]
    following = lines[number + 1] if number + 1 < len(lines) else ""
    if line.startswith("--- "):
        return following.startswith("+++ ")
    if line.rstrip() == "--":  # then comes git's version
        return _sign(following) not in _SIGNS
    return _HUNK.match(line) is not None or line.startswith("diff --git ")


def _hunk(line: int, lines: Sequence[str], begin: int, end: int) -> Hunk:
    hunk = Hunk(line)
    for number in range(begin, end):
        if lines[number].startswith(_NO_NEWLINE):
            hunk.open_end = not lines[number - 1].startswith("-")
        else:
            hunk.body.append((_sign(lines[number]), lines[number][1:]))
    return hunk


def _sign(line: str) -> str:
    """What a line of a hunk does; an empty one stays, its space was cut off on the way."""
    return line[:1] or " "


def _paths_of(old: str, new: str) -> tuple[str, str]:
    """The paths of two header lines, without the a/ and b/ of git."""
    before, after = (line[4:].split("\t")[0].strip() for line in (old, new))
    if before == after:  # git was told to write no prefix
        return before, after
    return before.removeprefix("a/"), after.removeprefix("b/")


def _planned(patch: FilePatch, workspace: Workspace) -> bytes | None:
    """The whole of a file after its patch; `None` deletes it."""
    if patch.old == _NOTHING:
        if workspace.kind(patch.new) != "missing":
            raise ToolFault(f'"{patch.new}" exists already, and the diff makes it new; nothing was changed')
        after = [line for hunk in patch.hunks for line in hunk.after]
        open_end = any(hunk.open_end for hunk in patch.hunks)
        return encoded("\n".join(after) + ("\n" if after and not open_end else ""))
    text = decoded(workspace.read_bytes(patch.old), patch.old)
    changed = applied(text, patch.hunks, patch.old)
    if patch.new != _NOTHING:
        return changed.to_bytes()
    if changed.raw.strip() and patch.hunks:
        raise ToolFault(f'the diff deletes "{patch.old}" but leaves lines of it; nothing was changed')
    return None


def applied(text: Text, hunks: Sequence[Hunk], path: str) -> Text:
    """The text after all hunks.

    Raises:
        ToolFault: a hunk does not fit; the message says which, and what the file holds there.
    """
    ends_open = not text.raw.endswith("\n")
    rows = text.raw.split("\n") if text.raw else []
    rows = rows if ends_open else rows[:-1]
    shift = reached = 0
    for number, hunk in enumerate(hunks, 1):
        lines = [row.removesuffix("\r") for row in rows]
        at = _place(lines, hunk, max(hunk.line - 1, 0) + shift, reached)
        if at is None:
            raise ToolFault(_misfit(lines, hunk, number, len(hunks), path, max(hunk.line - 1, 0) + shift))
        at_end = at + len(hunk.before) == len(rows)
        rows[at : at + len(hunk.before)] = _changed(rows, at, hunk, text.newline)
        if at_end:  # where nothing comes in, the line before it is the last, and had its newline
            ends_open = hunk.open_end and bool(hunk.after)
        reached = at + len(hunk.after)
        shift += len(hunk.after) - len(hunk.before)
    return text.with_raw("\n".join(rows) + ("" if ends_open or not rows else "\n"))


def _changed(rows: Sequence[str], at: int, hunk: Hunk, newline: str) -> list[str]:
    """The rows of a hunk's place afterwards: what stays keeps its own line end."""
    changed: list[str] = []
    for sign, line in hunk.body:
        if sign == "+":
            changed.append(line + newline.removesuffix("\n"))
            continue
        if sign == " ":
            changed.append(rows[at])
        at += 1
    return changed


def _place(lines: Sequence[str], hunk: Hunk, said: int, reached: int) -> int | None:
    """Where a hunk fits: where it says, else at the one other place; never before the hunk ahead of it."""
    size = len(hunk.before)
    if not size:  # it only adds: after the line that it names
        at = said + 1 if hunk.line and said < len(lines) else said
        return at if reached <= at <= len(lines) else None
    if said >= reached and list(lines[said : said + size]) == hunk.before:
        return said
    places = [
        at for at in range(reached, len(lines) - size + 1) if list(lines[at : at + size]) == hunk.before
    ]
    return places[0] if len(places) == 1 else None


def _misfit(lines: Sequence[str], hunk: Hunk, number: int, count: int, path: str, said: int) -> str:
    """Why a hunk does not fit, in words that let it be mended."""
    begin = min(said, max(len(lines) - 1, 0))
    there = [f"{at + 1}: {lines[at][:200]}" for at in range(begin, min(begin + SHOWN, len(lines)))]
    several = [at for at in range(len(lines)) if list(lines[at : at + len(hunk.before)]) == hunk.before]
    if hunk.before and len(several) > 1:
        why = f"its lines are in the file {len(several)} times and not at line {hunk.line}"
    else:
        pairs = enumerate(hunk.before)
        wrong = next((at for at, line in pairs if lines[said + at : said + at + 1] != [line]), 0)
        wanted = hunk.before[wrong] if hunk.before else ""
        why = f"line {said + wrong + 1} should be {wanted[:200]!r}"
    found = "\n".join(there) if there else "[the file is empty]"
    return f'hunk {number} of {count} does not fit "{path}": {why}. Nothing was changed. It holds\n{found}'


def _carry_out(planned: dict[str, bytes | None], workspace: Workspace) -> None:
    """Write and delete; a fault on the way puts back what was done before it."""
    before: list[tuple[str, bytes | None]] = []
    try:
        for path, data in planned.items():
            was = workspace.read_bytes(path) if workspace.kind(path) == "file" else None
            if data is None:
                workspace.delete(path)
            else:
                workspace.write_bytes(path, data)
            before.append((path, was))
    except ToolFault:
        for path, was in reversed(before):
            if was is None:
                workspace.delete(path)
            else:
                workspace.write_bytes(path, was)
        raise


def _told(patch: FilePatch) -> str:
    if patch.old == _NOTHING:
        return f"created {patch.new}"
    if patch.new == _NOTHING:
        return f"deleted {patch.old}"
    return f"changed {patch.new} ({counted(len(patch.hunks), 'hunk')})"
