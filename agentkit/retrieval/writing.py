"""How a document becomes rows of an index, and how they go again."""

import hashlib
import sqlite3
import zlib
from array import array
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from agentkit.core.documents import Chunk, Document
from agentkit.core.errors import UsageError
from agentkit.retrieval.filters import value_text

COMPRESSED = 1_500
"""Characters from which on the terms of a piece are compressed: below, that takes longer than it saves."""


class Piece(Struct, frozen=True):
    """A chunk with what it is found by."""

    chunk: Chunk
    terms: Sequence[str]
    vector: Any = None
    """Numbers, or their bytes as 32-bit floats, of length 1; `None` in an index without vectors."""


class Entry(Struct, frozen=True):
    """A document as an index takes it in."""

    document: Document
    pieces: Sequence[Piece]
    digest: bytes = b""
    """Of what it was read from: with the same one it need not be read again."""


def hash_of(text: str) -> bytes:
    """What tells that a piece has the same text, and so the same vector."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def packed(vector: Any) -> bytes:
    """A vector as 32-bit floats, whatever it comes as."""
    if isinstance(vector, bytes):
        return vector
    try:
        view = memoryview(vector)
    except TypeError:
        return array("f", vector).tobytes()
    return view.tobytes() if view.format == "f" else array("f", vector).tobytes()


def check(entry: Entry) -> None:
    """Refuse an entry that could not be found as what it is.

    Raises:
        UsageError: a piece is not of the document, or changes one of its facts.
    """
    document = entry.document
    for piece in entry.pieces:
        chunk = piece.chunk
        if chunk.document != document.id or document.text[chunk.start : chunk.end] != chunk.text:
            raise UsageError(
                f"a piece said to be {chunk.document}[{chunk.start}:{chunk.end}] is not what {document.id!r} "
                "holds there; split the document as it is put in"
            )
        if chunk.metadata == document.metadata:
            continue
        for name, value in chunk.metadata.items():
            if name in document.metadata and value_text(document.metadata[name]) != value_text(value):
                raise UsageError(
                    f"a piece of {document.id!r} says {name} = {value!r} and the document "
                    f"{document.metadata[name]!r}; a piece may add facts, not change them"
                )
    try:
        document.text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the text of {document.id!r} holds half a character at {error.start}") from error


def insert(connection: sqlite3.Connection, entries: Sequence[Entry], origin: str) -> None:
    """Write the rows of entries that are not there."""
    next_id = _last(connection, "chunks") + 1
    documents: list[tuple[Any, ...]] = []
    chunks: list[tuple[Any, ...]] = []
    words: list[tuple[int, str]] = []
    vectors: list[tuple[int, bytes]] = []
    facts: list[tuple[str, str, int, int]] = []
    for of, entry in enumerate(entries, _last(connection, "documents") + 1):
        document = entry.document
        documents.append(
            (
                of, document.id, origin, document.source, document.media_type, _json(document.metadata),
                entry.digest, document.text,
            )
        )  # fmt: skip
        shared = {"source": document.source, "media_type": document.media_type, **document.metadata}
        facts += [(name, value_text(value), of, 0) for name, value in shared.items()]
        for id_, piece in enumerate(entry.pieces, next_id):
            chunk, terms = piece.chunk, " ".join(piece.terms)
            own = "{}"
            if chunk.metadata != document.metadata:
                added = {name: value for name, value in chunk.metadata.items() if name not in shared}
                facts += [(name, value_text(value), of, id_) for name, value in added.items()]
                own = _json(added)
            headings = _json(chunk.headings) if chunk.headings else "[]"
            chunks.append((id_, of, chunk.start, chunk.end, headings, own, hash_of(chunk.text), kept(terms)))
            words.append((id_, terms))
            if piece.vector is not None:
                vectors.append((id_, packed(piece.vector)))
        next_id += len(entry.pieces)
    many = connection.executemany
    many(
        "INSERT INTO documents (id, name, origin, source, media_type, metadata, digest, text)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        documents,
    )
    many(
        "INSERT INTO chunks (id, document, first, after, headings, metadata, hash, terms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        chunks,
    )
    many("INSERT INTO words (rowid, terms) VALUES (?, ?)", words)
    many("INSERT INTO vectors VALUES (?, ?)", vectors)
    many("INSERT INTO facts VALUES (?, ?, ?, ?)", facts)


def remove(connection: sqlite3.Connection, names: Collection[str]) -> int:
    """Delete the rows of these documents, and return how many of them there were."""
    found = [
        connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone() for name in names
    ]
    ids = [row[0] for row in found if row is not None]
    for of in ids:
        chunks = connection.execute("SELECT id, terms FROM chunks WHERE document = ?", (of,)).fetchall()
        connection.executemany(
            "INSERT INTO words (words, rowid, terms) VALUES ('delete', ?, ?)",
            [(id_, unkept(terms)) for id_, terms in chunks],
        )
        connection.executemany("DELETE FROM vectors WHERE chunk = ?", [(id_,) for id_, _ in chunks])
        for table, column in (("facts", "document"), ("chunks", "document"), ("documents", "id")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (of,))  # noqa: S608 - ours
    return len(ids)


def kept(terms: str) -> str | bytes:
    """The terms of a piece as they are kept for the day on which it goes; many of them, compressed."""
    return terms if len(terms) < COMPRESSED else zlib.compress(terms.encode(), 1)


def unkept(terms: str | bytes) -> str:
    """What was given to `kept`."""
    return terms if isinstance(terms, str) else zlib.decompress(terms).decode()


def _last(connection: sqlite3.Connection, table: str) -> int:
    """The highest id that the table ever had."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return 0 if row is None else row[0]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
