"""Copies of an index in other stores of vectors: the file stays the truth, and they follow it."""

from array import array
from collections.abc import Sequence

from msgspec.structs import replace

from agentkit.core.documents import Chunk
from agentkit.core.errors import UsageError
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.vector_store import VectorStore

AT_ONCE = 1_000
"""Pieces that are copied at a time."""


async def copied(store: SqliteStore, other: VectorStore) -> int:
    """Bring a copy to what the index holds, and return how many pieces were added to it.

    Each document is noted in the index when it is there. One that was added and not noted, because the
    process died between, is removed and added again.

    Raises:
        UsageError: the index has no vectors.
    """
    note = f"copied {other.name}"
    generation = str(store.generation)
    if store.noted(note) == generation:
        return 0
    if (made := store.making) is not None and not made.embeddings:
        raise UsageError(f"the index {store.path} has no vectors to copy; make it anew with --embeddings")
    rows = dict(store.database.all("SELECT id, name FROM documents ORDER BY id"))
    held = dict(store.database.all("SELECT document, name FROM copies WHERE store = ?", [other.name]))
    if gone := [row for row in held if row not in rows]:
        await other.remove([held[row] for row in gone])
        _note(store, other, gone=gone)
    added = 0
    batch: list[int] = []
    chunks: list[Chunk] = []
    vectors: list[Sequence[float]] = []
    todo = [row for row in rows if row not in held]
    for at, row in enumerate(todo, 1):
        some, theirs = _pieces(store, row)
        batch.append(row)
        chunks += some
        vectors += theirs
        if len(chunks) >= AT_ONCE or at == len(todo):
            await other.remove([rows[one] for one in batch])
            if chunks:
                await other.add(chunks, vectors)
            _note(store, other, there={one: rows[one] for one in batch})
            added += len(chunks)
            batch, chunks, vectors = [], [], []
    store.note(note, generation)
    return added


def _pieces(store: SqliteStore, row: int) -> tuple[list[Chunk], list[Sequence[float]]]:
    """The pieces of a document with their vectors, and its media type among their facts, as here."""
    with store.snapshot():
        kind = store.database.one("SELECT media_type FROM documents WHERE id = ?", [row])
        found = store.database.all(
            "SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.chunk = c.id WHERE c.document = ?", [row]
        )
        chunks = store.chunks([id_ for id_, _ in found])
    told = [replace(one, metadata={"media_type": kind[0], **one.metadata}) for one in chunks]
    return told, [array("f", vector) for _, vector in found]


def _note(
    store: SqliteStore, other: VectorStore, *, gone: Sequence[int] = (), there: dict[int, str] | None = None
) -> None:
    with store.database.transaction():
        connection = store.database.connection
        connection.executemany(
            "DELETE FROM copies WHERE store = ? AND document = ?", [(other.name, row) for row in gone]
        )
        connection.executemany(
            "INSERT OR REPLACE INTO copies VALUES (?, ?, ?)",
            [(other.name, row, name) for row, name in (there or {}).items()],
        )
