"""The tables of a journal, and the steps from each version of them to the next."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from agentkit.core.errors import JournalError
from agentkit.journal.database import Step
from agentkit.journal.lease import Holder, holder_of
from agentkit.journal.places import LAST, RUN, SEQ, within

_VERSION_1 = """
CREATE TABLE runs (
    id      INTEGER PRIMARY KEY,
    run     TEXT NOT NULL UNIQUE,
    started REAL NOT NULL
) STRICT;

CREATE TABLE events (
    run  INTEGER NOT NULL REFERENCES runs (id),
    seq  INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at   REAL NOT NULL,
    prev BLOB NOT NULL,
    hash BLOB NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE texts (
    handle   TEXT NOT NULL PRIMARY KEY,
    sha256   BLOB NOT NULL UNIQUE,
    deflated INTEGER NOT NULL,
    content  BLOB NOT NULL
) STRICT;

-- Who may append to a run: whoever holds its newest epoch. The one table whose rows change.
CREATE TABLE leases (
    run    INTEGER NOT NULL PRIMARY KEY REFERENCES runs (id),
    epoch  INTEGER NOT NULL,
    holder TEXT
) STRICT;

CREATE TRIGGER events_follow BEFORE INSERT ON events
WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM events WHERE run = NEW.run)
BEGIN SELECT raise(ABORT, 'an event must follow the last one'); END;
"""


_SEGMENTS = """
CREATE TABLE segments (
    run     INTEGER NOT NULL REFERENCES runs (id),
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (run, first)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER segments_follow BEFORE INSERT ON segments
WHEN NEW.first <> 1 + (SELECT coalesce(max(last), 1) FROM segments WHERE run = NEW.run)
  OR NEW.last < NEW.first
  OR NEW.last >= (SELECT coalesce(max(seq), 0) FROM events WHERE run = NEW.run)
BEGIN SELECT raise(ABORT, 'a segment must follow the last one and end before the newest event'); END;
"""

_FOLDED_2 = "WHEN OLD.seq > coalesce((SELECT last FROM segments \
WHERE run = OLD.run AND first <= OLD.seq ORDER BY first DESC LIMIT 1), 0)"

_FOREIGN = """
-- Runs that came out of a file, and forks of them.
CREATE TABLE foreign_runs (
    run INTEGER NOT NULL PRIMARY KEY REFERENCES runs (id)
) STRICT;
"""

_RENAMED = """
DROP TRIGGER events_follow;
DROP TRIGGER segments_follow;
ALTER TABLE events RENAME TO older_events;
ALTER TABLE segments RENAME TO older_segments;
"""

# what follows from the other rows, and from the body, is not stored: the hash before, and the kind
_PLACES = f"""
CREATE TABLE events (
    place INTEGER NOT NULL PRIMARY KEY,
    at    REAL NOT NULL,
    hash  BLOB NOT NULL,
    body  TEXT NOT NULL,
    run   INTEGER AS ({RUN}),
    seq   INTEGER AS ({SEQ})
) STRICT;

CREATE TABLE segments (
    place   INTEGER NOT NULL PRIMARY KEY,
    last    INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    content BLOB NOT NULL,
    run     INTEGER AS ({RUN}),
    first   INTEGER AS ({SEQ})
) STRICT;
"""

_OF_THE_NEW = within(f"(NEW.{RUN})")
_FOLLOW = f"""
CREATE TRIGGER events_follow BEFORE INSERT ON events
WHEN (NEW.{SEQ}) <> 1 + coalesce((SELECT max(place) FROM events WHERE {_OF_THE_NEW}) & {LAST}, 0)
BEGIN SELECT raise(ABORT, 'an event must follow the last one'); END;

CREATE TRIGGER segments_follow BEFORE INSERT ON segments
WHEN (NEW.{SEQ}) <> 1 + coalesce(
    (SELECT last FROM segments WHERE {_OF_THE_NEW} ORDER BY place DESC LIMIT 1), 1)
  OR NEW.last < (NEW.{SEQ})
  OR NEW.last >= coalesce((SELECT max(place) FROM events WHERE {_OF_THE_NEW}) & {LAST}, 0)
BEGIN SELECT raise(ABORT, 'a segment must follow the last one and end before the newest event'); END;
"""

_TABLES = ("runs", "events", "texts", "segments", "foreign_runs")
"""Those whose rows never change, and vanish only when a person removes a run."""


@contextmanager
def removable(connection: sqlite3.Connection) -> Generator[None]:
    """Let rows be deleted in the block, within a transaction: for others the triggers are never gone."""
    for table in _TABLES:
        connection.execute(f"DROP TRIGGER {table}_never_vanish")
    yield
    for table in _TABLES:
        connection.execute(_never_vanish(table, _UNLESS.get(table, "")))


def _never_change(table: str) -> str:
    return f"""
    CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table}
    BEGIN SELECT raise(ABORT, '{table} are append-only'); END;
    """


def _never_vanish(table: str, unless: str = "") -> str:
    return f"""
    CREATE TRIGGER {table}_never_vanish BEFORE DELETE ON {table} {unless}
    BEGIN SELECT raise(ABORT, '{table} are append-only'); END;
    """


_UNLESS = {
    "events": f"WHEN (OLD.{SEQ}) > coalesce((SELECT last FROM segments "
    f"WHERE place BETWEEN (OLD.{RUN}) << 32 AND OLD.place ORDER BY place DESC LIMIT 1), 0)"
}
"""What may be deleted: an event that lies in a segment."""


def _first(connection: sqlite3.Connection) -> None:
    tables = ("runs", "events", "texts")
    _execute(connection, _VERSION_1)
    for table in tables:
        _execute(connection, _never_change(table) + _never_vanish(table))


def _segments(connection: sqlite3.Connection) -> None:
    """Runs are folded from version 2 on."""
    _execute(connection, _SEGMENTS + _never_change("segments") + _never_vanish("segments"))
    _execute(connection, "DROP TRIGGER events_never_vanish;" + _never_vanish("events", _FOLDED_2))


def _foreign(connection: sqlite3.Connection) -> None:
    """Runs that were imported are known as such from version 3 on."""
    _execute(connection, _FOREIGN + _never_change("foreign_runs") + _never_vanish("foreign_runs"))


def _places(connection: sqlite3.Connection) -> None:
    """Rows are found by one number from version 4 on, and hold nothing that follows from others.

    A row that cannot be, in a damaged file, is left behind: its run is then known to be damaged.

    Raises:
        JournalError: an older agentkit is at work on a run, and could not go on.
    """
    _require_nobody_at_work(connection)
    _execute(connection, _RENAMED + _PLACES)
    run = f"run BETWEEN 0 AND {LAST >> 1} AND typeof(hash) = 'blob'"
    event = f"seq BETWEEN 1 AND {LAST} AND typeof(at) = 'real' AND typeof(body) = 'text'"
    segment = f"first BETWEEN 1 AND {LAST} AND typeof(last) = 'integer' AND typeof(content) = 'blob'"
    connection.execute(
        "INSERT INTO events (place, at, hash, body) "
        f"SELECT run << 32 | seq, at, hash, body FROM older_events WHERE {run} AND {event}"
    )
    connection.execute(
        "INSERT INTO segments (place, last, hash, content) "
        f"SELECT run << 32 | first, last, hash, content FROM older_segments WHERE {run} AND {segment}"
    )
    _execute(connection, "DROP TABLE older_events;\nDROP TABLE older_segments;\n" + _FOLLOW)
    for table in ("events", "segments"):
        _execute(connection, _never_change(table) + _never_vanish(table, _UNLESS.get(table, "")))


def _require_nobody_at_work(connection: sqlite3.Connection) -> None:
    me = Holder.me()
    for (held,) in connection.execute("SELECT holder FROM leases WHERE holder IS NOT NULL").fetchall():
        holder = holder_of(held)
        if holder is not None and holder.lives_beside(me):
            raise JournalError(
                f"an older agentkit (process {holder.pid}) is at work on a run in this journal, and could "
                "not go on when the file is brought to this version; wait for its end, or end it"
            )


def _execute(connection: sqlite3.Connection, script: str) -> None:
    for statement in _statements(script):
        connection.execute(statement)


def _statements(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit the transaction it is in."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


STEPS: tuple[Step, ...] = (_first, _segments, _foreign, _places)
"""`STEPS[n]` brings a file from version n to n + 1; an empty file has version zero."""
