"""Blocking work in a thread that nobody has to wait for."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon(work: Callable[[], T], name: str) -> T:
    """What `work` returns; whoever is cancelled meanwhile does not wait for it.

    A thread of a pool would be waited for when the event loop closes, so work that hangs would keep
    the process from ending; a daemon does not.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not done.done():
            done.set_result(result)

    def fail(fault: BaseException) -> None:
        if not done.done():
            done.set_exception(fault)

    def body() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                result = work()
            except StopIteration as fault:
                # no future can hold one: it would end the generator that waits
                loop.call_soon_threadsafe(fail, RuntimeError(f"StopIteration: {fault}"))
            except BaseException as fault:  # noqa: BLE001 - it is raised where it is waited for
                loop.call_soon_threadsafe(fail, fault)
            else:
                loop.call_soon_threadsafe(succeed, result)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(body,), name=name, daemon=True).start()
    return await done
