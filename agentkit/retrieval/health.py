"""Whether the legs of an index find what they should, for each kind of script that is in it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import Struct

from agentkit.core.documents import MOST_UNKNOWN, Chunk, Embeddings, Retriever, TellsUnknown
from agentkit.documents.scripts import script_of
from agentkit.documents.sentences import sentences
from agentkit.retrieval.store import SqliteStore

if TYPE_CHECKING:
    from agentkit.retrieval.vectors import Vectors

PROBES = 24
"""Pieces of each kind of script that are asked for by a sentence of theirs."""
FEWEST = 40
"""Chunks below which no sentence is asked for."""
FOUND = 0.75
"""The part of them that has to be among the first ten."""
AT_ONCE = 8
"""Pieces that are asked for at once."""
_FIRST = 10

Sample: TypeAlias = tuple[int, Chunk]
"""A piece of the index, with its id there."""
_Finds: TypeAlias = Callable[[Sample, str], Awaitable[bool]]
"""Whether a sentence of a piece finds it among the first few."""


class Health(Struct, frozen=True):
    """How a leg does with the texts of one kind of script."""

    script: str
    probed: int
    found: float
    """The part of the probed pieces that a sentence of theirs finds among the first ten."""
    unknown: float
    """The part of their tokens that the model does not know; 0 where it cannot tell."""

    @property
    def sick(self) -> bool:
        """Whether a search is better off without them."""
        return self.found < FOUND or self.unknown > MOST_UNKNOWN

    @property
    def reason(self) -> str:
        """What is wrong, in a few words; nothing if nothing is."""
        if self.unknown > MOST_UNKNOWN:
            return f"the model does not know {self.unknown:.0%} of the tokens of {self.script} text"
        if self.found < FOUND:
            return f"a sentence of {self.script} text finds its own piece only {self.found:.0%} of the time"
        return ""


def reason_for(query: str, healths: Sequence[Health]) -> str:
    """Why a leg of this health does not count for a question; nothing if it does."""
    script = script_of(query)
    return next((one.reason for one in healths if one.script == script), "")


async def examined(store: SqliteStore, embeddings: Embeddings, vectors: "Vectors") -> tuple[Health, ...]:
    """How the vectors of the index do now, by script.

    Among a few pieces anything finds anything; then only what the model does not know counts.
    """
    with store.snapshot():
        ids = vectors.current().ids.tolist()
        samples = _samples(store, ids)

    async def finds(sample: Sample, sentence: str) -> bool:
        near = vectors.nearest(await embeddings.embed_query(sentence), _FIRST)
        return any(found == sample[0] for found, _ in near)

    asked = finds if len(ids) >= FEWEST else None
    return tuple([await _probed(script, some, asked, embeddings) for script, some in samples.items()])


async def examined_leg(store: SqliteStore, leg: Retriever) -> tuple[Health, ...] | None:
    """How a leg that somebody else made does with the pieces of the index, by script.

    One that finds nothing of this index, and does find something, searches texts of its own: nothing can
    be told of it.

    Returns:
        None as long as there are too few pieces to tell.

    Raises:
        Exception: whatever the leg raises.
    """
    with store.snapshot():
        ids = [id_ for (id_,) in store.database.all("SELECT id FROM chunks ORDER BY id")]
        samples = _samples(store, ids)
    if len(ids) < FEWEST:
        return None
    ours = theirs = 0

    async def finds(sample: Sample, sentence: str) -> bool:
        nonlocal ours, theirs
        hits = await leg.retrieve(sentence, limit=_FIRST)
        known = [hit.chunk for hit in hits if store.has(hit.chunk.document)]
        ours += len(known)
        theirs += len(hits) - len(known)
        return any(_overlap(one, sample[1]) for one in known)

    healths = tuple([await _probed(script, some, finds) for script, some in samples.items()])
    return () if theirs and not ours else healths


def healths_of(store: SqliteStore) -> tuple[Health, ...]:
    """How the vectors did when they were looked at last."""
    noted = store.noted("health")
    return msgspec.json.decode(noted, type=tuple[Health, ...]) if noted else ()


def _samples(store: SqliteStore, ids: Sequence[int]) -> Mapping[str, Sequence[Sample]]:
    """Pieces by script: evenly over the whole index, and enough that a script with a small part is met."""
    samples: dict[str, list[Sample]] = {}
    some = ids[:: max(1, len(ids) // (PROBES * 8))]
    for id_, chunk in zip(some, store.chunks(some), strict=True):
        samples.setdefault(script_of(chunk.text), []).append((id_, chunk))
    return samples


async def _probed(
    script: str, samples: Sequence[Sample], finds: _Finds | None, embeddings: Embeddings | None = None
) -> Health:
    step = max(1, len(samples) // PROBES)
    chosen = samples[::step][:PROBES]
    found = 1.0
    if finds is not None:
        met = 0
        for at in range(0, len(chosen), AT_ONCE):
            some = chosen[at : at + AT_ONCE]
            met += sum(await asyncio.gather(*(finds(one, _sentence(one[1].text)) for one in some)))
        found = met / len(chosen)
    unknown = 0.0
    if isinstance(embeddings, TellsUnknown):
        unknown = sum(embeddings.unknown(chunk.text) for _, chunk in chosen) / len(chosen)
    return Health(script, len(chosen), found, unknown)


def _overlap(one: Chunk, other: Chunk) -> bool:
    return one.document == other.document and one.start < other.end and other.start < one.end


def _sentence(text: str) -> str:
    """A sentence from the middle of a text, or half of its only one."""
    spans = [text[start:end].strip() for start, end in sentences(text)]
    whole = [span for span in spans if len(span) > 8] or [text]
    if len(whole) == 1:
        return whole[0][: max(8, len(whole[0]) // 2)]
    return whole[len(whole) // 2]
