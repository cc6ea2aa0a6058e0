"""Asynchronous work for code that is not: on one event loop, in a thread of its own.

An event loop that runs in the caller's thread, as in a notebook, is not in the way; it stands still
until the work is done. All work shares the one loop, so a connection that one call opened serves the
next.
"""

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from agentkit.core.errors import UsageError
from agentkit.core.runnable.pieces import Pieces

T = TypeVar("T")

_END: Any = object()


def waited(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns. Ctrl-C cancels it, and comes through when it has ended.

    Raises:
        UsageError: this is called by work on that loop, which would wait for itself.
    """
    job = _Job(work)
    try:
        return job.outcome.result()
    finally:
        job.end()


def iterated(stream: Callable[[], Pieces[T]]) -> Iterator[T]:
    """The pieces of a stream, each made when it is asked for; all of them in one task."""
    ready: queue.SimpleQueue[T] = queue.SimpleQueue()
    wanted = asyncio.Semaphore(0)

    async def pump() -> None:
        async with aclosing(stream()) as pieces:
            await wanted.acquire()
            async for piece in pieces:
                ready.put(piece)
                await wanted.acquire()

    job = _Job(pump)
    job.outcome.add_done_callback(lambda _: ready.put(_END))
    try:
        while True:
            job.loop.call_soon_threadsafe(wanted.release)
            if (piece := ready.get()) is _END:
                job.outcome.result()
                return
            yield piece
    finally:
        job.end()


class _Job(Generic[T]):
    """Work on the loop, with the caller's context variables."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self.loop = _ours.loop()
        self.outcome: Future[T] = Future()
        self._task: asyncio.Task[T] | None = None
        # the handle, and with it the task, runs in a copy of the context of this thread
        self.loop.call_soon_threadsafe(self._start, work)

    def end(self) -> None:
        """Cancel it if it still runs, and wait until it has let go."""
        if not self.outcome.done():
            self.loop.call_soon_threadsafe(self._cancel)
            wait([self.outcome])

    def _start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        try:
            self._task = asyncio.ensure_future(work())
        except Exception as error:  # noqa: BLE001 - it is the caller's, who would wait for ever
            self.outcome.set_exception(error)
        else:
            self._task.add_done_callback(self._settle)

    def _cancel(self) -> None:
        if self._task is not None:  # else it could not begin
            self._task.cancel()

    def _settle(self, task: asyncio.Task[T]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self.outcome.set_result(task.result())
        else:
            self.outcome.set_exception(error)


class _Thread:
    """The thread with the loop: begun when it is first needed, ended with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: Future[asyncio.AbstractEventLoop] = Future()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._thread is None:
                run = threading.Thread(target=self._serve, name="agentkit runnables", daemon=True)
                run.start()
                self._thread = run
        if self._thread is threading.current_thread():
            raise UsageError(
                "a step called invoke, batch or stream while it was itself invoked, and would wait for "
                "itself; an async step awaits ainvoke or abatch, or iterates over astream"
            )
        return self._loop.result()

    def end(self) -> None:
        """Close the loop; no work is left on it, because all of it was waited for."""
        if self._thread is not None:
            loop = self._loop.result()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    def _serve(self) -> None:
        # not asyncio.run, which in the end starts a thread: too late for that when the process ends
        loop = asyncio.new_event_loop()
        self._loop.set_result(loop)
        loop.run_forever()
        loop.close()


def _begin() -> None:
    global _ours
    _ours = _Thread()


def _end() -> None:
    _ours.end()


_ours = _Thread()
atexit.register(_end)
# a forked process has the memory of the thread, but not the thread
os.register_at_fork(after_in_child=_begin)
