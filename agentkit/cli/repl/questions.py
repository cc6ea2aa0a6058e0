"""What the person is asked: about a call, by the agent, and by a command."""

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from agentkit.cli.repl.sitting import Sitting
from agentkit.cli.words import printable

if TYPE_CHECKING:
    from agentkit.cli.approval import Approvals
    from agentkit.core.messages import ToolCall
    from agentkit.tooling.dispatch import Reply
    from agentkit.tooling.tool import Tool


class Questions:
    """Puts them above the input, one after the other."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        self._of_command: asyncio.Future[str] | None = None

    @cached_property
    def _approvals(self) -> "Approvals":
        from agentkit.cli.approval import Approvals

        return Approvals(self._show, self._sitting.editor.answer, self._sitting.settings)

    def begin(self) -> None:
        """A message begins: what was allowed ahead was so for the one before."""
        self._approvals.ahead = 0

    async def about_call(self, tool: "Tool", call: "ToolCall", reason: str) -> "Reply":
        """What the person says to a call."""
        sitting = self._sitting
        self._approvals.settings = sitting.talk.settings
        async with sitting.editor.asking():
            reply = await self._approvals(tool, call, reason)
        sitting.hold(reply.rules)
        return reply

    async def of_agent(self, question: str) -> str:
        """What the person answers to the agent."""
        async with self._sitting.editor.asking():
            self._show(printable(question))
            return await self._sitting.editor.answer("your answer: ")

    async def of_command(self, question: str) -> str:
        """What the person answers to a command; empty when they stop it."""
        self._of_command = asyncio.ensure_future(self._put(question))
        try:
            return await self._of_command
        except asyncio.CancelledError:
            if not self._of_command.cancelled():
                raise
            return ""
        finally:
            self._of_command = None

    def stop(self) -> bool:
        """Leave a command's question without an answer; false when there is none."""
        if self._of_command is None:
            return False
        self._of_command.cancel()
        return True

    async def _put(self, question: str) -> str:
        async with self._sitting.editor.asking():
            return (await self._sitting.editor.answer(question)).strip()

    def _show(self, text: str) -> None:
        for line in text.split("\n"):
            self._sitting.say("", line)
