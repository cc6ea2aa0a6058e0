"""One of something for each event loop: a connection serves only the loop that opened it.

A model is used from several loops sooner than it seems: `invoke` works on a loop of its own, a notebook
awaits on another, and every `asyncio.run` makes a new one.
"""

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds that another loop has for closing; one that stands still until we are done would never do it."""


class PerLoop(Generic[T]):
    """What `make` makes, once for each loop, and `close` closes there.

    The first is made at once, because making it may take long, and goes to the loop that asks first.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[object]]) -> None:
        self._make = make
        self._close = close
        self._lock = threading.Lock()
        self._unused: list[T] = [make()]
        self._by_loop: dict[AbstractEventLoop, T] = {}

    async def here(self) -> T:
        """The one of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            stale = [self._by_loop.pop(one) for one in tuple(self._by_loop) if one.is_closed()]
            if loop not in self._by_loop:
                self._by_loop[loop] = self._unused.pop() if self._unused else self._make()
            made = self._by_loop[loop]
        for one in stale:
            # what it had open went with its loop, and closing says so; unclosed it would complain later
            with suppress(RuntimeError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._close(one)
        return made

    async def close(self) -> None:
        """Close them all, each in its own loop; whoever asks again gets a new one."""
        here = asyncio.get_running_loop()
        with self._lock:
            made, self._by_loop = self._by_loop, {}
            unused, self._unused = self._unused, []
        elsewhere = [
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._closed(one), loop))
            for loop, one in made.items()
            if loop is not here and loop.is_running()
        ]
        for one in (*unused, *(one for loop, one in made.items() if loop is here)):
            await self._closed(one)
        if elsewhere:
            done, _ = await asyncio.wait(elsewhere, timeout=PATIENCE)
            for one in done:
                one.result()

    async def _closed(self, one: T) -> None:
        await self._close(one)
