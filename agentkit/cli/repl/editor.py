"""What the conversation asks of a terminal: lines from the person, and a place to show things."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from agentkit.cli.screens import Screen


class Editor(Protocol):
    """Where the person types and reads."""

    @property
    def screen(self) -> Screen:
        """Where a run is shown."""
        ...

    @property
    def listens(self) -> bool:
        """Whether the person can type while the agent works."""
        ...

    @property
    def draws(self) -> bool:
        """Whether the status is shown."""
        ...

    @property
    def typing(self) -> bool:
        """Whether the person has typed something that they have not sent."""
        ...

    async def line(self) -> str:
        """The next thing that the person sends.

        Raises:
            EOFError: they leave.
        """
        ...

    def asking(self) -> AbstractAsyncContextManager[None]:
        """Questions in a row; what the person is typing is put aside and comes back after the last."""
        ...

    async def answer(self, question: str, default: str = "") -> str:
        """The person's answer to a question, within `asking`; empty when they give none."""
        ...

    def clear(self) -> bool:
        """Take back what was typed; false when there was nothing."""
        ...

    def put_back(self, text: str) -> None:
        """Give the person back what they sent and what was not taken."""
        ...

    def leave(self) -> None:
        """End the wait for a line as if the person had left."""
        ...

    def refresh(self) -> None:
        """Draw again what changes by itself."""
        ...

    def aside(self) -> AbstractAsyncContextManager[None]:
        """The terminal for somebody else, for as long as the context lasts."""
        ...

    async def close(self) -> None:
        """Leave the terminal as it was found, with everything shown."""
        ...


Status = Callable[[], str]
"""Says in one line what goes on, or nothing."""
