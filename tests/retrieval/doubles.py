"""Documents, and a model of vectors that needs no weights: a text is the bag of its words."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

from agentkit.core.documents import Document
from agentkit.retrieval.index import Index
from agentkit.retrieval.reading import Reading, reading
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.writing import Entry, Piece

SIZE = 64


class WordBag:
    """Vectors in which each word has a direction; it counts what it is asked for."""

    def __init__(self, name: str = "bag", blind: bool = False) -> None:
        self.name = name
        self.window = 64
        self.blind = blind
        self.embedded: list[str] = []

    def count(self, text: str) -> int:
        return len(text.split()) or len(text)

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.embedded += texts
        return [self._vector(text) for text in texts]

    async def embed_query(self, text: str) -> Sequence[float]:
        return self._vector(text)

    def _vector(self, text: str) -> list[float]:
        numbers = [0.0] * SIZE
        for word in text.lower().split():
            key = hashlib.sha256((text if self.blind else word).encode()).digest()
            numbers[key[0] % SIZE] += 1 if key[1] % 2 else -1
        length = math.sqrt(sum(one * one for one in numbers)) or 1.0
        return [one / length for one in numbers]


def document(name: str, text: str, **facts: str | float | bool) -> Document:
    return Document(name, text, source=name, media_type="text/markdown", metadata=facts)


def entry(of: Document, how: Reading, vectors: Sequence[Sequence[float]] | None = None) -> Entry:
    pieces = how.pieces(of)
    if vectors is not None:
        pieces = [
            Piece(piece.chunk, piece.terms, vector) for piece, vector in zip(pieces, vectors, strict=True)
        ]
    return Entry(of, pieces)


def filled(path: Path, *documents: Document) -> Index:
    """An index found by words alone."""
    how = reading()
    store = SqliteStore.open(path)
    store.make(how.making)
    store.put([entry(one, how) for one in documents])
    return Index(store, how)
