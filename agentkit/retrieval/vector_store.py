"""Where vectors are kept and found: what any store does, and ours as one of them."""

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from agentkit.core.documents import Chunk, Document, Facts, Hit
from agentkit.core.errors import UsageError
from agentkit.documents import terms
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.writing import Entry, Piece

if TYPE_CHECKING:
    from agentkit.retrieval.vectors import Vectors


class VectorStore(Protocol):
    """Keeps pieces with their vectors; one at the same place of the same document is replaced."""

    @property
    def name(self) -> str:
        """What tells it from every other store, on whatever machine."""
        ...

    async def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Keep pieces, each with its vector, all of one size and of length 1."""
        ...

    async def remove(self, documents: Collection[str]) -> None:
        """Remove every piece of these documents, as far as there are any."""
        ...

    async def nearest(
        self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
    ) -> Sequence[Hit]:
        """The pieces whose vectors have the largest product with this one, with that as their score.

        Args:
            vector: Of length 1.
            limit: The most that are returned.
            where: Facts that each must have.
        """
        ...


class LocalVectors:
    """Our own store as a `VectorStore`: every text is a document, which words find as well."""

    def __init__(self, store: SqliteStore, vectors: "Vectors") -> None:
        self.store = store
        self._vectors = vectors
        self.name = f"sqlite:{store.id.hex()}"

    async def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Keep texts.

        Raises:
            UsageError: one is a part of a document only; `SqliteStore.put` takes documents with their pieces.
        """
        if parts := [chunk for chunk in chunks if chunk.start != 0 or chunk.end != len(chunk.text)]:
            raise UsageError(
                f"{parts[0].document!r} comes as a part of it, from {parts[0].start} to {parts[0].end}; "
                "put whole documents with SqliteStore.put"
            )
        entries = [
            Entry(
                Document(chunk.document, chunk.text, chunk.source, metadata=chunk.metadata),
                [Piece(chunk, terms(chunk.text), vector)],
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        await asyncio.to_thread(self.store.put, entries)

    async def remove(self, documents: Collection[str]) -> None:
        """Remove documents."""
        await asyncio.to_thread(self.store.remove, documents)

    async def nearest(
        self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
    ) -> Sequence[Hit]:
        """The nearest pieces."""
        return await asyncio.to_thread(self._nearest, vector, limit, where)

    def _nearest(self, vector: Sequence[float], limit: int, where: Facts | None) -> list[Hit]:
        with self.store.snapshot():
            found = self._vectors.nearest(vector, limit, where)
            chunks = self.store.chunks([id_ for id_, _ in found])
        return [Hit(chunk, score) for chunk, (_, score) in zip(chunks, found, strict=True)]
