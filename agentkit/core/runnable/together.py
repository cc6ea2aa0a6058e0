"""Several things at once, none of which outlives the call."""

import asyncio
import reprlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Literal, TypeVar, overload

from agentkit.core.errors import UsageError

T = TypeVar("T")


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


@overload
async def together(
    makes: Sequence[Callable[[], Awaitable[T]]],
    max_concurrency: int | None = None,
    *,
    return_exceptions: Literal[False] = False,
) -> list[T]: ...
@overload
async def together(
    makes: Sequence[Callable[[], Awaitable[T]]],
    max_concurrency: int | None = None,
    *,
    return_exceptions: bool,
) -> list[T | Exception]: ...
async def together(
    makes: Sequence[Callable[[], Awaitable[T]]],
    max_concurrency: int | None = None,
    *,
    return_exceptions: bool = False,
) -> list[T] | list[T | Exception]:
    """What each of them comes to, in order; the first error cancels the others.

    Raises:
        UsageError: `max_concurrency` is less than one.
    """
    tasks = _begun(makes, max_concurrency)
    try:
        if not return_exceptions:
            return list(await asyncio.gather(*tasks))
        results: list[T | Exception] = []
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
            results.append(result)
        return results
    finally:
        await ended(tasks)


async def in_turn(
    makes: Sequence[Callable[[], Awaitable[T]]], max_concurrency: int | None = None
) -> AsyncGenerator[T, None]:
    """What each of them comes to, in order, as soon as it and those before it are there.

    The first error cancels the others and is raised, also when it is not its turn yet.

    Raises:
        UsageError: `max_concurrency` is less than one.
    """
    tasks = _begun(makes, max_concurrency)
    try:
        for task in tasks:
            while not task.done():
                unfinished = [one for one in tasks if not one.done()]
                done, _ = await asyncio.wait(unfinished, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
            yield task.result()
    finally:
        await ended(tasks)


async def merged(streams: Mapping[str, AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[str, T], None]:
    """The pieces of all streams as they come, each with its stream's name.

    A piece is made only when the one before it in its stream was taken.
    """
    ready: asyncio.Queue[tuple[str, T, asyncio.Event]] = asyncio.Queue()

    async def pump(name: str, stream: AsyncGenerator[T, None]) -> None:
        async with aclosing(stream):
            async for piece in stream:
                taken = asyncio.Event()
                ready.put_nowait((name, piece, taken))
                await taken.wait()

    tasks = [asyncio.create_task(pump(name, stream)) for name, stream in streams.items()]
    everything = asyncio.gather(*tasks)
    # when the reader leaves early nobody asks how it ended, and asyncio would complain
    everything.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        while not everything.done():
            getting = asyncio.create_task(ready.get())
            try:
                await asyncio.wait([getting, everything], return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    break
                name, piece, taken = getting.result()
                yield name, piece
                taken.set()
            finally:
                await ended([getting])
        await everything
    finally:
        await ended(tasks)


def _begun(makes: Sequence[Callable[[], Awaitable[T]]], max_concurrency: int | None) -> list[asyncio.Task[T]]:
    if max_concurrency is not None and max_concurrency < 1:
        raise UsageError(f"max_concurrency = {max_concurrency} cannot be; it must be 1 or more, or None")
    gate = asyncio.Semaphore(max_concurrency or max(1, len(makes)))

    async def passed(make: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await make()

    # a task each, so that what one sets in its context stays there
    return [asyncio.create_task(passed(make)) for make in makes]


async def ended(tasks: Sequence[asyncio.Task[T]]) -> None:
    """Cancel what still runs, and wait until it has let go."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
