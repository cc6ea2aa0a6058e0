"""Where else something is said: what is forgotten with a message or a fact, and what is told to stay."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from agentkit.memory.conversation import MESSAGES, Kept, as_kept
from agentkit.memory.fact import Fact
from agentkit.memory.handle import Handle
from agentkit.memory.normal import flattened
from agentkit.memory.words import fact_begins, said_in_words

_CUT = 40
"""Characters from which on a line that breaks off is known again."""


def every(handle: Handle) -> list[Kept]:
    """All that was said to the person, by them or out of memory."""
    return list(map(as_kept, handle.all(f"{MESSAGES} ORDER BY m.id")))


def telling(kept: Sequence[Kept], messages: Sequence[Kept], facts: Sequence[Fact]) -> list[int]:
    """Of what came out of memory, that which tells one of these messages or facts: it is a copy of them."""
    lines = {said_in_words(one.message) for one in messages if one.message.text.strip()}
    begins = tuple(fact_begins(one) for one in facts)

    def tells(text: str) -> bool:
        told = text.split("\n")
        if any(line in lines or (begins and line.startswith(begins)) for line in told):
            return True
        # the last line of an answer that was too long breaks off
        ends = {line for line in told[-2:] if len(line) >= _CUT}
        return any(whole.startswith(line) for line in ends for whole in (*lines, *begins))

    return [one.id for one in kept if one.recalled and tells(one.message.text)]


def saying(kept: Sequence[Kept], words: Iterable[str], *, exact: bool = False) -> list[int]:
    """Messages, with the calls in them, that say one of these words or names by itself.

    Args:
        kept: Where they are looked for.
        words: Each of one line.
        exact: Whether small and capital letters differ.
    """
    looks = [looking_for(one, exact=exact) for one in words if one.strip()]
    if not looks:
        return []
    return [one.id for one in kept if any(look.search(_written(one)) for look in looks)]


def repeating(facts: Sequence[Fact], words: Iterable[str]) -> list[int]:
    """Facts, with the quotes that they rest on, that say one of these words or names by itself."""
    looks = [looking_for(one, exact=False) for one in words if one.strip()]
    return [
        one.id for one in facts if any(look.search(flattened(f"{one.text} {one.quote}")) for look in looks)
    ]


def _written(one: Kept) -> str:
    return flattened(msgspec.json.encode(one.message).decode().replace("\\n", " "))


def looking_for(words: str, *, exact: bool) -> re.Pattern[str]:
    """Finds the words where no letter or digit of the Latin alphabet goes on; Chinese has no such bounds."""
    escaped = re.escape(msgspec.json.encode(flattened(words)).decode()[1:-1])
    before = r"(?<![A-Za-z0-9])" if words.strip()[0].isascii() else ""
    after = r"(?![A-Za-z0-9])" if words.strip()[-1].isascii() else ""
    return re.compile(f"{before}{escaped}{after}", 0 if exact else re.IGNORECASE)
