"""How sound a memory is, told without asking a model."""

from collections import defaultdict

from msgspec import Struct

from agentkit.journal.redact import Redactor
from agentkit.memory.conversation import MESSAGES, Kept, as_kept
from agentkit.memory.fact import Fact
from agentkit.memory.facts import Facts
from agentkit.memory.handle import Handle
from agentkit.memory.normal import flattened, normal, normal_subject


class Hygiene(Struct, frozen=True):
    """What a person would want to look at, or to forget."""

    messages: int
    facts: int
    """Those that hold."""
    said_again: int
    """Messages whose words were said before."""
    doubted: tuple[tuple[Fact, ...], ...] = ()
    """Facts that hold at once and say different things of the same."""
    alike: tuple[tuple[Fact, ...], ...] = ()
    """Facts of one subject with the same value under different attributes."""
    never_recalled: int = 0
    """Facts that hold and were of no use yet."""
    groundless: tuple[Fact, ...] = ()
    """Facts that hold and rest on no message that is there."""
    secrets: tuple[int, ...] = ()
    """Ids of messages in which something has the shape of a secret."""


def hygiene(handle: Handle) -> Hygiene:
    """Looks through all that is remembered of the person."""
    every = _every(handle)
    there = {one.id for one in every}
    holds = [one for one in Facts(handle).every() if one.valid_to is None]
    texts = [flattened(one.message.text) for one in every if one.message.text.strip() and not one.recalled]
    shapes = Redactor()
    return Hygiene(
        messages=len(every),
        facts=len(holds),
        said_again=len(texts) - len(set(texts)),
        doubted=_groups(holds, by_value=False),
        alike=_groups(holds, by_value=True),
        never_recalled=sum(not one.recalls for one in holds),
        groundless=tuple(one for one in holds if one.message not in there),
        secrets=tuple(one.id for one in every if shapes.text(one.message.text) != one.message.text),
    )


def _every(handle: Handle) -> list[Kept]:
    return list(map(as_kept, handle.all(f"{MESSAGES} ORDER BY m.id")))


def _groups(facts: list[Fact], *, by_value: bool) -> tuple[tuple[Fact, ...], ...]:
    groups: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for one in facts:
        groups[normal_subject(one.subject), normal(one.value if by_value else one.attribute)].append(one)
    different = [
        tuple(group)
        for group in groups.values()
        if len({normal(one.attribute if by_value else one.value) for one in group}) > 1
    ]
    return tuple(different)
