"""One run after the other until one works; never a second one once something was given on."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from agentkit.core.errors import ModelError, UsageError
from agentkit.core.runnable.pieces import Pieces

T = TypeVar("T")

Kinds: TypeAlias = tuple[type[Exception], ...]

PASSING: Kinds = (ModelError, OSError)
"""What can be otherwise next time: a model that could not answer, a connection, a time-out."""


async def tried(
    runs: Sequence[Callable[[], Pieces[T]]],
    worth: Callable[[Exception], bool],
    between: Callable[[int, Exception], Awaitable[object]],
) -> Pieces[T]:
    """The pieces of the first run that does not fail before its first piece.

    After the failure of run number n, `between(n, error)` is awaited. Errors that came before the one
    that is raised in the end are its notes.
    """
    before: list[Exception] = []
    for number, run in enumerate(runs, 1):
        given = False
        try:
            async with aclosing(run()) as pieces:
                async for piece in pieces:
                    given = True
                    yield piece
            return
        except Exception as error:
            if given or number == len(runs) or not worth(error):
                for earlier in before:
                    error.add_note(f"before: {type(earlier).__name__}: {earlier}")
                raise
            before.append(error)
        await between(number, before[-1])


@dataclass(frozen=True)
class Backoff:
    """How often, and how long apart."""

    attempts: int = 3
    on: Kinds = PASSING
    first_wait: float = 1.0
    longest_wait: float = 60.0
    """Seconds; a server that asks for more is not waited for."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    rng: random.Random = random.Random()  # noqa: RUF009, S311 - shared on purpose, and no secret

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(f"attempts = {self.attempts} cannot be; it must be 1 or more")

    def worth(self, error: Exception) -> bool:
        """Whether another attempt can end otherwise."""
        if isinstance(error, ModelError):
            asked = error.retry_after or 0.0
            return isinstance(error, self.on) and error.retriable and asked <= self.longest_wait
        return isinstance(error, self.on)

    async def between(self, attempt: int, error: Exception) -> None:
        """Wait before the attempt after number `attempt`, longer each time."""
        if isinstance(error, ModelError) and error.retry_after is not None:
            await self.sleep(error.retry_after)
            return
        await self.sleep(pause(attempt, self.first_wait, self.longest_wait, self.rng))


def pause(attempt: int, first_wait: float, longest_wait: float, rng: random.Random) -> float:
    """Seconds between the attempt of that number and the next: twice as long each time, up to the longest."""
    wait = min(longest_wait, first_wait * 2 ** (attempt - 1))
    # those that failed together should not come back together
    return wait * rng.uniform(0.5, 1.0)


async def at_once(number: int, error: Exception) -> None:
    """Do not wait before the run after number `number`."""
