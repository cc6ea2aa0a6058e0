"""Move, copy and delete files, and make folders."""

from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFile, ExistingPath
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import tool


@tool(effect=Effect.WRITES)
def move_file(source: ExistingPath, target: str, context: ToolContext) -> str:
    """Move or rename a file or folder; nothing is overwritten.

    Args:
        source: What to move.
        target: Its new path, or the folder to put it in.
    """
    return f"moved {source} to {context.workspace.move(source, target)}"


@tool(effect=Effect.WRITES)
def copy_file(source: ExistingFile, target: str, context: ToolContext) -> str:
    """Copy a file; nothing is overwritten.

    Args:
        source: The file to copy.
        target: The path of the copy, or the folder to put it in.
    """
    return f"copied {source} to {context.workspace.copy(source, target)}"


@tool(effect=Effect.WRITES)
def delete_file(path: ExistingPath, context: ToolContext, recursive: bool = False) -> str:
    """Delete a file or an empty folder.

    Args:
        path: What to delete.
        recursive: Whether to delete a folder with everything in it.
    """
    context.workspace.delete(path, recursive=recursive)
    return f"deleted {path}"


@tool(effect=Effect.WRITES, idempotent=True)
def make_folder(path: str, context: ToolContext) -> str:
    """Make a folder.

    Args:
        path: The folder.
    """
    there = context.workspace.kind(path) == "folder"
    context.workspace.make_folder(path)
    return f"{path} was there already" if there else f"made the folder {path}"
