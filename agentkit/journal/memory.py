"""A record of a run that never reaches the disk."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Self

from agentkit.core.errors import RunNotFound
from agentkit.core.events import Event, Recorded


class MemoryLog:
    """A `RunLog` in memory, for runs that nobody wants to resume.

    Nothing is redacted: nothing leaves the process.

    Args:
        run_id: the run's name.
        events: what it holds already, to go on from.
        clock: tells the wall time in seconds since the epoch.
    """

    def __init__(
        self,
        run_id: str = "memory",
        events: Sequence[Event] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run_id = run_id
        self._clock = clock
        self._events: list[Recorded] = []
        self._texts: dict[str, str] = {}
        for event in events:
            self.append(event)

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self._run_id

    def events(self) -> Sequence[Recorded]:
        """What is recorded so far, in order."""
        return self._events

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        """Record an event; it lasts as long as this object, `durable` or not."""
        del durable, with_next
        recorded = Recorded(len(self._events) + 1, self._clock(), event)
        self._events.append(recorded)
        return recorded

    def flush(self) -> None:
        """Do nothing: nothing waits here."""

    async def sync(self) -> None:
        """Do nothing: nothing reaches the disk."""

    def keep(self, text: str) -> str:
        """Store a text and return its handle; the same text has the same handle."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        for length in range(6, len(digest) + 1):
            handle = f"out-{digest[:length]}"
            if self._texts.setdefault(handle, text) == text:
                return handle
        raise AssertionError("two texts with one SHA-256")

    def recall(self, handle: str) -> str | None:
        """The text behind a handle, or `None` when there is none."""
        return self._texts.get(handle)

    def release(self) -> None:
        """Do nothing: no other process can see this run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class MemoryRuns:
    """The runs of agents that work for a run in memory; they last as long as this object."""

    def __init__(self) -> None:
        self._logs: dict[str, MemoryLog] = {}

    def start(self) -> MemoryLog:
        """A new run."""
        log = MemoryLog(f"memory-{len(self._logs) + 1}")
        self._logs[log.run_id] = log
        return log

    def resume(self, run_id: str) -> MemoryLog:
        """An earlier run.

        Raises:
            RunNotFound: there is none by that name.
        """
        if run_id not in self._logs:
            raise RunNotFound(f"no run {run_id!r} in memory; it holds {', '.join(self._logs) or 'none'}")
        return self._logs[run_id]
