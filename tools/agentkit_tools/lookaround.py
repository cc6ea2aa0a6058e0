"""Find files by name, see a folder as a tree, and learn what a file is."""

import hashlib
import mimetypes
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime

import regex

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFolder, ExistingPath
from agentkit.tooling.context import ToolContext
from agentkit.tooling.listing import SKIPPED
from agentkit.tooling.nearest import nearest
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import LARGEST_READ, Workspace
from agentkit_tools.documents import read_document
from agentkit_tools.patch import apply_patch
from agentkit_tools.text import counted, decoded, lines_of

MOST_LISTED = 300
"""Names that one answer shows."""
SECONDS = 5.0
"""How long a pattern may take."""


@tool(effect=Effect.READS)
def find_files(pattern: str, context: ToolContext) -> str:
    """Find files by a pattern for their path.

    Args:
        pattern: Such as *.py (in any folder), src/*.py (in one) or docs/**/*.md (below one).
    """
    if not pattern.strip():
        raise ToolFault("the pattern is empty; *.txt finds every text file")
    files = context.workspace.files()
    wanted = regex.compile(_glob(pattern if "/" in pattern else f"**/{pattern}"))
    try:
        found = [path for path in files if wanted.fullmatch(path, timeout=SECONDS)]
    except TimeoutError:
        raise ToolFault(f"{pattern!r} takes too long to match; use fewer *") from None
    if not found:
        near = nearest(pattern.replace("*", ""), files)
        return f"no file matches {pattern}" + (f"; there is {', '.join(near)}" if near else "")
    more = [f"and {len(found) - MOST_LISTED:,} more"] if len(found) > MOST_LISTED else []
    return "\n".join([*found[:MOST_LISTED], *more, f"[{counted(len(found), 'file')}]"])


@tool(effect=Effect.READS)
def show_tree(context: ToolContext, folder: ExistingFolder = ".", depth: int = 3) -> str:
    """Show a folder and what is in it as a tree.

    Args:
        folder: The folder.
        depth: How many folders deep.
    """
    if depth < 1:
        raise ToolFault(f"depth counts from 1, and is {depth}")
    lines: list[str] = []
    for count, line in enumerate(_branches(context.workspace, folder, "", depth)):
        if count == MOST_LISTED:
            lines.append("[there is more; name a folder, or a smaller depth]")
            break
        lines.append(line)
    return "\n".join([f"{folder.rstrip('/')}/", *lines]) if lines else f'the folder "{folder}" is empty'


@tool(effect=Effect.READS)
def file_info(path: ExistingPath, context: ToolContext) -> str:
    """Tell what a file or folder is: size, time, kind, lines, checksum.

    Args:
        path: The file or folder.
    """
    status = context.workspace.status(path)
    changed = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
    told = [path, f"changed: {changed}", f"permissions: {stat.filemode(status.st_mode)}"]
    if stat.S_ISDIR(status.st_mode):
        return "\n".join(
            [*told, f"folder with {counted(len(context.workspace.entries(path)), 'thing')} in it"]
        )
    told.append(f"size: {counted(status.st_size, 'byte')}")
    if status.st_size > LARGEST_READ:
        return "\n".join([*told, "too large to look into; use code for that"])
    data = context.workspace.read_bytes(path)
    told.append(f"sha256: {hashlib.sha256(data).hexdigest()}")
    kind = mimetypes.guess_type(path)[0] or "unknown by its name"
    try:
        text = decoded(data, path)
    except ToolFault:
        return "\n".join([*told, f"kind: {kind}, binary"])
    return "\n".join(
        [*told, f"kind: {kind}, text in {text.encoding}", f"lines: {len(lines_of(text.shown)):,}"]
    )


def _branches(workspace: Workspace, folder: str, indent: str, depth: int) -> Iterator[str]:
    entries = workspace.entries(folder)
    for place, entry in enumerate(entries):
        last = place == len(entries) - 1
        size = f" ({counted(entry.size, 'byte')})" if entry.kind == "file" else ""
        yield f"{indent}{'└── ' if last else '├── '}{entry.name}{'/' if entry.kind == 'folder' else ''}{size}"
        if entry.kind == "folder":
            below = f"{indent}{'    ' if last else '│   '}"
            inner = f"{folder}/{entry.name}"
            if depth > 1 and entry.name not in SKIPPED:
                yield from _branches(workspace, inner, below, depth - 1)


def _glob(pattern: str) -> str:
    """The pattern as a regular expression: `*` stays in a folder, `**/` is any number of them."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern.removeprefix("./"))
    return "".join(_GLOBS.get(part) or _class(part) for part in parts)


_GLOBS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _class(part: str) -> str:
    if not (part.startswith("[") and part.endswith("]") and len(part) > 2):
        return regex.escape(part, literal_spaces=True)
    inner = part[1:-1].replace("\\", "\\\\")
    return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"


PACK = Pack(
    "files",
    "find files by name, see folders as a tree, apply a patch, read tables",
    (find_files, show_tree, file_info, apply_patch, read_document),
)
