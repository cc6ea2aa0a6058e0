"""Signals that ask a command to stop: its work is cancelled, and what is recorded stays."""

import asyncio
import os
import signal
from collections.abc import Awaitable
from typing import TypeVar

_T = TypeVar("_T")


class Stopped(Exception):
    """A signal asked us to stop; everything is recorded."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number
        self.name = signal.Signals(number).name


async def until_signal(work: Awaitable[_T]) -> _T:
    """What `work` comes to, which is cancelled (its tools killed, its state kept) by a signal.

    A second signal does not wait for that: the system kills the tools, and the journal is whole.
    """
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        if caught:
            os._exit(128 + number)
        caught.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if caught:
            raise Stopped(caught[0]) from None
        raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
