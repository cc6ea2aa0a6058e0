"""The tables of a journal, and the steps from each version of them to the next."""

import sqlite3

from agentkit.journal.database import Step

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


def _append_only(table: str) -> str:
    return f"""
    CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table}
    BEGIN SELECT raise(ABORT, '{table} are append-only'); END;
    CREATE TRIGGER {table}_never_vanish BEFORE DELETE ON {table}
    BEGIN SELECT raise(ABORT, '{table} are append-only'); END;
    """


def _first(connection: sqlite3.Connection) -> None:
    script = _VERSION_1 + "".join(_append_only(table) for table in ("runs", "events", "texts"))
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


STEPS: tuple[Step, ...] = (_first,)
"""`STEPS[n]` brings a file from version n to n + 1; an empty file has version zero."""
