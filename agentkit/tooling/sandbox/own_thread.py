"""Blocking work beside the event loop, in a thread that lives exactly as long as the work."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Self, TypeVar

T = TypeVar("T")


class Stop:
    """Asks the work of another thread to end, in a way that `poll` can wait for."""

    def __init__(self) -> None:
        self.asked = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.asked)

    def ask(self) -> None:
        """Have the work end; asking again changes nothing."""
        os.eventfd_write(self.asked, 1)


class Relay:
    """Carries chunks from the working thread to a callback in the event loop, in order."""

    def __init__(self, receive: Callable[[bytes], None] | None, stop: Stop) -> None:
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._stop = stop
        self._fault: Exception | None = None

    def send(self, chunk: bytes) -> None:
        """Hand over a chunk, from any thread."""
        self._loop.call_soon_threadsafe(self._deliver, chunk)

    def check(self) -> None:
        """Raise what the callback raised."""
        if self._fault:
            raise self._fault

    def _deliver(self, chunk: bytes) -> None:
        if self._fault or not self._receive:
            return
        try:
            self._receive(chunk)
        except Exception as fault:  # noqa: BLE001 - raised by `check`, once the work has ended
            self._fault = fault
            self._stop.ask()


async def in_own_thread(work: Callable[[], T], stop: Stop) -> T:
    """Return what `work` returns; when cancelled, ask it to stop and wait until it has.

    A thread of its own, not one of a pool: the kernel sends the "parent died" signal when the thread
    that started a process ends, and a full pool would keep a command waiting.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def body() -> None:
        try:
            result = work()
        except BaseException as fault:  # noqa: BLE001 - raised in the awaiting task
            loop.call_soon_threadsafe(done.set_exception, fault)
        else:
            loop.call_soon_threadsafe(done.set_result, result)

    threading.Thread(target=body, name="agentkit-command", daemon=True).start()
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait({done})
        except asyncio.CancelledError as request:
            cancelled = request
            stop.ask()
    if cancelled:
        done.exception()  # marks a fault as seen: the cancellation is the news
        raise cancelled
    return done.result()
