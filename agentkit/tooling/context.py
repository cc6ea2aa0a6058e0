"""What a tool is given beside its arguments: the world as far as this run may touch it."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from agentkit.core.documents import Retriever
from agentkit.core.errors import ToolFault
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Outcome, ToolResult
from agentkit.tooling.agents import Agents, NoAgents
from agentkit.tooling.indexed import NoDocuments
from agentkit.tooling.net.reach import Reach
from agentkit.tooling.remembering import NoMemory, Remembers
from agentkit.tooling.residents import Residents
from agentkit.tooling.sandbox import Sandbox
from agentkit.tooling.searching import Searching
from agentkit.tooling.workspace import Workspace


class Earlier(Protocol):
    """A call that ran its course in this run, as it is recorded."""

    @property
    def call(self) -> ToolCall:
        """What was called."""
        ...

    @property
    def result(self) -> ToolResult:
        """What came of it."""
        ...


def still_held(earlier: Sequence[Earlier], taken: str, put_down: str, argument: str) -> tuple[str, ...]:
    """What one tool took up and another has not put down since, as the calls so far tell.

    Args:
        earlier: The calls of the run.
        taken: The name of the tool that takes up.
        put_down: The name of the one that puts down.
        argument: Of both, that names the thing.
    """
    held: dict[str, None] = {}
    for one in earlier:
        if one.result.outcome is not Outcome.OK:
            continue
        if one.call.name == taken:
            held[str(one.call.arguments[argument])] = None
        elif one.call.name == put_down:
            held.pop(str(one.call.arguments[argument]), None)
    return tuple(held)


def nobody_to_ask(question: str) -> Awaitable[str]:
    """The answer where no person is listening."""
    raise ToolFault(f"nobody is here to answer {question!r}; decide yourself or say what is missing")


def nothing_kept(handle: str) -> str | None:  # noqa: ARG001 - whatever the handle
    """The text behind a handle, where no text was ever kept."""
    return None


def nowhere(text: str) -> None:
    """Drop what a tool prints, where nobody watches."""


class ToolContext(Struct, frozen=True):
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
    earlier: Sequence[Earlier] = ()
    """Every call of this run that ended, in order: a tool that remembers reads here what it was told, so
    that a resumed run remembers it too."""
    agents: Agents = field(default_factory=NoAgents)
    """Who works for this run."""
    documents: Retriever = field(default_factory=NoDocuments)
    """What finds passages of the documents that the person indexed."""
    memory: Remembers = field(default_factory=NoMemory)
    """What is remembered of the person from one run to the next."""
    residents: Residents = field(default_factory=Residents)
    """What lives as long as the run: a Python session, jobs in the background."""
    skills: Path | None = None
    """The folder of the person's own skills."""
    leads_to: str = ""
    """Where the person who allowed the call was told that it leads; it leads there or nowhere."""
    reach: Reach = field(default_factory=Reach)
    """Whom tools may reach over the network."""
    searching: Searching = field(default_factory=Searching)
    """Who is asked when the web is searched."""
    seconds_left: float | None = None
    """What the run's time budget still allows; a command may not outlive it."""
    tool_seconds_left: float | None = None
    """What is left of the seconds in which tools may run; a call that takes longer is cut off."""
