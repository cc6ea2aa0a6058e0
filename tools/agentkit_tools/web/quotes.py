"""The places of a text that answer a question, word for word, each where it stands."""

import math
from collections import Counter
from collections.abc import Sequence

from agentkit.core.documents import Chunk, Citation, Document
from agentkit.documents.analyse import terms
from agentkit.documents.split import split

TOKENS = 120
"""Of a quote, about."""
K1, B = 1.2, 0.75
"""The usual parameters of BM25."""


def quotes(document: Document, question: str, most: int) -> list[tuple[Citation, Chunk]]:
    """The pieces of a document that have most to do with a question, the best first.

    They are ranked by BM25 over the pieces of this document alone, and none is given that shares no word
    with the question. Each is compared with the document again.

    >>> text = "The tide is high at noon. " * 2 + "Boats are red."
    >>> [(one.start, one.quote, one.verified) for one, _ in quotes(Document("d", text), "red boats?", 1)]
    [(0, 'The tide is high at noon. The tide is high at noon. Boats are red.', True)]
    """
    chunks = split(document, TOKENS)
    counts = [Counter(terms(" ".join((*one.headings, one.text)))) for one in chunks]
    wanted = set(terms(question))
    scores = _scores(counts, wanted)
    ranked = sorted(range(len(chunks)), key=lambda at: (-scores[at], at))
    return [(citation_of(document, chunks[at]), chunks[at]) for at in ranked[:most] if scores[at] > 0]


def citation_of(document: Document, chunk: Chunk) -> Citation:
    """A piece as a quote, with whether it stands in the document."""
    verified = bool(chunk.text) and document.text[chunk.start : chunk.end] == chunk.text
    return Citation(document.id, chunk.start, chunk.end, chunk.text, verified, document.source)


def _scores(counts: Sequence[Counter[str]], wanted: set[str]) -> list[float]:
    lengths = [one.total() for one in counts]
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    rare: dict[str, float] = {}
    for term in wanted:
        having = sum(term in one for one in counts)
        rare[term] = math.log(1 + (len(counts) - having + 0.5) / (having + 0.5))
    return [
        sum(
            rare[term] * one[term] * (K1 + 1) / (one[term] + K1 * (1 - B + B * length / mean))
            for term in wanted
            if term in one
        )
        for one, length in zip(counts, lengths, strict=True)
    ]
