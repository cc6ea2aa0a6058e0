"""A value in pieces: what a stream yields, and how the pieces become the value again."""

import asyncio
import reprlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, cast

from agentkit.core.errors import UsageError

T = TypeVar("T")

Pieces: TypeAlias = AsyncGenerator[T, None]
"""What a step yields; whoever reads only a part of it closes it."""

_END: Any = object()


async def once(value: T) -> Pieces[T]:
    """The value in one piece."""
    yield value


async def gathered(pieces: AsyncIterator[T]) -> T:
    """The value that the pieces are of.

    Raises:
        UsageError: there are no pieces, or they cannot be joined.
    """
    return joined([piece async for piece in pieces])


def joined(pieces: Sequence[T]) -> T:
    """Text and lists one after the other, mappings key by key; anything else comes in one piece.

    >>> joined(["to ", "do"])
    'to do'
    >>> joined([{"a": "x"}, {"b": [1]}, {"a": "y"}, {"b": [2]}])
    {'a': 'xy', 'b': [1, 2]}
    >>> joined([1, 2])
    Traceback (most recent call last):
    agentkit.core.errors.UsageError: 2 pieces of int, int are no whole; a step that yields more than once yields text, lists or mappings

    Raises:
        UsageError: there are none, or they cannot be joined.
    """  # noqa: E501
    if len(pieces) == 1:
        return pieces[0]
    found: Sequence[Any] = pieces
    for kind in (str, bytes):
        if found and all(isinstance(piece, kind) for piece in found):
            return cast("T", kind().join(found))
    for kind in (list, tuple):
        if found and all(isinstance(piece, kind) for piece in found):
            return cast("T", kind(item for piece in found for item in piece))
    if found and all(isinstance(piece, dict) for piece in found):
        keys = dict.fromkeys(key for piece in found for key in piece)
        return cast("T", {key: joined([piece[key] for piece in found if key in piece]) for key in keys})
    if not found:
        raise UsageError("a step yielded nothing; one that can have nothing to say yields an empty value")
    kinds = ", ".join(type(piece).__name__ for piece in found[:3])
    raise UsageError(
        f"{len(found)} pieces of {kinds} are no whole; "
        "a step that yields more than once yields text, lists or mappings"
    )


async def each(values: Iterable[T]) -> Pieces[T]:
    """The values one after the other."""
    for value in values:
        yield value


def listed(values: Iterable[T]) -> list[T]:
    """The values that are each to be worked on.

    Raises:
        UsageError: it is one value and not several.
    """
    try:
        given = iter(values)
    except TypeError:
        found = reprlib.repr(values)
        raise UsageError(f"several values are wanted, in a list or the like; found {found}") from None
    return list(given)


async def items(pieces: AsyncIterator[Iterable[T]]) -> Pieces[T]:
    """What the value of the pieces holds: of a text or a list, each as soon as it is there.

    Raises:
        UsageError: there are no pieces, they cannot be joined, or they hold nothing.
    """
    first: Any = await anext(pieces, _END)
    if not isinstance(first, str | bytes | list | tuple):
        # its pieces are not parts of it, as those of a mapping; or there is one piece, or none
        begun: list[Any] = [] if first is _END else [first]
        for item in listed(joined([*begun, *[piece async for piece in pieces]])):
            yield item
        return
    whole = cast("Sequence[T]", first)
    for item in whole:
        yield item
    async for piece in pieces:
        # joined to nothing, so that what is of another kind is refused
        for item in joined([cast("Iterable[T]", whole[:0]), piece]):
            yield item


class Shared(Generic[T]):
    """Pieces that several readers each get all of, every reader at its own pace."""

    def __init__(self, source: AsyncIterator[T], readers: int) -> None:
        self._source = source
        self._waiting: list[deque[T]] = [deque() for _ in range(readers)]
        self._lock = asyncio.Lock()
        self._fault: Exception | None = None

    async def reader(self, place: int) -> Pieces[T]:
        """All pieces; they are asked of the source when the quickest reader wants them.

        A source that breaks off does so for every reader: none takes what came before for the whole.
        """
        waiting = self._waiting[place]
        while True:
            async with self._lock:
                if not waiting:
                    piece = await self._next()
                    for queue in self._waiting:
                        queue.append(piece)
            if (piece := waiting.popleft()) is _END:
                return
            yield piece

    async def _next(self) -> T:
        if self._fault is not None:
            raise self._fault
        try:
            return await anext(self._source, _END)
        except Exception as error:
            self._fault = error
            raise
        except asyncio.CancelledError:
            # only this reader was given up, and with it ended what the others read from
            self._fault = UsageError(
                "a branch was cancelled while it waited for a piece of what all branches read; "
                "a branch with a time limit of its own reads its input before that begins"
            )
            raise


class Replay(Generic[T]):
    """Pieces that can be read again from the first one on."""

    def __init__(self, source: AsyncIterator[T]) -> None:
        self._source = source
        self._kept: list[T] = []
        self.fault: Exception | None = None
        """Why the source itself broke off: reading again cannot mend that."""

    async def again(self) -> Pieces[T]:
        """What was read before, then what is still to come."""
        for piece in tuple(self._kept):
            yield piece
        while True:
            try:
                piece = await anext(self._source, _END)
            except Exception as error:
                self.fault = error
                raise
            if piece is _END:
                return
            self._kept.append(piece)
            yield piece
