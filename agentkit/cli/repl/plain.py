"""Lines in and lines out: for pipes, for terminals that can do no more, and for screen readers."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agentkit.cli.person import typed_line
from agentkit.cli.screens import Look, Screen, screen_on
from agentkit.tooling.daemon import in_daemon

PROMPT = "> "


class PlainEditor:
    """Takes a line at a time and draws nothing again."""

    typing = draws = False

    def __init__(self) -> None:
        self.listens = sys.stdin.isatty()
        self._screen = screen_on(sys.stdout, Look.PLAIN, str)
        self._unasked = asyncio.Event()
        self._unasked.set()
        self._waiting: asyncio.Task[str] | None = None
        self._left = False

    @property
    def screen(self) -> Screen:
        """Where a run is shown."""
        return self._screen

    async def line(self) -> str:
        """The next line; a byte of it that is not UTF-8 is half of a surrogate pair.

        Raises:
            EOFError: there is none.
        """
        while True:
            await self._unasked.wait()
            if self._left:
                raise EOFError
            self._prompt(PROMPT)
            self._waiting = asyncio.ensure_future(self._typed())
            try:
                return await self._waiting
            except asyncio.CancelledError:
                if self._unasked.is_set() and not self._left:
                    raise

    @asynccontextmanager
    async def asking(self) -> AsyncGenerator[None]:
        """Questions in a row: the next lines are their answers."""
        self._unasked.clear()
        try:
            if self._waiting is not None:
                self._waiting.cancel()
                await asyncio.wait([self._waiting])  # one reader at a time
            yield
        finally:
            self._unasked.set()

    async def answer(self, question: str, default: str = "") -> str:
        """The next line, as the answer to a question; within `asking`."""
        self._prompt(f"{question}\n  now: {default}\n> " if default else question)
        try:
            return (await self._typed()).encode("utf-8", "replace").decode()
        except EOFError:
            return ""

    def clear(self) -> bool:
        """What was typed is known to the terminal alone, which has dropped it."""
        return False

    def put_back(self, text: str) -> None:
        """A line that was sent cannot be typed again by us, so it is shown."""
        self._screen.line("not sent", text)

    def leave(self) -> None:
        """End the wait for a line."""
        self._left = True
        self._unasked.set()
        if self._waiting is not None:
            self._waiting.cancel()

    def refresh(self) -> None:
        """Nothing is drawn again."""

    @asynccontextmanager
    async def aside(self) -> AsyncGenerator[None]:
        """The terminal is everybody's already."""
        sys.stdout.flush()
        yield

    async def close(self) -> None:
        """Nothing is held back."""

    def _prompt(self, text: str) -> None:
        self._screen.pause()
        sys.stdout.write(text)
        sys.stdout.flush()

    async def _typed(self) -> str:
        if self.listens:
            line = await typed_line(sys.stdin.fileno())
        else:
            raw = await in_daemon(sys.stdin.buffer.readline, "read a line")
            line = raw.decode("utf-8", "surrogateescape")
            sys.stdout.write(raw.decode("utf-8", "replace"))  # else nobody sees what is answered
            sys.stdout.flush()
        if not line:
            sys.stdout.write("\n")
            raise EOFError
        return line.rstrip("\r\n")
