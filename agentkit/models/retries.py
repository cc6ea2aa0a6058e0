"""Asking again: when, after how long a wait, and when not."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from agentkit.core.errors import ModelError, StreamCut
from agentkit.core.protocols import Answer, StreamRestarted, TextDelta
from agentkit.core.runnable.trying import pause

Piece: TypeAlias = TextDelta | StreamRestarted | Answer
"""What a model's stream yields."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed request is made again: `attempts` in all, ever longer apart."""

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    """Seconds; a server that asks for more is not waited for."""

    def wait(self, attempt: int, error: ModelError, rng: random.Random) -> float:
        """Seconds before the attempt after number `attempt`.

        Raises:
            ModelError: there is none: the error would come again, or enough was tried.
        """
        if not error.retriable:
            raise error
        if attempt >= self.attempts:
            tried = f"{attempt} attempts" if attempt > 1 else "one attempt"
            raise _again(error, f"given up after {tried}")
        if error.retry_after is not None:
            if error.retry_after > self.longest_wait:
                asked = f"the server asks to wait {error.retry_after:.0f} s"
                raise _again(error, f"{asked}, and {self.longest_wait:.0f} s is the longest wait")
            return error.retry_after
        return pause(attempt, self.first_wait, self.longest_wait, rng)


def announced(
    retries: Retries, attempt: int, error: ModelError, rng: random.Random, say: Callable[[str], None]
) -> float:
    """Seconds before the attempt after number `attempt`, and why they pass is said.

    Raises:
        ModelError: there is none; see `Retries.wait`.
    """
    wait = retries.wait(attempt, error, rng)
    say(f"{error}; waiting {wait:.1f} s before attempt {attempt + 1} of {retries.attempts}")
    return wait


async def retried(
    ask: Callable[[], AsyncIterator[Piece]],
    retries: Retries,
    sleep: Callable[[float], Awaitable[object]],
    rng: random.Random,
    say: Callable[[str], None],
) -> AsyncGenerator[Piece]:
    """What `ask` streams, asked again after faults that pass; a retry of what had begun is told.

    Raises:
        ModelError: what went wrong, once no retry is left or would help.
    """
    attempt = 1
    while True:
        shown = False
        try:
            async with closing(ask()) as pieces:
                async for piece in pieces:
                    shown = isinstance(piece, TextDelta) or (shown and not isinstance(piece, StreamRestarted))
                    yield piece
        except ModelError as failure:
            error = failure
        else:
            return
        wait = announced(retries, attempt, error, rng, say)
        # what broke off inside a call or a thought was not shown, and was computed all the same
        if shown or isinstance(error, StreamCut):
            yield StreamRestarted(str(error))
        await sleep(wait)
        attempt += 1


@asynccontextmanager
async def closing(stream: AsyncIterator[Piece]) -> AsyncGenerator[AsyncIterator[Piece]]:
    """A model's stream, which gives back what it holds open when the block is left."""
    try:
        yield stream
    finally:
        close: Any = getattr(stream, "aclose", None)  # a generator, as nearly every model's stream is
        if close is not None:
            await close()


def _again(error: ModelError, why: str) -> ModelError:
    more = type(error)(f"{error}; {why}")
    more.retry_after = error.retry_after
    return more
