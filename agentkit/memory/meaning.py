"""How near in meaning what was said is to a question, by a model of vectors."""

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import mul

from msgspec import Struct

from agentkit.core.documents import MOST_UNKNOWN, Embeddings, TellsUnknown
from agentkit.documents.scripts import script_of
from agentkit.memory.conversation import kept_of
from agentkit.memory.fact import Fact
from agentkit.memory.handle import Handle
from agentkit.memory.ranking import Said

MOST_AT_ONCE = 64
"""Texts that are embedded in one request."""
MOST_NEW = 1_000
"""Messages that are embedded for one question, the newest first; words find the rest until the next one."""
LOOKED_AT = 100
"""Messages, evenly over all, that tell whether the model knows a script."""
NEAR = 0.2
"""The least product at which a text bears on a question: with MiniLM, one in a hundred that has nothing to do
with it has as much, and nearly all that answer it."""
_BLIND = b""
"""In the place of the vector of a text that the model cannot read."""


class Near(Struct, frozen=True):
    """How near in meaning to a question things are; what is farther than `NEAR` is left out."""

    alone: Mapping[int, float] = {}
    """Messages, by place."""
    together: Mapping[int, float] = {}
    """Messages with their neighbours, by place."""
    facts: Mapping[int, float] = {}
    """Facts, by id."""


async def by_meaning(
    handle: Handle, embeddings: Embeddings, question: str, said: Said, facts: Sequence[Fact] = ()
) -> Near:
    """What is near in meaning to a question.

    Nothing is near to a question in a script that the model does not know, nor is a text that it cannot
    read.

    Raises:
        Exception: whatever the model raises.
    """
    # before anything else is asked of a model: one may be loaded only now
    asked = await embeddings.embed_query(_within(embeddings, question))
    if _is_blind_for(handle, embeddings, question, said):
        return Near()
    vectors = await _vectors_of_messages(handle, embeddings, said.ids)
    alone = _near(asked, {place: vectors[one] for place, one in enumerate(said.ids) if one in vectors})
    together: dict[int, float] = defaultdict(float)
    for place, product in alone.items():
        for one in said.around(place):
            together[one] += product / len(said.around(one))
    return Near(alone, together, _near(asked, await _vectors_of_facts(handle, embeddings, facts)))


def _near(asked: Sequence[float], vectors: Mapping[int, Sequence[float]]) -> dict[int, float]:
    products = {one: sum(map(mul, asked, vector)) for one, vector in vectors.items()}
    return {one: product for one, product in products.items() if product >= NEAR}


async def _vectors_of_messages(
    handle: Handle, embeddings: Embeddings, wanted: Sequence[int]
) -> dict[int, Sequence[float]]:
    rows = handle.all(
        "SELECT v.message, v.vector FROM vectors v JOIN messages m ON m.id = v.message "
        "JOIN conversations c ON c.id = m.conversation WHERE c.scope = ? AND v.model = ?",
        (embeddings.name,),
    )
    new = sorted(set(wanted) - {one for one, _ in rows}, reverse=True)[:MOST_NEW]
    missing = [(one.id, one.message.text) for one in kept_of(handle, new)]
    return await _completed(handle, embeddings, rows, missing, _KEEP_MESSAGE)


async def _vectors_of_facts(
    handle: Handle, embeddings: Embeddings, facts: Sequence[Fact]
) -> dict[int, Sequence[float]]:
    rows = handle.all(
        "SELECT v.fact, v.vector FROM fact_vectors v JOIN facts f ON f.id = v.fact "
        "WHERE f.scope = ? AND v.model = ?",
        (embeddings.name,),
    )
    known = {one for one, _ in rows}
    missing = [(one.id, one.text) for one in facts if one.id not in known]
    every = await _completed(handle, embeddings, rows, missing, _KEEP_FACT)
    return {one.id: every[one.id] for one in facts if one.id in every}


# of what was forgotten meanwhile nothing is kept
_KEEP_MESSAGE = (
    "INSERT OR IGNORE INTO vectors (message, model, vector) SELECT id, ?, ? FROM messages WHERE id = ?"
)
_KEEP_FACT = (
    "INSERT OR IGNORE INTO fact_vectors (fact, model, vector) SELECT id, ?, ? FROM facts WHERE id = ?"
)


async def _completed(
    handle: Handle,
    embeddings: Embeddings,
    rows: Sequence[tuple[int, bytes]],
    missing: Sequence[tuple[int, str]],
    keep: str,
) -> dict[int, Sequence[float]]:
    """The vectors that there are, and those that were missing, which are made and kept."""
    known = dict(rows)
    for start in range(0, len(missing), MOST_AT_ONCE):
        made = await _made(embeddings, missing[start : start + MOST_AT_ONCE])
        known.update(made)
        handle.database.write_all(
            keep, [(embeddings.name, vector, identity) for identity, vector in made.items()]
        )
    return {identity: array("f", vector) for identity, vector in known.items() if vector != _BLIND}


async def _made(embeddings: Embeddings, texts: Sequence[tuple[int, str]]) -> dict[int, bytes]:
    """The vectors of these texts, as they are kept."""
    made = {identity: _BLIND for identity, _ in texts}
    read = [(identity, text) for identity, text in texts if not _is_blind(embeddings, text)]
    if read:
        vectors = await embeddings.embed_documents([_within(embeddings, text) for _, text in read])
        pairs = zip(read, vectors, strict=True)
        made.update({identity: array("f", vector).tobytes() for (identity, _), vector in pairs})
    return made


def _is_blind_for(handle: Handle, embeddings: Embeddings, question: str, said: Said) -> bool:
    """Whether the model knows too little of the question, or of what was said in its script.

    A question may be of the few words of a script that the model happens to have.
    """
    if not isinstance(embeddings, TellsUnknown):
        return False
    script = script_of(question)
    some = kept_of(handle, said.ids[:: max(1, len(said.ids) // LOOKED_AT)])
    shares = [embeddings.unknown(one.message.text) for one in some if script_of(one.message.text) == script]
    mean = sum(shares) / len(shares) if shares else 0.0
    return max(mean, embeddings.unknown(question)) > MOST_UNKNOWN


def _is_blind(embeddings: Embeddings, text: str) -> bool:
    return isinstance(embeddings, TellsUnknown) and embeddings.unknown(text) > MOST_UNKNOWN


def _within(embeddings: Embeddings, text: str) -> str:
    """As much of the text's beginning as the embedder reads: its words find the rest."""
    while embeddings.count(text) > embeddings.window:
        text = text[: max(1, len(text) * embeddings.window // (embeddings.count(text) + 1))]
    return text
