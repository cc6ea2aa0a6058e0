"""What a tool is given beside its arguments: the world as far as this run may touch it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agentkit.core.errors import ToolFault
from agentkit.tooling.sandbox import Sandbox
from agentkit.tooling.workspace import Workspace


def nobody_to_ask(question: str) -> Awaitable[str]:
    """The answer where no person is listening."""
    raise ToolFault(f"nobody is here to answer {question!r}; decide yourself or say what is missing")


def nothing_kept(handle: str) -> str | None:  # noqa: ARG001 - whatever the handle
    """The text behind a handle, where no text was ever kept."""
    return None


def nowhere(text: str) -> None:
    """Drop what a tool prints, where nobody watches."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The world of one call.

    A tool names a parameter of this type to receive it; the model never sees that parameter.
    """

    workspace: Workspace
    sandbox: Callable[[], Sandbox]
    """Finds what confines model-written code; raises `SandboxUnavailable`."""
    ask: Callable[[str], Awaitable[str]] = nobody_to_ask
    """Puts a question to the person and returns the answer."""
    emit: Callable[[str], None] = nowhere
    """Shows the person what a running command prints."""
    recall: Callable[[str], str | None] = nothing_kept
    """The full text behind the handle of an earlier, shortened result."""
    handles: Sequence[str] = ()
    """Every handle that `recall` knows."""
    seconds_left: float | None = None
    """What the run's time budget still allows; a command may not outlive it."""
