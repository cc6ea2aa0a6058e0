"""What in a workspace is not an agent's to change, by where it really lies."""

from collections.abc import Collection
from pathlib import Path

from agentkit.core.errors import ToolFault
from agentkit.tooling.steering import steers


def refuse_theirs(path: str, parts: tuple[str, ...]) -> None:
    """What works later, outside, is not an agent's to write: git's hooks and settings, and ours.

    Args:
        path: As it was named.
        parts: Its components from the workspace, wherever links led to it.
    """
    if any(part.lower() == ".git" for part in parts):
        raise ToolFault(f'"{path}" belongs to git, and only git may change it')
    if steers(parts):
        raise ToolFault(
            f'"{path}" says how agents work here, and only a person may change it; write what you '
            "would have in it to another file, and tell them"
        )


def refuse_held(path: str, parts: tuple[str, ...], held: Collection[str], *, within: bool = False) -> None:
    """What is held stays: it, what lies in it and, with `within`, the folders that it lies in."""
    above = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    here = "/".join(parts)
    if any(one in above or (within and one.startswith(f"{here}/")) for one in held):
        raise ToolFault(
            f'"{path}" could not be brought back, and nobody was asked; name it as it is called: "{here}"'
        )


def inside(root: int, folder: int) -> tuple[str, ...]:
    """The components from an open root to an open folder below it, wherever links led to it."""
    above, here = (Path(f"/proc/self/fd/{descriptor}").readlink() for descriptor in (root, folder))
    return here.parts[len(above.parts) :]
