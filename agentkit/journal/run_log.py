"""A run in the journal, open for appending by this process alone."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Self

import msgspec

from agentkit.core.errors import JournalError
from agentkit.core.events import Event, Recorded
from agentkit.journal.chain import decode, encode, link
from agentkit.journal.database import Database
from agentkit.journal.lease import Lease, lost, release
from agentkit.journal.redact import Redactor
from agentkit.journal.texts import Texts

# One statement is one transaction: the epoch is read under the lock that the row is written under.
_APPEND = """
INSERT INTO events (run, seq, kind, at, prev, hash, body)
SELECT run, ?, ?, ?, ?, ?, ? FROM leases WHERE run = ? AND epoch = ?
"""


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
        redactor: Redactor,
        events: list[Recorded],
        last: bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._lease = lease
        self._texts = texts
        self._redactor = redactor
        self._events = events
        self._last = last
        self._clock = clock
        self._open = True
        self._pid = os.getpid()

    @property
    def run_id(self) -> str:
        """The run's name in the journal."""
        return self._lease.run_id

    def events(self) -> Sequence[Recorded]:
        """What is recorded so far, in order."""
        return self._events

    def append(self, event: Event, *, durable: bool = False) -> Recorded:
        """Record an event; with `durable` it, and all before it, has reached the disk on return.

        Without, it survives the end of this process but perhaps not a loss of power.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written; the journal is as it was, and appending again may work.
        """
        if not self._open or os.getpid() != self._pid:
            raise JournalError(f"run {self.run_id} is not open for appending in this process; resume it")
        body = self._encoded(event)
        kind = type(event).__struct_config__.tag
        with self._database.lock:
            recorded = Recorded(len(self._events) + 1, self._clock(), event)
            own = link(self._last, recorded.seq, recorded.at, str(kind), body.encode())
            row = (recorded.seq, kind, recorded.at, self._last, own, body)
            lease = self._lease
            if not self._database.write(_APPEND, (*row, lease.run, lease.epoch), durable=durable):
                raise lost(self._database, lease)
            self._last = own
            self._events.append(recorded)
        return recorded

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
            release(self._database, self._lease)

    def _encoded(self, event: Event) -> str:
        """The event as it will be read again, without its secrets."""
        try:
            body = encode(event).decode()
            if self._redactor.suspects(body):
                body = encode(self._redactor.value(event)).decode()
            decode(body)  # JSON has no NaN; what could not be read again is never written
        except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise JournalError(f"{type(event).__name__} cannot be recorded as JSON: {error}") from error
        return body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
