"""The person at the terminal, as far as a run may ask them."""

import asyncio
import os
import sys
import termios
from typing import TextIO

from agentkit.cli.render import Progress
from agentkit.cli.words import call_text, printable
from agentkit.core.messages import ToolCall
from agentkit.tooling.tool import Tool

SHOWN = 2000
"""Characters of a call that a question shows; the rest on request."""


class Person:
    """Asks on standard error and listens on standard input."""

    def __init__(
        self, progress: Progress | None, stdin: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        self._progress = progress
        self._stdin = stdin or sys.stdin
        self._stderr = stderr or sys.stderr

    @property
    def is_here(self) -> bool:
        """Whether anybody can read a question and type an answer."""
        return self._stdin.isatty() and self._stderr.isatty()

    async def approves(self, tool: Tool, call: ToolCall, reason: str) -> bool:  # noqa: ARG002 - the call says it
        """Whether the person allows a call; only y or yes does."""
        whole = call_text(call)
        shown, more = (whole, "") if len(whole) <= SHOWN else (whole[:SHOWN] + "…", "/all")
        words = f"{shown}\n  {reason}. Allow it? [y/N{more}] "
        answer = await self._hear(words)
        while more and answer in ("a", "all"):
            answer = await self._hear(f"{whole}\n  {reason}. Allow it? [y/N] ")
        return answer.lower() in ("y", "yes")

    async def answers(self, question: str) -> str:
        """The person's answer to the agent's question."""
        return await self._hear(f"{printable(question)}\n> ")

    async def _hear(self, words: str) -> str:
        if self._progress:
            self._progress.pause()
        try:
            descriptor = self._stdin.fileno()
            # what was typed before the question cannot be the answer to it
            termios.tcflush(descriptor, termios.TCIFLUSH)
            self._stderr.write(words)
            self._stderr.flush()
            return (await _typed_line(descriptor)).strip()
        finally:
            if self._progress:
                self._progress.go_on()


async def _typed_line(descriptor: int) -> str:
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
