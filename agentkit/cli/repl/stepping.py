"""Work step by step, which Ctrl-C stops: first the step, then all of it."""

import asyncio
import time
from collections.abc import Callable, Sequence

from agentkit.agents.loop import Agent
from agentkit.agents.state import RunState
from agentkit.core.tools import Outcome

GRACE = 2.0
"""Seconds in which a second Ctrl-C ends the work, after the first has stopped a step."""
STOPPED = "the person stopped it"


class Stepping:
    """Lets an agent work, and stops it as the person says."""

    def __init__(
        self, inbox: Sequence[str], *, typing: Callable[[], bool], on_pause: Callable[[], None]
    ) -> None:
        """Work beside these.

        Args:
            inbox: What the person said that is to be heard before the next step.
            typing: Whether the person is about to say something.
            on_pause: Told when a call was stopped, and it is waited whether the person has a word to it.
        """
        self._inbox = inbox
        self._typing = typing
        self._on_pause = on_pause
        self._step: asyncio.Task[None] | None = None
        self._stopped_at = float("-inf")
        self._dropped = False
        self._pausing = False
        self._at_work = False

    async def work(self, agent: Agent) -> None:
        """Let the agent work until it is done or stopped."""
        self._dropped, self._stopped_at, self._at_work = False, float("-inf"), True
        try:
            while agent.state.ended is None:
                before = len(agent.state.attempts)
                if await self._stepped(agent) or agent.state.ended is not None:
                    continue
                if not _was_running(agent.state, before) or not await self._goes_on():
                    await agent.stop()
        finally:
            self._at_work = False

    def interrupt(self) -> bool:
        """Stop the step that is under way; a second time within `GRACE` seconds, the work.

        Returns:
            Whether the agent is at work; else nothing has begun, and whoever works is to be cancelled.
        """
        if not self._at_work:
            return False
        if self._pausing or self.just_stopped:
            self._dropped = True
        self._stopped_at = time.monotonic()
        if self._step is not None:
            self._step.cancel(STOPPED)
        return True

    @property
    def just_stopped(self) -> bool:
        """Whether the person stopped something a moment ago."""
        return time.monotonic() - self._stopped_at < GRACE

    @property
    def pausing(self) -> bool:
        """Whether a step was stopped, and the work waits for a word before it goes on."""
        return self._pausing

    async def _stepped(self, agent: Agent) -> bool:
        """Whether the next step came to its end; if not, the person stopped it."""
        self._step = asyncio.ensure_future(agent.step())
        try:
            await self._step
        except asyncio.CancelledError as stop:
            if stop.args != (STOPPED,):
                raise
            return False
        finally:
            self._step = None
        return True

    async def _goes_on(self) -> bool:
        """Wait whether the person says something to a call that they stopped; false when they drop it all."""
        self._pausing = True
        self._on_pause()
        until = time.monotonic() + GRACE
        try:
            while not self._dropped and (self._typing() or time.monotonic() < until):
                if self._inbox:
                    return True
                await asyncio.sleep(0.02)
            return not self._dropped
        finally:
            self._pausing = False


def _was_running(state: RunState, before: int) -> bool:
    """Whether it was a running call that was stopped, so that the model has something to be told."""
    return len(state.attempts) > before and state.attempts[-1].result.outcome is Outcome.UNKNOWN
