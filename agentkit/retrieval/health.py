"""Whether the vectors of an index find what they should, for each kind of script that is in it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from agentkit.core.documents import Chunk, Embeddings
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
MOST_UNKNOWN = 0.1
"""The part of a text's tokens that a model may not know."""
_FIRST = 10

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")


@runtime_checkable
class TellsUnknown(Protocol):
    """A model of vectors that says what it cannot read."""

    def unknown(self, text: str) -> float:
        """The part of the text's tokens that stand for nothing it knows, from 0 to 1."""
        ...


class Health(Struct, frozen=True):
    """How the vectors of one kind of script do."""

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


def script_of(text: str) -> str:
    """Which kind of script most letters of a text are in: `east asian`, `latin`, or `other`.

    >>> script_of("机器学习 with Python?"), script_of("Where is it?"), script_of("Где это?")
    ('east asian', 'latin', 'other')
    """
    wide, latin, letters = (len(kind.findall(text)) for kind in (_WIDE, _LATIN, _LETTER))
    # a character of these says about as much as three letters
    if wide * 4 > letters:
        return "east asian"
    return "latin" if latin * 2 >= letters - wide else "other"


async def examined(store: SqliteStore, embeddings: Embeddings, vectors: "Vectors") -> tuple[Health, ...]:
    """How the vectors of the index do now, by script.

    Among a few pieces anything finds anything; then only what the model does not know counts.
    """
    samples: dict[str, list[tuple[int, Chunk]]] = {}
    with store.snapshot():
        ids = vectors.current().ids.tolist()
        # evenly over the whole index, and enough that a script with a small part of it is met
        some = ids[:: max(1, len(ids) // (PROBES * 8))]
        for id_, chunk in zip(some, store.chunks(some), strict=True):
            samples.setdefault(script_of(chunk.text), []).append((id_, chunk))
    asked = vectors if len(ids) >= FEWEST else None
    return tuple([await _probed(script, some, embeddings, asked) for script, some in samples.items()])


def healths_of(store: SqliteStore) -> tuple[Health, ...]:
    """What was found when the index was looked at last."""
    noted = store.noted("health")
    return msgspec.json.decode(noted, type=tuple[Health, ...]) if noted else ()


async def _probed(
    script: str, samples: Sequence[tuple[int, Chunk]], embeddings: Embeddings, vectors: "Vectors | None"
) -> Health:
    step = max(1, len(samples) // PROBES)
    chosen = samples[::step][:PROBES]
    hits = 0
    if vectors is not None:
        for id_, chunk in chosen:
            near = vectors.nearest(await embeddings.embed_query(_sentence(chunk.text)), _FIRST)
            hits += any(found == id_ for found, _ in near)
    found = hits / len(chosen) if vectors is not None else 1.0
    unknown = 0.0
    if isinstance(embeddings, TellsUnknown):
        unknown = sum(embeddings.unknown(chunk.text) for _, chunk in chosen) / len(chosen)
    return Health(script, len(chosen), found, unknown)


def _sentence(text: str) -> str:
    """A sentence from the middle of a text, or half of its only one."""
    spans = [text[start:end].strip() for start, end in sentences(text)]
    whole = [span for span in spans if len(span) > 8] or [text]
    if len(whole) == 1:
        return whole[0][: max(8, len(whole[0]) // 2)]
    return whole[len(whole) // 2]
