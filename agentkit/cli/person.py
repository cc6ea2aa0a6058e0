"""The person at the terminal, as far as a run may ask them."""

import asyncio
import sys
from typing import TextIO

from agentkit.cli.render import Progress
from agentkit.cli.words import call_line, printable
from agentkit.core.messages import ToolCall
from agentkit.tooling.tool import Tool


class Person:
    """Asks on standard error and listens on standard input."""

    def __init__(self, progress: Progress, stdin: TextIO = sys.stdin, stderr: TextIO = sys.stderr) -> None:
        self._progress = progress
        self._stdin = stdin
        self._stderr = stderr

    @property
    def is_here(self) -> bool:
        """Whether anybody can read a question and type an answer."""
        return self._stdin.isatty() and self._stderr.isatty()

    async def approves(self, tool: Tool, call: ToolCall, reason: str) -> bool:  # noqa: ARG002 - the call says it
        """Whether the person allows a call; only y or yes does."""
        answer = await self._hear(f"{call_line(call, 400)}\n  {reason}. Allow it? [y/N] ")
        return answer.strip().lower() in ("y", "yes")

    async def answers(self, question: str) -> str:
        """The person's answer to the agent's question."""
        return (await self._hear(f"{printable(question)}\n> ")).strip()

    async def _hear(self, words: str) -> str:
        self._progress.pause()
        try:
            self._stderr.write(words)
            self._stderr.flush()
            return await asyncio.to_thread(self._stdin.readline)
        finally:
            self._progress.go_on()
