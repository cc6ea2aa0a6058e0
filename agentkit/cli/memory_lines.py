"""What is remembered, as lines for a person: facts, messages, receipts, and how sound it all is."""

from collections.abc import Iterator

from agentkit.cli.whose_memory import called
from agentkit.cli.words import clipped, counted, moment, on_one_line, printable
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, UserMessage
from agentkit.memory.conversation import Kept
from agentkit.memory.fact import Fact, Origin
from agentkit.memory.forgetting import Receipt
from agentkit.memory.hygiene import Hygiene
from agentkit.memory.scope import Scope

BY_HAND = "by hand"
"""The conversation that holds what a person told the memory directly."""
_MINUTE = "%Y-%m-%d %H:%M"


def listed(scope: Scope) -> Iterator[str]:
    """The facts that hold, and the conversations, a line each."""
    facts, talks = scope.facts.now(), scope.conversations()
    yield f"{called(scope.handle.tenant, scope.handle.person)}: {counted(len(facts), 'fact')}, " + counted(
        len(talks), "conversation"
    )
    yield from map(fact_line, facts)
    for talk in talks:
        said = counted(talk.messages, "message")
        yield f"        {moment(talk.last, _MINUTE)}  {on_one_line(talk.name)}  {said}"


async def searched(scope: Scope, question: str, limit: int = 5) -> list[str]:
    """What bears on a question, a line each; what was said stands between its neighbours."""
    try:
        recalled = await scope.recall(question, limit=limit)
    finally:
        await scope.aclose()
    lines = [f"searched by words alone: {clipped(recalled.fault, 200)}"] if recalled.fault else []
    lines += map(fact_line, recalled.facts)
    for found in recalled.found:
        lines.append(f"{moment(found.kept.at, _MINUTE)}  {on_one_line(found.kept.conversation)}")
        lines += [f"{one.id:>6}  {_spoken(one)}" for one in found.around]
    if not (recalled.facts or recalled.found):
        lines.append("nothing that is remembered bears on that")
    return lines


def fact_line(fact: Fact) -> str:
    """A fact on one line, with its number, who says so, and since when."""
    origin = "you said so" if fact.origin is Origin.PERSON else str(fact.origin)
    source = f", after {clipped(fact.untrusted, 40)}" if fact.untrusted else ""
    since = moment(fact.valid_from, "%Y-%m-%d")
    return f"{fact.id:>6}  {clipped(fact.text, 100)}  ({origin}{source}, since {since})"


def receipt_lines(receipt: Receipt) -> Iterator[str]:
    """What was forgotten, and where else it may still be recorded."""
    if receipt.nothing:
        yield "there was nothing to forget"
        return
    parts = (counted(receipt.messages, "message"), counted(receipt.facts, "fact"))
    yield f"forgot {' and '.join(parts)}, and " + (
        "its bytes go when the file is next opened: another process is reading it now"
        if not receipt.erased
        else "no byte of it is left in the file"
        if not (receipt.said_in or receipt.known_in)
        else "its own bytes are gone from the file"
    )
    if receipt.said_in:
        numbers = clipped(", ".join(map(str, receipt.said_in)), 100)
        said = counted(len(receipt.said_in), "message")
        yield f"the same is still said in {said}: {numbers}; forget these too if nothing of it should stay"
    if receipt.known_in:
        numbers = clipped(", ".join(map(str, receipt.known_in)), 100)
        known = counted(len(receipt.known_in), "fact")
        it = "it" if len(receipt.known_in) == 1 else "these"
        yield f"the same is still known as {known}: {numbers}; forget {it} too if nothing of it should stay"
    if runs := [name for name in receipt.conversations if name != BY_HAND]:
        named = clipped(", ".join(runs), 200)
        yield f"the journal of runs is not touched, and may hold {named}; see agentkit runs rm"


def checked_lines(found: Hygiene) -> Iterator[str]:
    """How sound a memory is."""
    yield f"{counted(found.messages, 'message')}, {found.said_again:,} of them said before"
    yield f"{counted(found.facts, 'fact')}, {found.never_recalled:,} never recalled"
    groups = [("doubted", found.doubted), ("the same twice?", found.alike)]
    for what, facts in groups:
        for group in facts:
            yield f"{what}: " + " / ".join(f"{one.id} {clipped(one.text, 60)}" for one in group)
    if found.groundless:
        yield f"without a message that says so: {', '.join(str(one.id) for one in found.groundless)}"
    if found.secrets:
        yield f"messages with what looks like a secret: {', '.join(map(str, found.secrets))}"


def message_line(one: Kept) -> str:
    """A message on one line, with its number, when it was said and by whom."""
    return f"{one.id:>6}  {moment(one.at, _MINUTE)}  {_spoken(one)}"


def _spoken(one: Kept) -> str:
    calls = [call.name for call in one.message.calls] if isinstance(one.message, AssistantMessage) else []
    text = clipped(printable(one.message.text), 160)
    return f"{_speaker(one.message)}: {' '.join(filter(None, (text, *(f'[{call}]' for call in calls))))}"


def _speaker(message: Message) -> str:
    match message:
        case UserMessage():
            return "you"
        case AssistantMessage():
            return "agent"
        case SystemMessage():
            return "rules"
        case _:
            return f"{message.name}"
