"""What an answer cites: the passages that it names by number, and whether its quotes stand there.

An answer cites as it was asked to, `[2]` or `[2: "the exact words"]`; brackets and quotation marks may be
Chinese. A quote is looked for in the passage that it names, white space and case aside, and given back in
the passage's own words and with their place in the document.
"""

import re
from collections.abc import Iterator, Sequence

from agentkit.core.documents import Chunk, Citation, Hit
from agentkit.documents.quoting import place_of

_QUOTED = r"\"[^\"]+\"|“[^”]+”|「[^」]+」|『[^』]+』|«[^»]+»"
_AND = r",;、\uff0c"  # the last one is the full-width comma
_MARK = re.compile(rf"[\[【]\s*(\d+(?:\s*[{_AND}]\s*\d+)*)\s*(?:[{_AND}:\uff1a]?\s*({_QUOTED}))?\s*[\]】]")
_NUMBER = re.compile(r"\d+")


def shown(number: int, hit: Hit) -> str:
    """One passage under its number, with the titles that it stands under."""
    above = " > ".join(part for part in (hit.chunk.source, *hit.chunk.headings) if part)
    return f"[{number}] {above}\n{hit.chunk.text}" if above else f"[{number}] {hit.chunk.text}"


def cited(answer: str, hits: Sequence[Hit]) -> list[Citation]:
    """Every citation of an answer, in its order and each once.

    A passage that is cited without a quote is cited whole. A quote that does not stand in its passage, and
    a number that no passage has, are not verified; the latter names no document.
    """
    return list(dict.fromkeys(_citations(answer, hits)))


def looked_up(quotes: Sequence[tuple[int, str]], hits: Sequence[Hit]) -> list[Citation]:
    """Quotes with the number of the passage that each is said to be of, in their order and each once.

    A model often quotes well and counts badly: a quote that stands in another passage is verified there.
    """
    found: list[Citation] = []
    for number, quote in quotes:
        if quote.strip():
            named = hits[number - 1 : number] if number > 0 else ()
            places = [_citation(hit.chunk, quote) for hit in (*named, *hits)]
            unverified = places[0] if named else Citation("", 0, 0, quote, verified=False)
            found.append(next((one for one in places if one.verified), unverified))
    return list(dict.fromkeys(found))


def _citations(answer: str, hits: Sequence[Hit]) -> Iterator[Citation]:
    for mark in _MARK.finditer(answer):
        quote = mark[2][1:-1].strip() if mark[2] else ""
        for number in map(int, _NUMBER.findall(mark[1])):
            if not 1 <= number <= len(hits):
                yield Citation("", 0, 0, quote, verified=False)
            else:
                yield _citation(hits[number - 1].chunk, quote)


def _citation(chunk: Chunk, quote: str) -> Citation:
    if not quote:
        return Citation(chunk.document, chunk.start, chunk.end, chunk.text, True, chunk.source)
    place = place_of(quote, chunk.text)
    if place is None:
        return Citation(chunk.document, chunk.start, chunk.end, quote, False, chunk.source)
    start, end = place
    return Citation(
        chunk.document, chunk.start + start, chunk.start + end, chunk.text[start:end], True, chunk.source
    )
