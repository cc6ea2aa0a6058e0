"""What a tool may ask of the agents that work for a run; who makes them is not a tool's business."""

from collections.abc import Sequence
from typing import NoReturn, Protocol

from agentkit.core.errors import ToolFault


class Agents(Protocol):
    """The agents that work for one run, as one call of it may deal with them.

    A call that is made again after a crash finds what it had begun, and goes on with it.
    """

    async def start(
        self, name: str, task: str, *, tools: Sequence[str], max_steps: int | None, share: float, wait: bool
    ) -> str:
        """Let a new agent take on a task, and say what came of it, or only that it has begun.

        Args:
            name: What it is called from then on.
            task: What should be true at the end.
            tools: All that it may use; empty for whatever this run may.
            max_steps: The most model calls it may make, if fewer than its share.
            share: The part of what is left to spend that is set aside for it.
            wait: Whether to wait for its end.

        Raises:
            ToolFault: the name is taken, a tool is not to be had, or there is no room for another.
        """
        ...

    async def message(self, name: str, text: str, *, wait: bool) -> str:
        """Say something to an agent, at work or not, and give its answer, or only say that it was told.

        Raises:
            ToolFault: there is no such agent, or nothing is left to spend on it.
        """
        ...

    async def listed(self, *, wait: bool) -> str:
        """How each agent stands; with `wait` not before none is at work."""
        ...

    async def stop(self, name: str) -> str:
        """End an agent's work where it stands.

        Raises:
            ToolFault: there is no such agent.
        """
        ...


class NoAgents:
    """Where no agent can be started."""

    async def start(
        self, name: str, task: str, *, tools: Sequence[str], max_steps: int | None, share: float, wait: bool
    ) -> str:
        """Refuse."""
        del name, task, tools, max_steps, share, wait
        _refuse()

    async def message(self, name: str, text: str, *, wait: bool) -> str:
        """Refuse."""
        del name, text, wait
        _refuse()

    async def listed(self, *, wait: bool) -> str:
        """Nobody."""
        del wait
        return "no agent works for you"

    async def stop(self, name: str) -> str:
        """Refuse."""
        del name
        _refuse()


def _refuse() -> NoReturn:
    raise ToolFault("no agents can be started here; do it yourself")
