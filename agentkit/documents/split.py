"""A document cut into chunks: never over the window, with true spans, and at the best places there are."""

from collections.abc import Iterator

from agentkit.core.documents import Chunk, Document, Fact
from agentkit.core.errors import DocumentError
from agentkit.core.usage import estimated_tokens
from agentkit.documents.structure import sections
from agentkit.documents.units import Break, Count, Unit, units

LIMIT = 256
SMALL = 4
"""A section with less than this part of the limit goes together with the next one, if that fits whole."""
TITLE = 16
"""With less than this part of it, it goes together with the beginning of that one."""


def split(
    document: Document, limit: int = LIMIT, count: Count | None = None, *, overlap: int = 0
) -> list[Chunk]:
    """The chunks of a document in its order; what stands between them is white space.

    A chunk ends with a section, else with a block (a paragraph, a function, a row), else with a sentence;
    within a sentence only where that alone is too long.

    Args:
        document: Its media type says how its structure is marked.
        limit: Tokens that a chunk may have, those counted that every text has.
        count: How many tokens a text has, by the embedder that will read it; without one they are estimated.
        overlap: Tokens of whole sentences that a chunk may repeat from the end of the one before it.

    A chunk has the facts of its document, and where that has pages the number of its first one as `page`.

    Raises:
        DocumentError: the limit leaves no room, or one character alone is over it.
    """
    count = count or estimated_tokens
    base = count("")
    if limit - base < 1 or not 0 <= overlap < limit - base:
        raise DocumentError(
            f"a limit of {limit} tokens with an overlap of {overlap} leaves no room beside the {base} "
            "that every text has"
        )
    text = document.text
    parts = list(
        units(text, sections(text, document.media_type), limit - base, lambda piece: count(piece) - base)
    )
    return [
        Chunk(document.id, start, end, text[start:end], headings, document.source, _facts(document, start))
        for start, end, headings in _chunks(text, parts, limit, count, overlap)
    ]


def _facts(document: Document, start: int) -> dict[str, Fact]:
    """What is known of the document, and of one with pages on which of them a chunk begins."""
    if "pages" not in document.metadata:
        return document.metadata
    return {**document.metadata, "page": document.text.count("\f", 0, start) + 1}


def _chunks(
    text: str, parts: list[Unit], limit: int, count: Count, overlap: int
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    first = 0
    base = count("")
    while first < len(parts):
        last = _filled(parts, first, limit - base)
        while True:
            start, end = _trimmed(text, parts[first].start, parts[last - 1].end)
            if last - first == 1 or count(text[start:end]) <= limit:
                break
            # tokens merge where units meet, and once in a while there are more of them, not fewer
            last -= 1
        if start < end:
            yield start, end, _shared_headings(parts[first:last])
        first = _repeated(parts, first, last, limit - base, overlap) if overlap else last


def _filled(parts: list[Unit], first: int, room: int) -> int:
    """The place after the last unit of the chunk that begins with the first."""
    used, at = 0, first
    while at < len(parts) and (used + parts[at].size <= room or at == first):
        used += parts[at].size
        at += 1
        if parts[at - 1].ends is Break.SECTION and not _goes_on(parts, at, used, room):
            return at
    if at == len(parts):
        return at
    # back to the best break in the second half
    best, kept = at, used
    for place in range(at, first, -1):
        if kept * 2 < used:
            break
        if parts[place - 1].ends > parts[best - 1].ends:
            best = place
        kept -= parts[place - 1].size
    return best


def _goes_on(parts: list[Unit], at: int, used: int, room: int) -> bool:
    """Whether a chunk so small goes on: through all of the next section, or from hardly more than a title."""
    if used * SMALL >= room:
        return False
    if used * TITLE < room:
        return True
    for part in parts[at:]:
        used += part.size
        if used > room or part.ends is Break.SECTION:
            break
    return used <= room


def _repeated(parts: list[Unit], first: int, last: int, room: int, overlap: int) -> int:
    """Where the next chunk begins: after the last one, or some whole sentences before its end."""
    if last == len(parts) or parts[last - 1].ends in (Break.SECTION, Break.WORDS):
        return last
    begins, used = last, 0
    spare = min(overlap, room - parts[last].size)
    for place in range(last - 1, first, -1):
        used += parts[place].size
        if used > spare:
            break
        if parts[place - 1].ends is not Break.WORDS:
            begins = place
    return begins


def _shared_headings(parts: list[Unit]) -> tuple[str, ...]:
    shared = parts[0].headings
    for part in parts[1:]:
        while shared != part.headings[: len(shared)]:
            shared = shared[:-1]
    return shared


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
