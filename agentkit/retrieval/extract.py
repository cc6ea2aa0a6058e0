"""The sentences of found pieces that come nearest to an answer: what can be said without a model."""

import math
import re
from collections.abc import Mapping, Sequence

from agentkit.core.documents import Citation, Hit
from agentkit.documents.sentences import sentences
from agentkit.retrieval.cite import cited
from agentkit.retrieval.index import Index
from agentkit.retrieval.questions import subject
from agentkit.retrieval.words import rarity

MOST = 3
"""Sentences of an answer."""
WORTH = 0.5
"""What a further sentence has to match, as a part of what the best one does."""
ANSWERS = 0.3
"""What of a question's telling words some piece must have: with less, such as one Chinese character, it is
about something else, and nothing is quoted."""
LONGEST = 600
"""Characters of a sentence: what is longer, such as a table, answers nothing at a glance."""
_NEAR = 0.35
"""How much of the weight of a question's terms counts that stand beside a sentence, in its piece."""
_FITS = 1.3
"""How much more a sentence counts that has a number where one is asked for."""
_WANTS_NUMBER = re.compile(
    r"\b(?:when|how (?:many|much|long|far|old|big|large|tall|high)"
    r"|(?:what|which) (?:year|day|date|time|percentage))\b"
    r"|多少|多大|多长|多高|多久|几|哪一?[年月日天]|什么时候|何时|幾|多長|什麼時候",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|[〇一二三四五六七八九十百千万億亿]{2}|\b(?:two|three|four|five|six|seven|eight|nine|ten)\b"
)


def extracted(question: str, hits: Sequence[Hit], index: Index, most: int = MOST) -> list[Citation]:
    """Sentences from the hits, the most telling first, each with its true place.

    Args:
        question: What is asked.
        hits: What was found for it.
        index: Where.
        most: The most sentences.

    Returns:
        None where no piece has enough of the question's words.
    """
    numbered = bool(_WANTS_NUMBER.search(question))
    weights = rarity(index.store, index.how.terms(subject(question)))
    scored: list[tuple[float, str, int, str]] = []
    seen: set[tuple[str, int]] = set()
    best = hits[0].score if hits else 1.0
    if max((_share(hit, index, weights) for hit in hits), default=0.0) < ANSWERS:
        return []
    for hit in hits:
        chunk = hit.chunk
        piece = _weight(index.how.terms(f"{' '.join(chunk.headings)} {chunk.text}"), weights)
        for start, end in sentences(chunk.text):
            text = chunk.text[start:end]
            at = chunk.start + start + len(text) - len(text.lstrip())
            if (chunk.document, at) in seen or len(text) > LONGEST or _is_heading(text, hit):
                continue  # pieces repeat sentences of the one before; a title tells nothing
            seen.add((chunk.document, at))
            own = _weight(index.how.terms(text), weights)
            if own:
                if numbered and _NUMBER.search(text):
                    own *= _FITS
                score = (own + _NEAR * piece) * (0.5 + 0.5 * hit.score / best if best > 0 else 1.0)
                scored.append((score, chunk.document, at, text.strip()))
    scored.sort(key=lambda one: -one[0])
    worth = [one for one in scored if one[0] >= WORTH * scored[0][0]][:most]
    found: list[Citation] = []
    for _, name, start, text in worth:
        document = index.store.document(name)
        # it may be another one since it was searched
        if document is not None and document.text.startswith(text, start):
            found.append(cited(document, start, start + len(text)))
    return found


def _share(hit: Hit, index: Index, weights: Mapping[str, float]) -> float:
    """The part of the question's terms, by weight, that a piece has."""
    own = set(index.how.terms(f"{' '.join(hit.chunk.headings)} {hit.chunk.text}"))
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in own) / total if total else 0.0


def _is_heading(text: str, hit: Hit) -> bool:
    bare = text.strip().lstrip("#").strip()
    return not bare or bare in hit.chunk.headings


def _weight(terms: Sequence[str], weights: Mapping[str, float]) -> float:
    total = sum(weights.get(term, 0.0) for term in set(terms))
    # of two sentences with the same words the shorter one says it more plainly
    return total / (1 + 0.1 * math.log1p(len(terms)))
