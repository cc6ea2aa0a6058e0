"""Whether what a call does could be undone, judged before it runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from agentkit.core.errors import SandboxUnavailable
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.policy import Policy
from agentkit.tooling.sandbox import Sandbox
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.taint import NO_TAINT, Taint
from agentkit.tooling.tool import Tool


@dataclass(frozen=True)
class Judge:
    """Says beforehand how calls in a workspace would be decided; nothing is run or kept."""

    policy: Policy
    snapshots: Snapshots | None
    """Of the workspace, where there is one to look at."""
    sandbox: Callable[[], Sandbox]

    @cached_property
    def looked(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What `Snapshots.survey` says."""
        return self.snapshots.survey() if self.snapshots else ({}, {})

    def lost(self, tool: Tool, arguments: Mapping[str, object], taint: Taint = NO_TAINT) -> str:
        """As `why_lost`; empty also where the verdict does not rest on an undo."""
        if self.snapshots is None or not self.policy.rests_on_undo(tool, taint):
            return ""
        context = ToolContext(self.snapshots.workspace, self.sandbox)
        return why_lost(tool, arguments, *self.looked, context)


def why_lost(
    tool: Tool,
    arguments: Mapping[str, object],
    left_out: Mapping[str, str],
    not_given_back: Mapping[str, str],
    context: ToolContext,
) -> str:
    """Why what a call does could not be undone, as the second half of a sentence; empty when it could.

    Code may do anything to any file, so nothing at all may be left out, and something must confine it.
    Of a tool that only writes, its arguments say what it is about; the workspace holds the rest fast.

    Args:
        tool: what is called.
        arguments: with what.
        left_out: why each path is not kept that is not.
        not_given_back: why each path could not get its owner or attributes back that could not.
        context: the world of the call.
    """
    if tool.lasts:
        return "what it starts goes on after the call, and could not be undone"
    if tool.effect is Effect.EXECUTES:
        for paths, how in ((left_out, ", which is not kept"), (not_given_back, "")):
            if paths:
                path = min(paths)
                more = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
                return f'what code does to "{written(path)}"{more} could not be undone{how}: {paths[path]}'
        try:
            context.sandbox()
        except SandboxUnavailable as error:
            return f"what it does could not be undone: {error}"
        return ""
    root = str(context.workspace.root)
    paths = tool.touches(arguments) if tool.touches is not None and arguments else ()
    named = {_plain(text, root) for text in (*_texts(arguments.values()), *paths)}
    for path in sorted({**not_given_back, **left_out}):
        if any(_meet(path, name) for name in named):
            if path in left_out:
                return f'"{written(path)}" could not be brought back, which is not kept: {left_out[path]}'
            return f'"{written(path)}" could not be brought back as it is: {not_given_back[path]}'
    return ""


def _texts(values: Iterable[object]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(cast("Mapping[Any, object]", value).values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _texts(cast("Iterable[object]", value))


def _plain(text: str, root: str) -> str:
    """A path as the workspace lists it; of a text that is none, something that no file is called."""
    text = text.removeprefix(root) if text.startswith(f"{root}/") else text
    return "/".join(part for part in text.split("/") if part not in ("", "."))


def _meet(path: str, name: str) -> bool:
    """Whether one of two paths is the other, or lies in it."""
    return f"{path}/".startswith(f"{name}/") or f"{name}/".startswith(f"{path}/")
