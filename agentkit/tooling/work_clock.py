"""The time at work: it stands still while the person is asked, and so does every limit in time.

Who goes away for an hour while a question waits for them has not used up an hour of the run's time.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


class WorkClock:
    """Tells the seconds of one run and of all that work for it, which ask the same person."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._questions = 0
        self._asked_at = 0.0
        self._waited = 0.0
        self._left: dict[asyncio.Timeout, float | None] = {}
        """Each limit that runs, and the seconds that it has left while it stands still."""

    def __call__(self) -> float:
        """Seconds from some moment on, less those in which the person was asked."""
        return self._clock() - self.waited

    @property
    def waited(self) -> float:
        """Seconds in which the person was asked, so far."""
        return self._waited + (self._clock() - self._asked_at if self._questions else 0.0)

    @contextmanager
    def asking(self) -> Generator[None]:
        """The person is asked; several may wait for them at once."""
        self._questions += 1
        if self._questions == 1:
            self._asked_at = self._clock()
            for limit in self._left:
                self._hold(limit)
        try:
            yield
        finally:
            if self._questions == 1:
                self._waited += self._clock() - self._asked_at
                self._let_go()
            self._questions -= 1

    @contextmanager
    def stops(self, limit: asyncio.Timeout) -> Generator[None]:
        """Within this a limit that has been entered stands still whenever the person is asked."""
        self._left[limit] = None
        if self._questions:
            self._hold(limit)
        try:
            yield
        finally:
            del self._left[limit]

    def _hold(self, limit: asyncio.Timeout) -> None:
        when = limit.when()
        if when is not None and not limit.expired():
            self._left[limit] = when - asyncio.get_running_loop().time()
            limit.reschedule(None)

    def _let_go(self) -> None:
        for limit, seconds in self._left.items():
            if seconds is not None and not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time() + seconds)
            self._left[limit] = None
