"""Steps that the tests are written with."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from agentkit.core.runnable import Transform

T = TypeVar("T")


async def _upper(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    async for piece in pieces:
        yield piece.upper()


async def _letters(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    yield ""
    async for piece in pieces:
        for letter in piece:
            yield letter


upper = Transform(_upper)
letters = Transform(_letters)


async def given(*pieces: T) -> AsyncGenerator[T, None]:
    for piece in pieces:
        yield piece
