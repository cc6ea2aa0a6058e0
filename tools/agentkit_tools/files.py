"""Read, write and list files."""

import json

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFile, ExistingFolder
from agentkit.tooling.context import ToolContext
from agentkit.tooling.listing import Entry
from agentkit.tooling.tool import tool
from agentkit_tools.page import page
from agentkit_tools.text import counted, decoded, encoded, lines_of

MOST_LISTED = 200
"""Names that one listing shows."""


@tool(effect=Effect.READS, basic=True)
def read_file(path: ExistingFile, context: ToolContext, first_line: int = 1, lines: int = 200) -> str:
    """Read a text file.

    Args:
        path: The file.
        first_line: The line to begin with.
        lines: How many lines to show.
    """
    text = decoded(context.workspace.read_bytes(path), path)
    shown = page(text.shown, first_line, lines, f'"{path}"')
    return f"{shown.rstrip(chr(10))}\n{text.note}" if text.note else shown


@tool(effect=Effect.WRITES, idempotent=True, basic=True)
def write_file(path: str, content: str, context: ToolContext) -> str:
    """Write a file. Its whole content is replaced if it exists.

    Args:
        path: The file; folders on the way are made.
        content: The whole content.
    """
    data = encoded(content)
    did = "created" if context.workspace.kind(path) == "missing" else "replaced the content of"
    context.workspace.write_bytes(path, data)
    return f"{did} {path} ({counted(len(lines_of(content)), 'line')}, {counted(len(data), 'byte')})"


@tool(effect=Effect.WRITES)
def append_file(path: str, content: str, context: ToolContext) -> str:
    """Add lines at the end of a file. They start on a line of their own.

    Args:
        path: The file; it is made if it is missing.
        content: The lines to add.
    """
    if not content:
        raise ToolFault("the content is empty; there is nothing to add")
    workspace = context.workspace
    if workspace.kind(path) == "missing":
        content = content if content.endswith("\n") else f"{content}\n"
        workspace.write_bytes(path, encoded(content))
        return f"created {path} ({counted(len(lines_of(content)), 'line')})"
    text = decoded(workspace.read_bytes(path), path)
    between = text.newline if text.raw and not text.raw.endswith("\n") else ""
    end = "" if content.endswith("\n") else text.newline
    added = between + text.in_its_lines(content) + end
    workspace.append_bytes(path, encoded(added, text.encoding))
    whole = lines_of(text.with_raw(text.raw + added).shown)
    return f"added {counted(len(lines_of(content)), 'line')} to {path}, which now has {len(whole):,}"


@tool(effect=Effect.READS, basic=True)
def list_files(context: ToolContext, folder: ExistingFolder = ".", deep: bool = False) -> str:
    """List the files in a folder with their sizes.

    Args:
        folder: The folder.
        deep: Whether to list the folders inside it too.
    """
    workspace = context.workspace
    prefix = "" if _clean(folder) == "." else f"{_clean(folder)}/"
    found = workspace.entries(folder)
    if deep:
        found = [
            Entry(path[len(prefix) :], "file", workspace.size(path))
            for path in workspace.files()
            if path.startswith(prefix)
        ]
    if not found:
        return f'the folder "{folder}" is empty'
    shown = [_line(prefix, entry) for entry in found[:MOST_LISTED]]
    if len(found) > MOST_LISTED:
        shown.append(f"and {len(found) - MOST_LISTED:,} more")
    count = counted(sum(entry.kind == "file" for entry in found), "file")
    if folders := sum(entry.kind == "folder" for entry in found):
        count += f", {counted(folders, 'folder')}"
    return "\n".join([*shown, f"[{count}]"])


def _clean(folder: str) -> str:
    return "/".join(part for part in folder.split("/") if part not in ("", ".")) or "."


def _line(prefix: str, entry: Entry) -> str:
    path = prefix + entry.name
    shown = path if path.isprintable() else json.dumps(path, ensure_ascii=False)
    match entry.kind:
        case "file":
            return f"{shown} ({counted(entry.size, 'byte')})"
        case "folder":
            return f"{shown}/ (folder)"
        case _:
            return f"{shown} (neither a file nor a folder)"
