"""The person at the terminal, as far as a run may ask them."""

import asyncio
import os
import sys
import termios
from typing import TextIO

from agentkit.cli.approval import Approvals
from agentkit.cli.render import Progress
from agentkit.cli.words import printable
from agentkit.core.messages import ToolCall
from agentkit.settings import Settings
from agentkit.tooling.dispatch import Reply
from agentkit.tooling.tool import Tool


class Person:
    """Asks on standard error and listens on standard input."""

    def __init__(
        self,
        progress: Progress | None,
        settings: Settings,
        stdin: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self._progress = progress
        self._approvals = Approvals(self._show, self._hear, settings)
        self._stdin = stdin or sys.stdin
        self._stderr = stderr or sys.stderr

    @property
    def is_here(self) -> bool:
        """Whether anybody can read a question and type an answer."""
        return self._stdin.isatty() and self._stderr.isatty()

    def about(self, settings: Settings) -> None:
        """Ask from now on about a run with these settings."""
        self._approvals.settings = settings

    async def approves(self, tool: Tool, call: ToolCall, reason: str) -> Reply:
        """What the person says to a call; only a clear yes lets it run."""
        return await self._approvals(tool, call, reason)

    async def answers(self, question: str) -> str:
        """The person's answer to the agent's question."""
        return await self._hear(f"{printable(question)}\n> ")

    def _show(self, text: str) -> None:
        if self._progress:
            self._progress.pause()
        self._stderr.write(f"{text}\n")
        self._stderr.flush()

    async def _hear(self, words: str, default: str = "") -> str:
        words = f"{words}\n  now: {default}\n> " if default else words
        if self._progress:
            self._progress.pause()
        try:
            descriptor = self._stdin.fileno()
            # what was typed before the question cannot be the answer to it
            termios.tcflush(descriptor, termios.TCIFLUSH)
            self._stderr.write(words)
            self._stderr.flush()
            return (await typed_line(descriptor)).strip()
        finally:
            if self._progress:
                self._progress.go_on()


async def typed_line(descriptor: int) -> str:
    """The next line from a terminal; whoever waits for it can be cancelled, unlike a thread that reads."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bytes] = loop.create_future()
    typed = bytearray()

    def ready() -> None:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # the terminal is gone
            piece = b""
        typed.extend(piece)
        if (not piece or b"\n" in piece) and not heard.done():
            heard.set_result(bytes(typed))

    loop.add_reader(descriptor, ready)
    try:
        return (await heard).decode("utf-8", "replace")
    finally:
        loop.remove_reader(descriptor)
