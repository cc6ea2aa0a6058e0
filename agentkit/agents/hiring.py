"""What is asked of an agent that lets others work, of those others, and of who makes them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from msgspec import Struct

from agentkit.agents.state import RunState
from agentkit.core.events import Event, RunEnded, RunResumed, RunStarted
from agentkit.core.protocols import RunLog
from agentkit.core.usage import Limits


class Runner(Protocol):
    """An agent, as far as others are begun by it or it is begun by another."""

    log: RunLog
    state: RunState

    @property
    def untrusted(self) -> str:
        """Where it was told what anybody may have written; empty while it was not."""
        ...

    def record(self, event: Event, durable: bool = False) -> None:
        """Append an event."""
        ...

    def spare(self) -> Limits:
        """What may be set aside for others."""
        ...

    def dismiss(self) -> None:
        """Stop whoever works for it, for good."""
        ...

    async def run(self, start: RunStarted | None = None) -> RunEnded:
        """Work until the run is over."""
        ...

    async def say(self, text: str, call_id: str = "", untrusted: str = "") -> None:
        """Give the run its next task."""
        ...

    async def stop(self) -> None:
        """End the run here."""
        ...


class Runs(Protocol):
    """Where the runs of agents are recorded."""

    def start(self) -> AbstractContextManager[RunLog]:
        """A new run."""
        ...

    def resume(self, run_id: str) -> AbstractContextManager[RunLog]:
        """An earlier one.

        Raises:
            RunNotFound: there is none of that name.
            RunBusy: another process, or this one, is at work on it.
        """
        ...


class Order(Struct, frozen=True):
    """What whoever makes an agent has to know of it."""

    name: str
    call_id: str
    """The call that it works for."""
    tools: tuple[str, ...]
    limits: Limits
    hear: Callable[[], str]
    """Called between two of its steps."""


class Employer(Protocol):
    """Makes agents; the one place that knows what they are made of."""

    def hire(self, order: Order, log: RunLog) -> AbstractAsyncContextManager[Runner]:
        """An agent on this record; what it holds open is closed at the end."""
        ...

    def beginning(self, task: str, name: str, runner: Runner) -> RunStarted:
        """The first event of its run, with the opening messages as they are rendered."""
        ...

    def resumed(self, runner: Runner) -> RunResumed:
        """The event with which it is taken up again."""
        ...
