"""Whom and what a person speaks of, and what is known of each."""

from collections import Counter, defaultdict

from msgspec import Struct

from agentkit.memory.conversation import Kept, kept_of
from agentkit.memory.fact import Fact
from agentkit.memory.facts import Facts
from agentkit.memory.handle import Handle
from agentkit.memory.normal import normal


class Known(Struct, frozen=True):
    """What is known of whoever goes by a name."""

    name: str
    kind: str
    """As most often found: person, organisation, place, work, or name where nothing tells."""
    facts: tuple[Fact, ...]
    said: tuple[Kept, ...]
    """The newest messages that name it, in order."""
    mentions: int
    """How many messages name it."""


def known(handle: Handle, name: str, limit: int = 3) -> Known:
    """What is known of whoever goes by that name, or by a longer one that has all its words.

    Args:
        handle: Whose memory.
        name: As it is written anywhere.
        limit: The most messages.
    """
    wanted = set(_words(normal(name)))
    rows = [row for row in _mentions(handle) if wanted <= {*_words(row[0]), row[0]}]
    kinds = Counter(kind for _, _, _, kind in rows)
    messages = sorted({message for _, message, _, _ in rows})
    facts = tuple(one for one in Facts(handle).now() if wanted <= set(_words(normal(one.subject))))
    said = tuple(kept_of(handle, messages[-limit:]) if limit else ())
    return Known(name, kinds.most_common(1)[0][0] if kinds else "name", facts, said, len(messages))


def ids_of(handle: Handle, name: str) -> tuple[list[int], list[int]]:
    """The messages that name somebody or something, and the facts about them, also those that ended."""
    wanted = set(_words(normal(name)))
    messages = {row[1] for row in _mentions(handle) if wanted <= {*_words(row[0]), row[0]}}
    facts = [one.id for one in Facts(handle).every() if wanted <= set(_words(normal(one.subject)))]
    return sorted(messages), facts


def names(handle: Handle) -> tuple[tuple[str, str, int], ...]:
    """Every name that was said, what it names, and in how many messages; the commonest first."""
    written: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for entity, _, name, kind in _mentions(handle):
        written[entity][name, kind] += 1
    found = [(*counted.most_common(1)[0][0], counted.total()) for counted in written.values()]
    return tuple(sorted(found, key=lambda one: (-one[2], one[0])))


def _mentions(handle: Handle) -> list[tuple[str, int, str, str]]:
    return handle.all("SELECT entity, message, name, kind FROM mentions WHERE scope = ?")


def _words(key: str) -> list[str]:
    return key.split()
