"""The hash chain that ties each event of a run to all before it."""

import hashlib
from typing import Any

import msgspec

from agentkit.core.errors import CorruptJournal, JournalError
from agentkit.core.events import Event, Recorded
from agentkit.journal.database import Database

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Event).decode


def first_link(run_id: str) -> bytes:
    """What the first event of a run is tied to: the run's name."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogateescape")).digest()


def link(prev: bytes, seq: int, at: float, kind: str, body: bytes) -> bytes:
    """The hash of an event: it covers all that is stored of it and all events before it."""
    head = f"{seq}\n{at!r}\n{kind}\n".encode("utf-8", "surrogateescape")
    return hashlib.sha256(prev + head + body).digest()


def read_events(database: Database, run: int, run_id: str) -> tuple[list[Recorded], bytes]:
    """Every event of a run, verified, and the hash of the last.

    Raises:
        CorruptJournal: an event is missing, changed or out of place.
    """
    rows = database.all(
        "SELECT seq, at, kind, prev, hash, CAST(body AS BLOB) FROM events WHERE run = ? ORDER BY seq", (run,)
    )
    events: list[Recorded] = []
    last = first_link(run_id)
    for expected, (seq, at, kind, prev, own, body) in enumerate(rows, start=1):
        if seq != expected or prev != last or not is_whole(seq, at, kind, prev, own, body):
            raise CorruptJournal(
                f"the journal {database.path} is damaged: run {run_id}, event {expected} is not what was "
                "recorded. Other runs can still be read; to start anew, move the file away"
            )
        events.append(Recorded(seq, at, read_event(database, run_id, seq, body)))
        last = own
    return events, last


def is_whole(seq: Any, at: Any, kind: Any, prev: Any, own: Any, body: Any) -> bool:
    """Whether a stored event is what its hash says; any column of a damaged file can be anything."""
    return (
        isinstance(at, float)
        and isinstance(kind, str)
        and isinstance(prev, bytes)
        and isinstance(body, bytes)
        and link(prev, seq, at, kind, body) == own
    )


def read_event(database: Database, run_id: str, seq: int, body: bytes) -> Event:
    """An event whose hash is right.

    Raises:
        JournalError: it is of a kind or form that this version does not know.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise JournalError(
            f"run {run_id} in {database.path} holds an event that this agentkit does not know "
            f"(event {seq}: {error}); a newer one wrote it, so use that"
        ) from error
