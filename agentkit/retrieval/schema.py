"""What an index file holds: documents, their pieces, the words and vectors of those, and how it was made."""

import secrets
import sqlite3

from agentkit.core.errors import CorruptIndex, IndexUnusable
from agentkit.journal.kinds import Kind

INDEX = Kind(
    noun="index",
    article="an",
    flag="--index",
    again="run the command again",
    application_id=0x61676B69,  # "agki"
    page=8192,  # a vector of 384 numbers has 1,536 bytes: five to a page instead of two
    unusable=IndexUnusable,
    corrupt=CorruptIndex,
)

_TABLES = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        origin TEXT NOT NULL,
        source TEXT NOT NULL,
        media_type TEXT NOT NULL,
        metadata TEXT NOT NULL,
        digest BLOB NOT NULL,
        text TEXT NOT NULL
    )""",
    "CREATE INDEX documents_of_origin ON documents (origin, name, digest)",
    # an id is never used again, so that whoever knows a piece by it never takes another for it
    """CREATE TABLE chunks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL REFERENCES documents (id),
        first INTEGER NOT NULL,
        after INTEGER NOT NULL,
        headings TEXT NOT NULL,
        metadata TEXT NOT NULL,
        hash BLOB NOT NULL,
        terms BLOB NOT NULL
    )""",
    "CREATE INDEX chunks_of_document ON chunks (document, first, after)",
    "CREATE INDEX chunks_of_hash ON chunks (hash)",
    "CREATE TABLE vectors (chunk INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    # the ids alone, without the pages that the vectors fill
    "CREATE INDEX vectors_of_chunk ON vectors (chunk)",
    # chunk 0: of the whole document
    """CREATE TABLE facts (
        name TEXT NOT NULL, value TEXT NOT NULL, document INTEGER NOT NULL, chunk INTEGER NOT NULL,
        PRIMARY KEY (name, value, chunk, document)
    ) WITHOUT ROWID""",
    "CREATE INDEX facts_of_document ON facts (document)",
    # what other stores hold of it
    """CREATE TABLE copies (
        store TEXT NOT NULL, document INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (store, document)
    ) WITHOUT ROWID""",
    # It gets terms that are made already, so it must not split or fold them once more. What it holds is
    # deleted by the very words it was given, which are kept with the chunk.
    """CREATE VIRTUAL TABLE words USING fts5 (
        terms, content='', tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co'"
    )""",
)

_WORDS = {
    # parts are joined less often while documents come in: an eighth less time, and a search costs the same
    "automerge": 16,
    # bytes of words that are held in memory before they are written
    "hashsize": 8 << 20,
}


def _first(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(table)
    connection.executemany("INSERT INTO words (words, rank) VALUES (?, ?)", _WORDS.items())
    connection.executemany(
        "INSERT INTO settings VALUES (?, ?)", [("id", secrets.token_hex(16)), ("generation", "0")]
    )


STEPS = (_first,)
