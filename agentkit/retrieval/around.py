"""What stands around a hit: its neighbours, its section, its document."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from agentkit.core.documents import Chunk, Document, Hit
from agentkit.retrieval.store import SqliteStore

LONGEST = 8_000
"""Characters that a hit may have with what stands around it."""

Span: TypeAlias = tuple[int, int]
_Widen = Callable[[Chunk, Document, Sequence[Chunk]], Span]


def with_neighbours(hits: Sequence[Hit], store: SqliteStore, each_side: int = 1) -> list[Hit]:
    """The hits with the pieces before and after them; what then overlaps is one hit, at the better's place.

    Args:
        hits: The best first.
        store: Where they were found.
        each_side: How many pieces on each side.
    """

    def wider(chunk: Chunk, _document: Document, pieces: Sequence[Chunk]) -> Span:
        at = next((at for at, piece in enumerate(pieces) if piece.end > chunk.start), 0)
        first, last = pieces[max(0, at - each_side)], pieces[min(len(pieces) - 1, at + each_side)]
        return min(first.start, chunk.start), max(last.end, chunk.end)

    return _widened(hits, store, wider)


def with_section(hits: Sequence[Hit], store: SqliteStore, longest: int = LONGEST) -> list[Hit]:
    """The hits as all of what stands under their headings, or of the document where there are none.

    Args:
        hits: The best first.
        store: Where they were found.
        longest: Characters; a hit whose section is longer stays as it is.
    """

    def wider(chunk: Chunk, document: Document, pieces: Sequence[Chunk]) -> Span:
        under = [piece for piece in pieces if piece.headings[: len(chunk.headings)] == chunk.headings]
        start, end = under[0].start, under[-1].end
        if not chunk.headings:
            start, end = 0, len(document.text)
        return (start, end) if end - start <= longest else (chunk.start, chunk.end)

    return _widened(hits, store, wider)


def _widened(hits: Sequence[Hit], store: SqliteStore, wider: _Widen) -> list[Hit]:
    found: list[Hit] = []
    with store.snapshot():
        for hit in hits:
            document = store.document(hit.chunk.document)
            pieces = store.chunks([id_ for id_, _, _ in store.places(hit.chunk.document)])
            if document is None or not pieces:  # found elsewhere, or forgotten meanwhile
                found.append(hit)
                continue
            start, end = wider(hit.chunk, document, pieces)
            grown = Hit(replace(hit.chunk, start=start, end=end, text=document.text[start:end]), hit.score)
            _put(found, grown, document)
    return found


def _put(found: list[Hit], hit: Hit, document: Document) -> None:
    """Add a hit, or make one of it and another that it overlaps."""
    for at, other in enumerate(found):
        mine, theirs = hit.chunk, other.chunk
        if mine.document == theirs.document and mine.start <= theirs.end and theirs.start <= mine.end:
            start, end = min(mine.start, theirs.start), max(mine.end, theirs.end)
            found[at] = Hit(replace(theirs, start=start, end=end, text=document.text[start:end]), other.score)
            return
    found.append(hit)
