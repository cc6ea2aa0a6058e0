"""The middle of a run, folded: many events in one deflated piece.

A run's events are much alike, so together they take a tenth of what they take one by one. The first
and the newest event of a run are always rows of their own; what lies between is folded whenever there
is enough of it. The hashes are left out, for they follow from what was folded.
"""

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from agentkit.journal.database import Database
from agentkit.journal.places import LAST, place, within
from agentkit.journal.tags import kind_of

ENOUGH = 40
"""Rows of a run from which on its middle is folded, and the most that a segment takes."""
MOST_BYTES = 64_000
"""Of a segment before it is deflated, unless one event alone has more: it is read as one piece."""


class Folded(NamedTuple):
    """An event in a segment: everything that is stored of it but its place and its hashes."""

    at: float
    kind: str
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Folded]).decode


def fold_middle(database: Database, run: int) -> int:
    """Fold all rows of a run but the first and the newest, if they are enough; how many they were.

    Inside a transaction. What a row holds is folded as it is: one that is damaged stays so, and is
    noticed by whoever reads it; nothing behind one that cannot be written down again is folded.
    """
    count, newest = database.one(f"SELECT count(*), max(place) FROM events WHERE {within('?1')}", (run,))
    if count < ENOUGH:
        return 0
    folded, start = 0, place(run, 2)
    while piece := _piece(database, start, newest):
        first, last = piece[0][0], piece[-1][0]
        events = [event for row in piece if (event := _folded(*row)) is not None]
        if last - first + 1 != len(events):
            break
        content = zlib.compress(_encode(events))
        database.connection.execute(
            "INSERT INTO segments (place, last, hash, content) VALUES (?, ?, ?, ?)",
            (first, last & LAST, piece[-1][3], content),
        )
        database.connection.execute("DELETE FROM events WHERE place BETWEEN ? AND ?", (first, last))
        folded, start = folded + len(piece), last + 1
    return folded


def _piece(database: Database, start: int, end: int) -> list[Any]:
    """The rows from one place on, and before another, that make up a segment: place, time, body, hash."""
    piece: list[Any] = []
    size = 0
    rows = database.connection.execute(
        "SELECT place, at, CAST(body AS BLOB), hash FROM events WHERE place >= ? AND place < ? "
        "ORDER BY place LIMIT ?",
        (start, end, ENOUGH),
    )
    for row in rows:
        size += len(row[2] or b"")
        if piece and size > MOST_BYTES:
            break
        piece.append(row)
    rows.close()
    return piece


def _folded(_: Any, at: Any, body: Any, own: Any) -> Folded | None:
    """What is kept of a row, if it is such as can be written down; in a damaged file it may be anything."""
    kind = kind_of(body)
    return Folded(at, kind, body) if kind and isinstance(at, float) and isinstance(own, bytes) else None


class Unreadable(Exception):
    """A segment is not what was folded."""


def unfolded(content: Any) -> list[Folded]:
    """The events of a segment.

    Raises:
        Unreadable: it is damaged.
    """
    try:
        return _decode(zlib.decompress(content))
    except (zlib.error, msgspec.MsgspecError, TypeError, ValueError) as error:
        raise Unreadable(str(error)) from error


def folded_bodies(database: Database) -> Iterator[bytes]:
    """What every folded event of every run says.

    Raises:
        Unreadable: one of the segments is damaged.
    """
    for (content,) in database.rows("SELECT content FROM segments"):
        yield from (one.body for one in unfolded(content))
