"""How many answers are asked for at once, and what is said to those that are too many."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from agentkit_local_models.queueing import MOST_RUNNING
from agentkit_local_models.serving.faults import ApiError

MOST_SECONDS: Final = 60
"""After which somebody who was refused is asked back at the latest."""
# How much the newest answer counts in the mean of how long they take.
_SHARE: Final = 0.2


class Gate:
    """Counts answers in the making; one event loop uses it.

    Attributes:
        most: how many there may be, those that wait for their turn included.
        inside: how many there are.
        closed: whether no more are let in.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.inside = 0
        self.closed = False
        self._clock = clock
        self._seconds = 1.0  # of an answer

    @contextmanager
    def admitted(self, count: int, asked_by: str = "n") -> Generator[None, None, None]:
        """Be inside with so many answers.

        Args:
            count: how many.
            asked_by: the parameter that says so.

        Raises:
            ApiError: there is no place for them, now or ever.
        """
        if self.closed:
            raise closing()
        if count > self.most:
            raise ApiError(
                400, f"{count} answers were asked for at once; up to {self.most} work", param=asked_by
            )
        if self.inside + count > self.most:
            raise ApiError(
                429,
                f"{self.inside} answers are being made or wait, and up to {self.most} may; ask again later",
                code="queue_full",
                headers={"Retry-After": str(self.wait())},
            )
        self.inside += count
        began = self._clock()
        try:
            yield
        finally:
            self.inside -= count
            self._seconds += _SHARE * (self._clock() - began - self._seconds)

    def wait(self) -> int:
        """Seconds after which a place is likely free: as answers took so far, so many at once."""
        rounds = max(1.0, self.inside / MOST_RUNNING)
        return min(MOST_SECONDS, max(1, math.ceil(self._seconds * rounds)))


def closing() -> ApiError:
    """What is said to who comes while the server ends."""
    headers = {"Retry-After": "5", "Connection": "close"}
    return ApiError(503, "the server is shutting down", code="shutting_down", headers=headers)
