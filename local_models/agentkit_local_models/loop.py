"""Many callers, one scheduler: whoever waits for something computes a step for all.

There is no thread of its own. A caller that needs its next piece becomes the driver for one step, in which
the requests of all callers go on; the others wait for the step's end. So nothing is computed that nobody
waits for, and nothing has to be shut down.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from agentkit_local_models.request import Request
from agentkit_local_models.scheduler import Scheduler

# How often a caller that waits for another's step looks whether it was cancelled, in seconds.
_POLL: Final = 0.05


class Loop:
    """The steps of a scheduler, driven by any number of threads."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._turn = threading.Condition()
        self._driven = False
        self._asking = 0  # who wants the scheduler for something else than a step

    def add(self, request: Request) -> None:
        """Compute a request from the next step on."""
        self._scheduler.add(request)

    def advance(self, request: Request) -> None:
        """Compute a step, or wait a moment while another caller does, unless something happened already."""
        with self._turn:
            if request.events or request.done:
                return
            if self._driven or self._asking:
                self._turn.wait(_POLL)
                return
            self._driven = True
        try:
            self._scheduler.step()
        finally:
            self._hand_over()

    @contextmanager
    def alone(self) -> Generator[Scheduler, None, None]:
        """The scheduler between two steps."""
        with self._turn:
            self._asking += 1
            try:
                while self._driven:
                    self._turn.wait()
                self._driven = True
            finally:
                self._asking -= 1
        try:
            yield self._scheduler
        finally:
            self._hand_over()

    def cancel(self, request: Request) -> None:
        """End a request that is not done; its pages are free when this returns."""
        if not request.done:
            request.cancelled = True
            with self.alone() as scheduler:
                scheduler.retire()

    def _hand_over(self) -> None:
        with self._turn:
            self._driven = False
            self._turn.notify_all()
