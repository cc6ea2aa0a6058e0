"""What a call would change, seen by trying it on a copy of the files."""

import shutil
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

from agentkit.core.errors import AgentkitError, SandboxUnavailable, ToolFault
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.sandbox import Sandbox
from agentkit.tooling.schema import InvalidArguments
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace

MOST_FILES = 2000
MOST_BYTES = 20_000_000
"""A workspace within both is copied; of a larger one, the files that the call names."""


async def would_change(tool: Tool, call: ToolCall, root: Path) -> str:
    """A unified diff of what the call would do to the files under `root`, or why there is none."""
    if not can_be_tried(tool):
        return f"what {tool.name} changes shows only when it runs"
    with tempfile.TemporaryDirectory(prefix="agentkit-") as place:
        try:
            with Workspace.open(root) as workspace:
                _copy(workspace, Path(place), call)
            with Workspace.open(Path(place)) as copy:
                before = _texts(copy)
                await tool.run(ToolContext(copy, _no_sandbox), tool.check(call.arguments))
                after = _texts(copy)
        except (ToolFault, InvalidArguments) as fault:
            return f"it would fail: {fault}"
        except (AgentkitError, OSError) as error:
            return f"it cannot be tried out: {error}"
    return "".join(_diff(before, after)).rstrip("\n") or "it would change nothing"


def can_be_tried(tool: Tool) -> bool:
    """Whether a call reaches files through the workspace it is given and in no other way.

    Only of our own tools is that known. Anybody else's function may write wherever it likes, and would
    have done it for real before the person has answered.
    """
    # where its code stands: a wrapper could copy the name of a module, and not the module's variables
    home = str(getattr(tool.signature.function, "__globals__", {}).get("__name__", ""))
    ours = home.startswith("agentkit_tools.")
    return ours and tool.effect is Effect.WRITES and tool.signature.context_parameter is not None


def _no_sandbox() -> Sandbox:
    raise SandboxUnavailable("commands are not run to show what they would change")


def _copy(workspace: Workspace, place: Path, call: ToolCall) -> None:
    files = workspace.files()
    if len(files) > MOST_FILES or sum(map(workspace.size, files)) > MOST_BYTES:
        named = {value.strip("/") for value in call.arguments.values() if isinstance(value, str)}
        files = [path for path in files if any(path == one or path.startswith(f"{one}/") for one in named)]
    for folder in workspace.folders():
        (place / folder).mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(workspace.root / path, place / path)


def _texts(workspace: Workspace) -> dict[str, bytes]:
    return {path: workspace.read_bytes(path) for path in workspace.files()}


def _diff(before: dict[str, bytes], after: dict[str, bytes]) -> Iterator[str]:
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        here = f"a/{path}" if old is not None else "/dev/null"
        there = f"b/{path}" if new is not None else "/dev/null"
        try:
            was, becomes = ((data or b"").decode().splitlines(keepends=True) for data in (old, new))
        except UnicodeDecodeError:
            yield f"{here} and {there} differ, and are not text\n"
            continue
        if not was and not becomes:
            yield f"--- {here}\n+++ {there}\n"  # an empty file comes or goes
        for line in unified_diff(was, becomes, here, there):
            yield line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n"
