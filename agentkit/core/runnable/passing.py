"""Steps that pass pieces on while they come."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from agentkit.core.runnable.pieces import Pieces
from agentkit.core.runnable.runnable import Streaming

T = TypeVar("T")
In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Transform(Streaming[In, Out]):
    """A function from pieces to pieces as a step: text passes through it while it is written."""

    def __init__(self, function: Callable[[AsyncIterator[In]], Pieces[Out]]) -> None:
        self.function = function

    def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """What the function makes of them."""
        return self.function(pieces)


class Passthrough(Streaming[T, T]):
    """The value itself, piece by piece."""

    async def transform(self, pieces: AsyncIterator[T]) -> Pieces[T]:
        """The pieces as they are."""
        async for piece in pieces:
            yield piece
