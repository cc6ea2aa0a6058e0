"""What was said that bears on a question: single messages, each with what stood around it.

A message counts for itself and together with its two neighbours, since an answer rarely repeats the words
of its question. Both scores, and those of vectors where there are any, are put on one scale and added.
"""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from agentkit.documents.analyse import terms
from agentkit.memory.conversation import Kept, kept_of
from agentkit.memory.fact import Fact
from agentkit.memory.facts import Facts
from agentkit.memory.handle import Handle
from agentkit.memory.meaning import by_meaning
from agentkit.memory.normal import normal
from agentkit.memory.ranking import Said, added, by_words, matches, said_in, telling


class Found(Struct, frozen=True):
    """A message that bears on the question."""

    kept: Kept
    score: float
    """The more, the better; of one question only."""
    around: tuple[Kept, ...] = ()
    """It and its neighbours, in order."""


class Recall(Struct, frozen=True):
    """What is remembered that bears on a question."""

    facts: tuple[Fact, ...] = ()
    found: tuple[Found, ...] = ()
    fault: str = ""
    """Why words alone were looked for though there is a model of vectors; it failed."""


async def recall(
    handle: Handle,
    question: str,
    *,
    limit: int = 5,
    since: float | None = None,
    until: float | None = None,
    without: Sequence[str] = (),
    trusted: bool = False,
) -> Recall:
    """The facts and messages that bear most on the question, the best first.

    Args:
        handle: Whose.
        question: In any words of English or Chinese.
        limit: The most facts, and the most messages.
        since: Only what was said at this time or later, in seconds since the epoch.
        until: Only what was said before it.
        without: Conversations that are left out.
        trusted: Leave out what may rest on words that anybody may have written.
    """
    known = _known(handle, trusted=trusted)
    fitting = _by_words(known, question)
    said = said_in(handle, without, trusted=trusted)
    found = matches(handle, question, said)
    scores = {place: score for place, score in by_words(found, said).items() if found.tells(place)}
    fault = ""
    if handle.embeddings is not None:
        try:
            near = await by_meaning(handle, handle.embeddings, question, said, known)
        except Exception as error:  # noqa: BLE001 - anybody's model, which may raise anything; it is said
            fault = f"{error}" or type(error).__name__
        else:
            scores = added(scores, near.alone, near.together)
            fitting = added(fitting, near.facts)
    facts = _best(known, fitting, limit)
    _count_recalls(handle, facts)
    scores = {
        place: score
        for place, score in scores.items()
        if score > 0
        and (since is None or said.at[place] >= since)
        and (until is None or said.at[place] < until)
    }
    return Recall(facts, _found(handle, question, scores, said, limit), fault)


def telling_passages(handle: Handle, question: str, limit: int) -> tuple[Found, ...]:
    """What was said, and may be trusted, that has at least half of the question's words.

    That is little enough to be told without being asked for.
    """
    said = said_in(handle, (), trusted=True)
    found = matches(handle, question, said)
    scores = {
        place: score for place, score in by_words(found, said).items() if found.share(place) >= _TELLING
    }
    return _found(handle, question, scores, said, limit)


_TELLING = 0.5


def fitting_facts(handle: Handle, question: str, limit: int, *, trusted: bool = False) -> tuple[Fact, ...]:
    """The facts that hold and share the most telling words with the question; at most one for each key."""
    known = _known(handle, trusted=trusted)
    return _best(known, _by_words(known, question), limit)


def _known(handle: Handle, *, trusted: bool) -> list[Fact]:
    return [one for one in Facts(handle).now() if not (trusted and one.untrusted)]


def _by_words(known: Sequence[Fact], question: str) -> dict[int, float]:
    """By id, how many words a fact has in common with the question, the rare ones counting more."""
    words = [frozenset(terms(one.text)) for one in known]
    asked = set(terms(question))
    common = {term: sum(term in one for one in words) for term in asked}
    return {
        one.id: sum(math.log(1 + len(known) / common[term]) for term in asked & own)
        for own, one in zip(words, known, strict=True)
        if asked & own and telling(asked & own, asked)
    }


def _best(known: Sequence[Fact], scores: Mapping[int, float], limit: int) -> tuple[Fact, ...]:
    fitting = [one for one in known if scores.get(one.id, 0.0) > 0]
    return tuple(sorted(fitting, key=lambda one: (-scores[one.id], -one.id))[:limit])


def _count_recalls(handle: Handle, facts: Sequence[Fact]) -> None:
    if facts:
        handle.database.write_all(
            "UPDATE facts SET recalls = recalls + 1 WHERE id = ? AND scope = ?",
            [(one.id, handle.scope) for one in facts],
        )


def _found(
    handle: Handle, question: str, scores: Mapping[int, float], said: Said, limit: int
) -> tuple[Found, ...]:
    ranked = sorted(scores, key=lambda place: (-scores[place], -said.ids[place]))
    texts: set[str] = set()
    found: list[Found] = []
    shown: set[int] = set()
    for start in range(0, len(ranked), limit):
        part = ranked[start : start + limit]
        near = {place: [said.ids[one] for one in said.around(place)] for place in part}
        kept = {one.id: one for one in kept_of(handle, [one for around in near.values() for one in around])}
        for place in part:
            one = kept.get(said.ids[place])
            if one is None or one.id in shown:
                continue
            shown.update(near[place])
            # the same said again adds nothing, nor does the question itself where nobody answered it
            unanswered = len(near[place]) == 1 and normal(one.message.text) == normal(question)
            if one.message.text in texts or unanswered:
                continue
            texts.add(one.message.text)
            found.append(
                Found(one, scores[place], tuple(kept[other] for other in near[place] if other in kept))
            )
            if len(found) == limit:
                return tuple(found)
    return tuple(found)
