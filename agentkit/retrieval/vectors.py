"""The vectors of an index: found in memory, read from a file beside it, and made again from it."""

from collections.abc import Sequence

import numpy as np

from agentkit.core.documents import Facts
from agentkit.core.errors import UsageError
from agentkit.retrieval.filters import allowed, value_text
from agentkit.retrieval.matrix import Ids, Matrix, empty, ids_of, read, updated, write
from agentkit.retrieval.store import Found, SqliteStore, vectors_file

KEPT = 2_000
"""Vectors from which on they are kept in a file of their own: fewer are read from the index as quickly."""
_FILTERS = 16
"""Of the last so many the ids are remembered."""


class Vectors:
    """The vectors of a store, side by side in memory and in a file beside it that can be made again."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._matrix: Matrix | None = None
        self._among: dict[tuple[int, str], Ids] = {}
        self.path = vectors_file(store)

    def nearest(self, vector: Sequence[float], limit: int, where: Facts | None = None) -> Found:
        """The chunks whose vectors have the largest product with this one.

        Args:
            vector: Of length 1.
            limit: The most that are returned.
            where: Facts that they must all have.

        Raises:
            UsageError: it is not of the size of those in the index.
        """
        query = np.asarray(vector, dtype=np.float32)
        with self._store.snapshot():
            matrix = self.current(len(query))
            if not len(matrix):
                return []
            among = self._ids(matrix, where) if where else None
        ids, scores = matrix.nearest(query, limit, among)
        return list(zip(ids.tolist(), scores.tolist(), strict=True))

    def current(self, size: int = 0) -> Matrix:
        """The vectors as they are now in the index.

        Args:
            size: How many numbers each has; 0 for however many.

        Raises:
            UsageError: they have not.
        """
        with self._store.snapshot():
            matrix = self._read(size)
        if size and len(matrix) and matrix.rows.shape[1] != size:
            raise UsageError(
                f"a vector of {size} numbers cannot be compared with those of {self._store.path}, which have "
                f"{matrix.rows.shape[1]}; ask with the model that the index was made with"
            )
        return matrix

    def _read(self, size: int) -> Matrix:
        generation = self._store.generation
        if self._matrix is not None and self._matrix.generation == generation:
            return self._matrix
        database = self._store.database
        first = database.one("SELECT length(vector) FROM vectors LIMIT 1")
        if first is None:
            return empty(size)
        numbers = first[0] // 4
        old = self._matrix or read(self.path, self._store.id, numbers) or empty(numbers)
        if old.rows.shape[1] != numbers or old.generation > generation:
            old = empty(numbers)  # made anew; or the file is of a state that this snapshot does not see yet
        if old.generation != generation:
            live = ids_of(database.all("SELECT chunk FROM vectors INDEXED BY vectors_of_chunk"))
            after = int(old.ids[-1]) if len(old) else 0
            rows = database.all("SELECT vector FROM vectors WHERE chunk > ? ORDER BY chunk", [after])
            old = updated(old, generation, live, b"".join(row for (row,) in rows))
            self._among.clear()
            if len(old) >= KEPT:
                write(self.path, self._store.id, old)
        self._matrix = old
        return old

    def _ids(self, matrix: Matrix, where: Facts) -> Ids:
        """The ids of the chunks that have these facts, ascending."""
        key = (matrix.generation, str(sorted((name, value_text(value)) for name, value in where.items())))
        if key not in self._among:
            query, values = allowed(where)
            found = ids_of(self._store.database.all(query, values))
            while len(self._among) >= _FILTERS:
                del self._among[next(iter(self._among))]
            self._among[key] = found
        return self._among[key]
