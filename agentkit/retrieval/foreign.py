"""What other retrievers found, as it is ranked beside what the index itself found."""

from collections.abc import Sequence

from agentkit.core.documents import Chunk, Facts, Hit
from agentkit.retrieval.filters import allowed, has_all
from agentkit.retrieval.store import Found, SqliteStore


class Foreign:
    """Keys for the pieces of other retrievers: ids of the store where it has them, else below zero."""

    def __init__(self, store: SqliteStore, where: Facts | None) -> None:
        """Begin with none.

        Args:
            store: Where the index has its pieces; it is read from one state.
            where: Facts that each piece must have, whether or not its retriever heeded that.
        """
        self._store = store
        self._where = where
        self._keys: dict[tuple[str, int, int], int] = {}
        self._chunks: dict[int, Chunk] = {}
        self._allowed: frozenset[int] | None = None

    def found(self, hits: Sequence[Hit]) -> Found:
        """The keys of the pieces that have the facts, each once, in their order."""
        scores: dict[int, float] = {}
        for hit in hits:
            key = self._key(hit.chunk)
            if self._fits(key, hit.chunk):
                scores.setdefault(key, hit.score)
        return list(scores.items())

    def chunks(self, keys: Sequence[int]) -> dict[int, Chunk]:
        """The pieces of these keys, and all of those that the store has not."""
        mine = [key for key in keys if key > 0]
        return {**self._chunks, **dict(zip(mine, self._store.chunks(mine), strict=True))}

    def _key(self, chunk: Chunk) -> int:
        place = (chunk.document, chunk.start, chunk.end)
        if place not in self._keys:
            known = self._store.id_of(chunk)
            self._keys[place] = -1 - len(self._chunks) if known is None else known
            if known is None:
                self._chunks[self._keys[place]] = chunk
        return self._keys[place]

    def _fits(self, key: int, chunk: Chunk) -> bool:
        if not self._where:
            return True
        if key < 0:
            return has_all({"source": chunk.source, **chunk.metadata}, self._where)
        if self._allowed is None:
            self._allowed = frozenset(id_ for (id_,) in self._store.database.all(*allowed(self._where)))
        return key in self._allowed
