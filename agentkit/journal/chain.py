"""The hash chain that ties each event of a run to all before it."""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from agentkit.core.counting import counted
from agentkit.core.errors import CorruptJournal, JournalError
from agentkit.core.events import Event, Recorded
from agentkit.journal.database import Database
from agentkit.journal.marks import Mark, name_of
from agentkit.journal.places import LAST, place, within
from agentkit.journal.segments import Unreadable, unfolded
from agentkit.journal.tags import kind_of

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Event).decode


def first_link(run_id: str) -> bytes:
    """What the first event of a run is tied to: the run's name."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogateescape")).digest()


def link(prev: bytes, seq: int, at: float, kind: str, body: bytes) -> bytes:
    """The hash of an event: it covers all that is stored of it and all events before it."""
    head = f"{seq}\n{at!r}\n{kind}\n".encode("utf-8", "surrogateescape")
    return hashlib.sha256(prev + head + body).digest()


class Stored(NamedTuple):
    """An event as it lies in the file, verified."""

    seq: int
    at: float
    kind: str
    hash: bytes
    body: bytes


def read_events(database: Database, run: int, run_id: str) -> tuple[list[Recorded], bytes]:
    """Every event of a run, verified, and the hash of the last.

    Raises:
        CorruptJournal: an event is missing, changed or out of place.
    """
    events: list[Recorded] = []
    last = first_link(run_id)
    for stored in verified(database, run, run_id):
        events.append(Recorded(stored.seq, stored.at, read_event(database, run_id, stored.seq, stored.body)))
        last = stored.hash
    return events, last


def verified(database: Database, run: int, run_id: str) -> Iterator[Stored]:
    """Every event of a run as it is stored, one at a time.

    Raises:
        CorruptJournal: an event is missing, changed or out of place, or the last ones are gone.
    """
    mark = require_all(database, run, run_id)
    expected, last = 1, first_link(run_id)
    for place_, end, at, own, body in database.rows(_STORED, (run,)):
        seq = place_ & LAST
        if seq != expected:
            raise damaged(database, run_id, expected)
        if end is None:
            kind = whole_kind(seq, at, last, own, body)
            found = [Stored(seq, at, kind, own, body)] if kind is not None else []
        else:
            found = _in_segment(seq, end, last, own, body)
        if not found:
            raise damaged(database, run_id, expected)
        for stored in found:
            if mark is not None and stored.seq == mark.seq and stored.hash != mark.hash:
                raise swapped(database, run_id)
            yield stored
        expected, last = found[-1].seq + 1, found[-1].hash


# one statement, so that it reads the file as it is at one moment: a run may be folded meanwhile
_STORED = f"""
SELECT place, last, NULL, hash, content FROM segments WHERE {within("?1")}
UNION ALL
SELECT place, NULL, at, hash, CAST(body AS BLOB) FROM events WHERE {within("?1")}
ORDER BY place
"""


def _in_segment(first: Any, last: Any, prev: bytes, own: Any, content: Any) -> list[Stored]:
    """The events of a segment, tied to what comes before it; none when it is not what was recorded."""
    found: list[Stored] = []
    try:
        folded = unfolded(content)
    except Unreadable:
        return []
    for seq, (at, kind, body) in enumerate(folded, start=first):
        prev = link(prev, seq, at, kind, body)
        found.append(Stored(seq, at, kind, prev, body))
    return found if found and (found[-1].seq, prev) == (last, own) else []


def hash_at(database: Database, run: int, seq: int) -> bytes | None:
    """The hash of an event of a run; `None` when it is not there, or cannot be told."""
    row = database.one("SELECT hash FROM events WHERE place = ?", (place(run, seq),))
    if row is not None:
        return row[0]
    segment = database.one(
        f"SELECT first, last, hash, content FROM segments WHERE {within('?1')} AND ?2 BETWEEN first AND last",
        (run, seq),
    )
    if segment is None:
        return None
    first, last, own, content = segment
    before = database.one(
        "SELECT hash FROM events WHERE place = ?1 << 32 | ?2 "
        f"UNION ALL SELECT hash FROM segments WHERE {within('?1')} AND last = ?2",
        (run, first - 1),
    )
    found = _in_segment(first, last, before[0], own, content) if before is not None else []
    return next((stored.hash for stored in found if stored.seq == seq), None)


def damaged(database: Database, run_id: str, event: int) -> CorruptJournal:
    """What to raise when an event, or one soon after it, is not as it was recorded."""
    return CorruptJournal(
        f"the journal {database.path} is damaged: run {run_id}, event {event} is not what was "
        "recorded. Other runs can still be read; to start anew, move the file away"
    )


def require_all(database: Database, run: int, run_id: str) -> Mark | None:
    """The run's mark, when all is there that was on the disk when the mark was noted.

    Raises:
        CorruptJournal: the run is shorter, or another one has its number.
    """
    mark = database.marks.of(run)  # before the rows are looked at: it is never ahead of them
    if mark is None:
        return None
    (count,) = database.one(f"SELECT {length_of('?1')}", (run,))
    if mark.name != name_of(run_id):
        raise swapped(database, run_id)
    if count < mark.seq and database.marks.of(run) == mark:  # else it was removed just now
        raise CorruptJournal(
            f"the journal {database.path} was shortened: run {run_id} has {counted(count, 'event')} "
            f"of at least {mark.seq}. Put the whole file back if you have it; to go on with what is left: "
            "agentkit runs accept"
        )
    return mark


def length_of(run: str) -> str:
    """How many events there are of a run, as SQL; `run` is its number there."""
    return (
        f"max(coalesce((SELECT max(place) FROM events WHERE {within(run)}) & {LAST}, 0), "
        f"coalesce((SELECT max(last) FROM segments WHERE {within(run)}), 0))"
    )


def swapped(database: Database, run_id: str) -> CorruptJournal:
    """What to raise when a run is not the one that was recorded here."""
    return CorruptJournal(
        f"the journal {database.path} was swapped for another: run {run_id} is not as it was recorded here. "
        "Put the right file back if you have it; to take this one: agentkit runs accept"
    )


def whole_kind(seq: Any, at: Any, prev: Any, own: Any, body: Any) -> str | None:
    """The kind of a stored event that is what its hash says; `None` of one that is not.

    Any column of a damaged file can be anything.
    """
    if not (isinstance(at, float) and isinstance(prev, bytes) and isinstance(body, bytes)):
        return None
    kind = kind_of(body)
    return kind if kind is not None and link(prev, seq, at, kind, body) == own else None


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
