"""How much each message bears on the words of a question, alone and together with its two neighbours."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from agentkit.documents.analyse import terms
from agentkit.memory.conversation import LISTED
from agentkit.memory.handle import Handle

K1 = 1.2
B = 0.75
"""Of BM25: how soon a word's repetition stops to count, and how much length does."""


class Said:
    """The messages that can be found, those of a conversation in a row."""

    def __init__(self, rows: Sequence[tuple[int, int, float, int]]) -> None:
        """Take rows of conversation, id, time and number of words."""
        self.talks = [row[0] for row in rows]
        self.ids = [row[1] for row in rows]
        self.at = [row[2] for row in rows]
        self.words = [row[3] for row in rows]
        self.places = {identity: place for place, identity in enumerate(self.ids)}

    def around(self, place: int) -> range:
        """The places of a message and its neighbours."""
        first = place - (place > 0 and self.talks[place - 1] == self.talks[place])
        last = place + (place + 1 < len(self.talks) and self.talks[place + 1] == self.talks[place])
        return range(first, last + 1)

    def mean(self) -> float:
        """How many words a message has, by the mean."""
        return sum(self.words) / max(1, len(self.words))

    def mean_around(self) -> float:
        """How many words a message has together with its neighbours, by the mean."""
        ends = [place for place, talk in enumerate(self.talks) if place == 0 or self.talks[place - 1] != talk]
        ends += [
            place
            for place, talk in enumerate(self.talks)
            if place + 1 == len(self.talks) or self.talks[place + 1] != talk
        ]
        # each is counted with itself and two neighbours, save for those at the ends
        total = 3 * sum(self.words) - sum(self.words[place] for place in ends)
        return total / max(1, len(self.words))


def said_in(handle: Handle, without: Sequence[str], *, trusted: bool) -> Said:
    """The messages of the person, save for these conversations, and with `trusted` what may be suspect."""
    rows = handle.all(
        "SELECT m.conversation, m.id, m.at, m.words FROM messages m "
        "JOIN conversations c ON c.id = m.conversation "
        "WHERE c.scope = ? AND m.words > 0 AND (m.untrusted = '' OR NOT ?) "
        "AND c.name NOT IN (SELECT value FROM json_each(?)) ORDER BY m.conversation, m.id",
        (trusted, msgspec.json.encode(list(without)).decode()),
    )
    return Said(rows)


class Matches(Struct, frozen=True):
    """Where the words of a question stand: by word and place, how often."""

    asked: frozenset[str]
    alone: Mapping[str, Mapping[int, int]]
    together: Mapping[str, Mapping[int, int]]
    """In a message or one of its neighbours."""

    def share(self, place: int) -> float:
        """Which part of the question's words a message has together with its neighbours."""
        return sum(place in found for found in self.together.values()) / max(1, len(self.asked))

    def tells(self, place: int) -> bool:
        """Whether the words of the question that stand there, or beside it, say that it bears on it."""
        return telling((term for term, found in self.together.items() if place in found), self.asked)


def telling(shared: Iterable[str], asked: Collection[str]) -> bool:
    """Whether a text with these of a question's words bears on it: lone Chinese characters do not say so.

    They do where they are at least half of what is asked.

    >>> telling(["猫"], ["猫"]), telling(["的", "是"], ["的", "是", "首", "首都", "都"])
    (True, False)
    """
    found = set(shared)
    return any(len(one) > 1 or one.isascii() for one in found) or 2 * len(found) >= max(1, len(asked))


def matches(handle: Handle, question: str, said: Said) -> Matches:
    """Where the words of a question stand in what was said."""
    asked = frozenset(terms(question))
    alone: dict[str, dict[int, int]] = defaultdict(dict)
    together: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for term, message, count in handle.all(_COUNTS, (msgspec.json.encode(sorted(asked)).decode(),)):
        place = said.places.get(message)
        if place is None:
            continue
        alone[term][place] = count
        for one in said.around(place):
            together[term][one] += count
    return Matches(asked, alone, together)


def by_words(found: Matches, said: Said) -> dict[int, float]:
    """By place, how much each message bears on the question; those that do not are left out."""
    words = {place: said.words[place] for counts in found.alone.values() for place in counts}
    wider = {
        place: sum(said.words[one] for one in said.around(place))
        for counts in found.together.values()
        for place in counts
    }
    total = len(said.ids)
    return added(
        _bm25(found.alone, words, said.mean(), total),
        _bm25(found.together, wider, said.mean_around(), total),
    )


_COUNTS = f"SELECT term, message, count FROM terms WHERE scope = ? AND term IN ({LISTED})"  # noqa: S608


def _bm25(
    counts: Mapping[str, Mapping[int, int]], lengths: Mapping[int, int], mean: float, total: int
) -> dict[int, float]:
    scores: dict[int, float] = defaultdict(float)
    for found in counts.values():
        rarity = math.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
        for one, count in found.items():
            scores[one] += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * lengths[one] / mean))
    return scores


def added(*legs: Mapping[int, float]) -> dict[int, float]:
    """The legs on one scale each, from the least to the most, and added."""
    total: dict[int, float] = defaultdict(float)
    for leg in legs:
        if not leg:
            continue
        most, least = max(leg.values()), min(min(leg.values()), 0.0)
        for one, score in leg.items():
            total[one] += (score - least) / ((most - least) or 1.0)
    return total
