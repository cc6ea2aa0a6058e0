"""How near in meaning what was said is to a question, by a model of vectors."""

from array import array
from collections.abc import Sequence
from operator import mul

from agentkit.core.documents import MOST_UNKNOWN, Embeddings, TellsUnknown
from agentkit.documents.scripts import script_of
from agentkit.memory.conversation import kept_of
from agentkit.memory.handle import Handle
from agentkit.memory.ranking import Said

MOST_AT_ONCE = 64
"""Texts that are embedded in one request."""
MOST_NEW = 1_000
"""Messages that are embedded for one question, the newest first; words find the rest until the next one."""
LOOKED_AT = 100
"""Messages, evenly over all, that tell whether the model knows a script."""
_BLIND = b""
"""In the place of the vector of a text that the model cannot read."""


async def by_meaning(
    handle: Handle, embeddings: Embeddings, question: str, said: Said
) -> tuple[dict[int, float], dict[int, float]]:
    """By place, how near in meaning each message is, alone and together with its neighbours.

    Nothing is near to a question in a script that the model does not know, nor is a message that it cannot
    read.

    Raises:
        Exception: whatever the model raises.
    """
    # before anything else is asked of a model: one may be loaded only now
    asked = await embeddings.embed_query(_within(embeddings, question))
    if _is_blind_for(handle, embeddings, question, said):
        return {}, {}
    vectors = await _vectors(handle, embeddings, said.ids)
    alone = {
        place: max(0.0, sum(map(mul, asked, vectors[identity])))
        for place, identity in enumerate(said.ids)
        if identity in vectors
    }
    near = {place: said.around(place) for place in alone}
    together = {
        place: sum(alone.get(one, 0.0) for one in around) / len(around) for place, around in near.items()
    }
    return alone, together


async def _vectors(
    handle: Handle, embeddings: Embeddings, wanted: Sequence[int]
) -> dict[int, Sequence[float]]:
    """The vectors of the messages; those that are not there yet are made and kept."""
    rows = handle.all(
        "SELECT v.message, v.vector FROM vectors v JOIN messages m ON m.id = v.message "
        "JOIN conversations c ON c.id = m.conversation WHERE c.scope = ? AND v.model = ?",
        (embeddings.name,),
    )
    known: dict[int, bytes] = dict(rows)
    new = sorted(set(wanted) - known.keys(), reverse=True)[:MOST_NEW]
    missing = [(one.id, one.message.text) for one in kept_of(handle, new)]
    for start in range(0, len(missing), MOST_AT_ONCE):
        made = await _made(embeddings, missing[start : start + MOST_AT_ONCE])
        known.update(made)
        handle.database.write_all(
            # of a message that was forgotten meanwhile nothing is kept
            "INSERT OR IGNORE INTO vectors (message, model, vector) "
            "SELECT id, ?, ? FROM messages WHERE id = ?",
            [(embeddings.name, vector, identity) for identity, vector in made.items()],
        )
    return {identity: array("f", vector) for identity, vector in known.items() if vector != _BLIND}


async def _made(embeddings: Embeddings, texts: Sequence[tuple[int, str]]) -> dict[int, bytes]:
    """The vectors of these messages, as they are kept."""
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
