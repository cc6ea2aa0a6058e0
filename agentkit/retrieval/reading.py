"""How a document becomes pieces of an index: split, made into terms, turned into vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentkit.core.documents import Chunk, Document, Embeddings
from agentkit.documents import split, terms
from agentkit.retrieval.making import Making
from agentkit.retrieval.writing import Piece

ANALYSER = "terms-1"
"""Another one whenever `agentkit.documents.terms` makes other terms of a text."""
SPLITTER = "split-1"
"""Another one whenever `agentkit.documents.split` makes other pieces of a document."""
LIMIT = 512
"""Tokens of a piece however much its model could read: what is found should be read at a glance."""
OVERLAP = 32
"""Tokens of whole sentences that a piece repeats from the one before it."""


@dataclass(frozen=True)
class Reading:
    """How texts are read; what is found is looked for in the same way."""

    split: Callable[[Document], Sequence[Chunk]]
    terms: Callable[[str], Sequence[str]]
    making: Making
    embeddings: Embeddings | None = None

    def pieces(self, document: Document) -> list[Piece]:
        """The pieces of a document, without vectors; a piece is found by its headings' words as well."""
        return [
            Piece(chunk, [*self.terms(" ".join(chunk.headings)), *self.terms(chunk.text)])
            for chunk in self.split(document)
        ]


def reading(embeddings: Embeddings | None = None) -> Reading:
    """The default way to read, for a model of vectors or none: pieces never exceed what it can read."""
    limit = LIMIT if embeddings is None else min(embeddings.window, LIMIT)
    overlap = min(OVERLAP, limit // 8)
    count = None if embeddings is None else embeddings.count

    def pieces(document: Document) -> Sequence[Chunk]:
        return split(document, limit, count, overlap=overlap)

    making = Making(f"{SPLITTER}/{limit}/{overlap}", ANALYSER, "" if embeddings is None else embeddings.name)
    return Reading(pieces, terms, making, embeddings)
