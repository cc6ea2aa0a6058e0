"""A run in the journal, open for appending by this process alone."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from itertools import chain
from typing import Self

import msgspec

from agentkit.core.errors import JournalError, RunBusy
from agentkit.core.events import Event, Recorded
from agentkit.journal.chain import decode, encode, link
from agentkit.journal.contents import Contents
from agentkit.journal.database import Database
from agentkit.journal.foreign import is_foreign
from agentkit.journal.lease import Lease, lost, release
from agentkit.journal.marks import Mark, name_of
from agentkit.journal.places import place
from agentkit.journal.redact import Redactor
from agentkit.journal.segments import ENOUGH, fold_middle
from agentkit.journal.tags import tag_of
from agentkit.journal.texts import Texts

_MOST_AT_ONCE = 64
"""Rows that one statement appends."""

_Row = tuple[int, float, bytes, str]
"""An event as it is stored: place, time, hash, body."""


@cache
def _append(rows: int) -> str:
    """The statement that appends so many rows, given these and then the lease under which it may.

    It is one transaction: the epoch is read under the lock that the rows are written under.
    """
    values = ", ".join(["(?, ?, ?, ?)"] * rows)
    return (
        f"INSERT INTO events (place, at, hash, body) WITH waiting AS (VALUES {values}) "
        "SELECT waiting.* FROM leases CROSS JOIN waiting WHERE leases.run = ? AND leases.epoch = ?"
    )


class JournalLog:
    """The `RunLog` of a run in a journal file.

    What `events` holds is what was appended, as it was; only the file's copy is redacted. A resumed
    run therefore sees marks where the first sitting saw secrets.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        texts: Texts,
        contents: Contents,
        redactor: Redactor,
        events: list[Recorded],
        last: bytes,
        rows: int = 0,
        clock: Callable[[], float] = time.time,
        released: Callable[["JournalLog"], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._lease = lease
        self._texts = texts
        self.contents = contents
        """The kept files of all runs."""
        self._redactor = redactor
        self._events = events
        self._last = last
        self._waiting: list[_Row] = []
        self._rows = rows
        self._clock = clock
        self._released = released
        self._open = True
        self._pid = os.getpid()
        self._name = name_of(lease.run_id)

    @property
    def run_id(self) -> str:
        """The run's name in the journal."""
        return self._lease.run_id

    @property
    def is_foreign(self) -> bool:
        """Whether the run was imported, or has the history of one that was."""
        return is_foreign(self._database, self._lease.run)

    @property
    def is_open(self) -> bool:
        """Whether the run is held here, and can be appended to."""
        return self._open

    def events(self) -> Sequence[Recorded]:
        """What is recorded so far, in order."""
        return self._events

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        """Record an event; with `durable` it, and all before it, has reached the disk on return.

        Without, it survives the end of this process but perhaps not a loss of power; with `with_next`
        it survives that from the next event, or `flush`, on.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written; the journal is as it was, and appending again may work.
                Or only its mark could not be: then it is recorded.
        """
        if not self._open or os.getpid() != self._pid:
            raise JournalError(f"run {self.run_id} is not open for appending in this process; resume it")
        raw = self._encoded(event)
        kind = tag_of(type(event))
        with self._database.lock:
            lease, seq, at = self._lease, len(self._events) + 1, self._clock()
            recorded = Recorded(seq, at, event)
            own = link(self._last, seq, at, kind, raw)
            row = (place(lease.run, seq), at, own, raw.decode())
            if with_next and not durable:
                self._waiting.append(row)
            else:
                self._write((*self._waiting, row), durable=durable)
                self._waiting.clear()
            self._last = own
            self._events.append(recorded)
            if durable:
                self._database.marks.note(lease.run, Mark(seq, own, self._name))
        return recorded

    def flush(self) -> None:
        """Write what waits for the next event.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written; it waits on.
        """
        if self._waiting:
            with self._database.lock:
                self._write(self._waiting)
                self._waiting.clear()

    async def sync(self) -> None:
        """See to it that all that was recorded has reached the disk; runs that wait for it share the work.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written, or its mark could not be.
        """
        self.flush()
        mark = Mark(len(self._events), self._last, self._name)
        await self._database.sync()
        with self._database.lock:
            self._database.marks.note(self._lease.run, mark)

    def keep(self, text: str) -> str:
        """Store a text beside the events and return its handle (the same text, the same handle).

        It is redacted first. It is on the disk when the next durable event is.
        """
        return self._texts.keep(text)

    def recall(self, handle: str) -> str | None:
        """The text behind a handle, without its secrets, or `None` when there is none."""
        return self._texts.recall(handle)

    def release(self) -> None:
        """Let other processes resume the run; nothing can be appended here any more."""
        if self._open and os.getpid() == self._pid:
            self._open = False
            self._released(self)
            try:
                if self._waiting:
                    with suppress(RunBusy):  # the run is somebody else's by now
                        self._write(self._waiting)
            finally:
                release(self._database, self._lease)

    def _write(self, rows: Sequence[_Row], *, durable: bool = False) -> None:
        """Write all of these rows, or none; where there are enough by then, the middle of the run is folded.

        Raises:
            RunBusy: another process has taken the run over.
        """
        count = self._rows + len(rows)
        if count < ENOUGH or self._database.connection.in_transaction:
            self._insert(rows, durable=durable)
        else:
            with self._database.transaction(full=durable):
                for first in range(0, len(rows), _MOST_AT_ONCE):
                    self._insert(rows[first : first + _MOST_AT_ONCE], durable=durable)
                count -= fold_middle(self._database, self._lease.run)
        self._rows = count

    def _insert(self, rows: Sequence[_Row], *, durable: bool) -> None:
        lease = (self._lease.run, self._lease.epoch)
        values = (*chain.from_iterable(rows), *lease)
        if self._database.write(_append(len(rows)), values, durable=durable) != len(rows):
            raise lost(self._database, self._lease)

    def _encoded(self, event: Event) -> bytes:
        """The event as it will be read again, without its secrets."""
        try:
            body = encode(event)
            if self._redactor.suspects(body):
                body = encode(self._redactor.value(event))
            decode(body)  # JSON has no NaN; what could not be read again is never written
        except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise JournalError(f"{type(event).__name__} cannot be recorded as JSON: {error}") from error
        return body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
