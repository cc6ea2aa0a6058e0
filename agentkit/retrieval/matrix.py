"""Vectors side by side, and the nearest of them: exact up to 50,000, exact among the likeliest beyond."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT = 50_000
"""Vectors that are all compared; of more, those whose signs agree with the query's the most."""
RESCORED = 400
"""How many are compared of more than that: 99 % of the ten nearest are among them."""
GATHERED = 8
"""Of so many rows one is copied at most: above that the product with all of them takes less time."""
_MAGIC = b"agentkit vectors"
_HEAD = struct.Struct("<16s16sQQQQ")

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]
Codes = NDArray[np.uint64]


@dataclass(frozen=True)
class Matrix:
    """The vectors of the chunks `ids`, which ascend: a row each."""

    generation: int
    """Of the index whose vectors these are."""
    ids: Ids
    rows: Floats
    mean: Floats | None = None
    """What the signs are taken from."""
    codes: Codes | None = None
    """A bit for each number: whether it is above the mean."""

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(self, query: Floats, most: int, among: Ids | None = None) -> tuple[Ids, Floats]:
        """The ids of the `most` rows of the largest products with the query, and these; the best first.

        Args:
            query: a vector of length 1.
            most: at least 1.
            among: the only ids that count, ascending; by default all do.
        """
        if among is None:
            if self.codes is None:
                return _best(self.ids, self.rows @ query, most)
            places = self._likely(query, max(RESCORED, 4 * most), self.codes)
        else:
            places = np.searchsorted(self.ids, among)
            known = places < len(self.ids)
            places = places[known][self.ids[places[known]] == among[known]]
            if self.codes is not None and len(places) > EXACT // GATHERED:
                places = places[self._likely(query, max(RESCORED, 4 * most), self.codes[places])]
            elif len(places) > len(self.ids) // GATHERED:
                return _best(self.ids[places], (self.rows @ query)[places], most)
        return _best(self.ids[places], self.rows[places] @ query, most)

    def _likely(self, query: Floats, most: int, codes: Codes) -> NDArray[np.intp]:
        assert self.mean is not None
        differing = np.bitwise_count(codes ^ _signs(query[None, :], self.mean)).sum(1, dtype=np.uint16)
        most = min(most, len(differing))
        return np.argpartition(differing, most - 1)[:most]


def empty(size: int) -> Matrix:
    """No vectors, of that many numbers each."""
    return Matrix(-1, np.empty(0, np.int64), np.empty((0, size), np.float32))


def ids_of(rows: Sequence[tuple[int]]) -> Ids:
    """The ids of such rows, ascending."""
    return np.sort(np.fromiter((id_ for (id_,) in rows), np.int64, len(rows)))


def updated(old: Matrix, generation: int, live: Ids, vectors: bytes) -> Matrix:
    """The matrix of the chunks `live`, whose last ones are new and have these vectors."""
    added = np.frombuffer(vectors, np.float32).reshape(-1, old.rows.shape[1])
    kept = np.isin(old.ids, live, assume_unique=True)
    rows = old.rows if kept.all() else old.rows[kept]
    if len(added):
        rows = np.concatenate([rows, added])
    if len(rows) <= EXACT:
        return Matrix(generation, live, rows)
    mean = old.mean if old.mean is not None else rows.mean(0)
    if old.codes is None:
        codes = _signs(rows, mean)
    else:
        codes = np.concatenate([old.codes[kept], _signs(added, mean)])
    return Matrix(generation, live, rows, mean, codes)


def write(path: Path, index: bytes, matrix: Matrix) -> None:
    """Put the matrix into a file, whole or not at all; what it is of is noted in it.

    Args:
        path: replaced if it is there.
        index: the 16 bytes that name the index.
        matrix: what is written.
    """
    coded = matrix.codes is not None
    head = _HEAD.pack(_MAGIC, index, matrix.generation, *matrix.rows.shape, coded)
    parts: list[NDArray[Any]] = [matrix.ids, matrix.rows]
    if matrix.mean is not None and matrix.codes is not None:
        parts += [matrix.mean, matrix.codes]
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(head)
            for part in parts:
                file.write(np.ascontiguousarray(part).data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path, index: bytes, size: int) -> Matrix | None:
    """The matrix in a file, mapped into memory; `None` if there is none of this index."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            length = os.fstat(file.fileno()).st_size
            if len(head) < _HEAD.size:
                return None
            magic, of, generation, count, numbers, coded = _HEAD.unpack(head)
            width = _words(numbers)
            whole = _HEAD.size + count * 8 + count * numbers * 4
            whole += (numbers * 4 + count * width * 8) if coded else 0
            if (magic, of, numbers, length) != (_MAGIC, index, size, whole) or not count:
                return None
            mapped = np.memmap(file, np.uint8, mode="r")
    except FileNotFoundError:
        return None
    at = _HEAD.size
    ids = mapped[at : (at := at + count * 8)].view(np.int64)
    rows = mapped[at : (at := at + count * numbers * 4)].view(np.float32).reshape(count, numbers)
    if not coded:
        return Matrix(generation, np.asarray(ids), np.asarray(rows))
    mean = mapped[at : (at := at + numbers * 4)].view(np.float32)
    codes = mapped[at:].view(np.uint64).reshape(count, width)
    return Matrix(generation, np.asarray(ids), np.asarray(rows), np.asarray(mean), np.asarray(codes))


def _best(ids: Ids, scores: Floats, most: int) -> tuple[Ids, Floats]:
    if len(scores) > most:
        chosen = np.argpartition(-scores, most - 1)[:most]
        ids, scores = ids[chosen], scores[chosen]
    order = np.lexsort((ids, -scores))  # of equals the older, so that a search can be repeated
    return ids[order], scores[order]


def _words(numbers: int) -> int:
    """How many times 64 bits it takes for a bit each."""
    return -(-numbers // 64)


def _signs(rows: Floats, mean: Floats) -> Codes:
    packed = np.packbits(rows > mean, axis=1)
    padded = np.zeros((len(rows), _words(rows.shape[1]) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)
