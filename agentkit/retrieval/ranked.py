"""Small functions on a ranked list: others first, fewer alike, less of each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec.structs import replace

from agentkit.core.documents import Chunk, Hit
from agentkit.core.errors import UsageError
from agentkit.documents import terms
from agentkit.documents.sentences import sentences
from agentkit.retrieval.fusion import minmax

Alike = Callable[[Chunk, Chunk], float]
"""How much two pieces say the same, from 0 to 1."""
Scores = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""How well each text answers a question: the more, the better."""


def diverse(
    hits: Sequence[Hit], limit: int, *, balance: float = 0.5, alike: Alike | None = None
) -> list[Hit]:
    """Hits that are good and not all the same: each next one by its score less its likeness to those before.

    Args:
        hits: Ranked; their scores are taken from 1 for the best to 0 for the last.
        limit: How many are kept.
        balance: 1 counts scores alone, 0 likeness alone.
        alike: How alike two pieces are; by the words they share when it is left out.

    Raises:
        UsageError: the balance is not between 0 and 1.
    """
    if not 0 <= balance <= 1:
        raise UsageError(f"balance = {balance} cannot be; it is from 0, likeness alone, to 1, scores alone")
    alike = alike or same_words(hits)
    relevance = minmax([hit.score for hit in hits], len(hits))
    left = list(range(len(hits)))
    likeness = [0.0] * len(hits)
    chosen: list[int] = []
    while left and len(chosen) < limit:
        best = max(left, key=lambda at: (balance * relevance[at] - (1 - balance) * likeness[at], -at))
        left.remove(best)
        chosen.append(best)
        for at in left:
            likeness[at] = max(likeness[at], alike(hits[at].chunk, hits[best].chunk))
    return [hits[at] for at in chosen]


def same_words(hits: Sequence[Hit]) -> Alike:
    """Likeness by the share of words that two of these pieces have in common."""
    words: Mapping[tuple[str, int, int], frozenset[str]] = {
        _place(hit.chunk): frozenset(terms(hit.chunk.text)) for hit in hits
    }

    def alike(one: Chunk, other: Chunk) -> float:
        mine, theirs = words[_place(one)], words[_place(other)]
        return len(mine & theirs) / (len(mine | theirs) or 1)

    return alike


async def reranked(query: str, hits: Sequence[Hit], scores: Scores, limit: int | None = None) -> list[Hit]:
    """The hits in the order of other scores, which they then have; of equals the one that was before.

    Raises:
        UsageError: there are not as many scores as hits.
    """
    given = await scores(query, [hit.chunk.text for hit in hits])
    if len(given) != len(hits):
        raise UsageError(f"{len(given)} scores were given for {len(hits)} hits; there must be one for each")
    pairs = sorted(zip(hits, given, strict=True), key=lambda pair: -pair[1])
    return [Hit(hit.chunk, score) for hit, score in pairs][:limit]


def compressed(query: str, hits: Sequence[Hit]) -> list[Hit]:
    """Of each hit only the sentences with words of the query, and those between two such; spans stay true.

    A hit without any such sentence, as vectors find them, stays whole.
    """
    wanted = set(terms(query))
    return [Hit(_part(hit.chunk, wanted), hit.score) for hit in hits]


def _part(chunk: Chunk, wanted: set[str]) -> Chunk:
    spans = [
        (start, end)
        for start, end in sentences(chunk.text)
        if wanted.intersection(terms(chunk.text[start:end]))
    ]
    if not spans:
        return chunk
    text = chunk.text[spans[0][0] : spans[-1][1]].rstrip()
    start = chunk.start + spans[0][0]
    return replace(chunk, start=start, end=start + len(text), text=text)


def _place(chunk: Chunk) -> tuple[str, int, int]:
    return (chunk.document, chunk.start, chunk.end)
