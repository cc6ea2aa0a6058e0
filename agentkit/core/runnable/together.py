"""Several things at once, none of which outlives the call."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, Literal, TypeVar, overload

from agentkit.core.errors import UsageError

T = TypeVar("T")


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
    gate = _gate(max_concurrency)
    # a task each, so that what one sets in its context stays there
    tasks = [asyncio.create_task(_passed(gate, make)) for make in makes]
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
    makes: AsyncIterator[Callable[[], Awaitable[T]]], max_concurrency: int | None = None
) -> AsyncGenerator[T, None]:
    """What each of them comes to, in order, as soon as it and those before it are there.

    Each is begun when it comes, if its turn under `max_concurrency` has. The first error, of one of them
    or of `makes` itself, cancels the others and is raised, also when it is not its turn yet.

    Raises:
        UsageError: `max_concurrency` is less than one.
    """
    gate = _gate(max_concurrency)
    tasks: deque[asyncio.Task[T]] = deque()
    failed: list[asyncio.Task[Any]] = []
    changed = asyncio.Event()

    def note(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            failed.append(task)
        changed.set()

    async def begin() -> None:
        async for make in makes:
            tasks.append(asyncio.create_task(_passed(gate, make)))
            tasks[-1].add_done_callback(note)

    # one task reads them all: what opens something while it makes them closes it in the same task
    beginning = asyncio.create_task(begin())
    beginning.add_done_callback(note)
    try:
        while True:
            if failed:
                failed[0].result()
            if tasks and tasks[0].done():
                yield tasks.popleft().result()
            elif not tasks and beginning.done():
                beginning.result()
                return
            else:
                await changed.wait()
                changed.clear()
    finally:
        await ended([beginning, *tasks])


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


def _gate(max_concurrency: int | None) -> AbstractAsyncContextManager[object]:
    if max_concurrency is None:
        return nullcontext()
    if max_concurrency < 1:
        raise UsageError(f"max_concurrency = {max_concurrency} cannot be; it must be 1 or more, or None")
    return asyncio.Semaphore(max_concurrency)


async def _passed(gate: AbstractAsyncContextManager[object], make: Callable[[], Awaitable[T]]) -> T:
    async with gate:
        return await make()


async def ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel what still runs, and wait until it has let go."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
