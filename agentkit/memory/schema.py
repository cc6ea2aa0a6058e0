"""The tables of a memory file. What was said never changes; it is there, or it was forgotten."""

import sqlite3
from collections.abc import Sequence

from agentkit.core.errors import MemoryUnusable
from agentkit.journal.database import Step
from agentkit.journal.kinds import Kind
from agentkit.memory.gone import mark_all

KIND = Kind(
    noun="memory",
    article="a",
    flag="--memory-file",
    again="try again",
    application_id=0x61676D31,  # "agm1"
    page=4096,
    unusable=MemoryUnusable,
    corrupt=MemoryUnusable,
)

_VERSION_1 = """
CREATE TABLE scopes (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    person TEXT NOT NULL,
    UNIQUE (tenant, person)
) STRICT;

CREATE TABLE conversations (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL REFERENCES scopes (id),
    name  TEXT NOT NULL,
    UNIQUE (scope, name)
) STRICT;

-- Ids are never used again, so that one of something forgotten names nothing for ever.
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    key          TEXT,
    at           REAL NOT NULL,
    recalled     INTEGER NOT NULL,
    untrusted    TEXT NOT NULL,
    words        INTEGER NOT NULL,
    body         BLOB NOT NULL,
    UNIQUE (conversation, key)
) STRICT;
CREATE INDEX messages_of ON messages (conversation, id);

CREATE TABLE summaries (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    last         INTEGER NOT NULL,
    at           REAL NOT NULL,
    text         TEXT NOT NULL
) STRICT;
CREATE INDEX summaries_of ON summaries (conversation, last);

CREATE TABLE facts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    scope      INTEGER NOT NULL REFERENCES scopes (id),
    key        TEXT NOT NULL,
    subject    TEXT NOT NULL,
    attribute  TEXT NOT NULL,
    value      TEXT NOT NULL,
    origin     TEXT NOT NULL,
    message    INTEGER,
    quote      TEXT NOT NULL,
    confidence REAL NOT NULL,
    untrusted  TEXT NOT NULL,
    valid_from REAL NOT NULL,
    recorded   REAL NOT NULL,
    valid_to   REAL,
    ended_by   INTEGER,
    recalls    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX facts_of ON facts (scope, key);

-- What follows is made from the messages, and can be made again.
CREATE TABLE terms (
    scope   INTEGER NOT NULL,
    term    TEXT NOT NULL,
    message INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (scope, term, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX terms_of ON terms (message);

CREATE TABLE mentions (
    scope   INTEGER NOT NULL,
    entity  TEXT NOT NULL,
    message INTEGER NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    PRIMARY KEY (scope, entity, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_of ON mentions (message);

CREATE TABLE vectors (
    message INTEGER NOT NULL,
    model   TEXT NOT NULL,
    vector  BLOB NOT NULL,
    PRIMARY KEY (message, model)
) STRICT, WITHOUT ROWID;

-- A row while something was forgotten and its bytes may still be in the files.
CREATE TABLE erasing (id INTEGER PRIMARY KEY) STRICT;
"""

_NEVER_CHANGE = {
    "messages": "id, conversation, key, at, recalled, untrusted, words, body",
    "summaries": "id, conversation, last, at, text",
    "facts": "id, scope, key, subject, attribute, value, origin, message, quote, confidence, untrusted, "
    "valid_from, recorded",
}


def _make(connection: sqlite3.Connection) -> None:
    for statement in _statements():
        connection.execute(statement)


def _statements() -> Sequence[str]:
    tables = [part for part in _VERSION_1.split(";\n") if part.strip()]
    triggers = [
        f"CREATE TRIGGER {table}_never_change BEFORE UPDATE OF {columns} ON {table} "
        f"BEGIN SELECT raise(ABORT, '{table} are append-only'); END"
        for table, columns in _NEVER_CHANGE.items()
    ]
    return (*tables, *triggers)


def _widen(connection: sqlite3.Connection) -> None:
    """Facts have vectors, and it is noted what went: a run's record outlives what was forgotten of it."""
    connection.execute(
        "CREATE TABLE fact_vectors (fact INTEGER NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, "
        "PRIMARY KEY (fact, model)) STRICT, WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE gone (conversation TEXT NOT NULL, key TEXT NOT NULL, scope INTEGER NOT NULL, "
        "PRIMARY KEY (scope, key, conversation)) STRICT, WITHOUT ROWID"
    )


def _unname(connection: sqlite3.Connection) -> None:
    """What went is noted without a name, and nobody is named of whom nothing is remembered."""
    went = connection.execute(
        "SELECT s.tenant, s.person, g.conversation, g.key FROM gone g JOIN scopes s ON s.id = g.scope"
    ).fetchall()
    connection.execute("DROP TABLE gone")
    connection.execute("CREATE TABLE gone (mark BLOB PRIMARY KEY) STRICT, WITHOUT ROWID")
    for tenant, person, conversation, key in went:
        mark_all(connection, tenant, person, [(conversation, key)])
    unnamed = remove_empty(connection)
    if went or unnamed:
        connection.execute("INSERT OR IGNORE INTO erasing (id) VALUES (1)")  # the next opening erases


def remove_empty(connection: sqlite3.Connection) -> int:
    """Delete within a transaction the names of what holds nothing; how many people's there were."""
    connection.execute(
        "DELETE FROM conversations WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation = "
        "conversations.id)"
    )
    return connection.execute(
        "DELETE FROM scopes WHERE NOT EXISTS (SELECT 1 FROM conversations c WHERE c.scope = scopes.id) "
        "AND NOT EXISTS (SELECT 1 FROM facts f WHERE f.scope = scopes.id)"
    ).rowcount


STEPS: tuple[Step, ...] = (_make, _widen, _unname)
"""From each version of the tables to the next."""
