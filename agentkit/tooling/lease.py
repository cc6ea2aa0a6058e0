"""The leave to use a workspace, which ends with the call that it was given to."""

import contextlib
import threading
from collections.abc import Generator
from typing import Self

from agentkit.core.errors import WorkspaceError

_SECONDS_TO_END = 10.0
"""A change that hangs, as on a disk of the network, may not hold up the run."""


class Lease:
    """Leave to look and to change, until it is ended; from then on every use of it fails.

    A call that is cut off may live on in its thread, which nothing can kill.
    """

    def __init__(self) -> None:
        self._over = False
        self.busy = False
        """Whether a change that had begun was still under way when the lease ended."""
        # what moves a file is two places that are changed, one inside the other
        self._changing = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def check(self) -> None:
        """Nothing, while the lease lasts.

        Raises:
            WorkspaceError: it has ended.
        """
        if self._over:
            raise WorkspaceError("the call that this workspace was lent to is over; nothing can be done here")

    @contextlib.contextmanager
    def changing(self) -> Generator[None]:
        """A time in which something may be changed, and that the end of the lease waits for."""
        with self._changing:
            self.check()
            yield

    def end(self) -> None:
        """Let nothing more begin, and wait for a change that has begun."""
        self._over = True
        self.busy = not self._changing.acquire(timeout=_SECONDS_TO_END)
        if not self.busy:
            self._changing.release()
