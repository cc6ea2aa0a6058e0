"""What of a conversation is shown: a pure view within a budget, under whichever name of memory.

Buffer, window, token buffer, summary and summary buffer are shapes of the one function here. It shows
messages or leaves them out, and never alters what was said.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.conversation import Unit, units
from agentkit.core.errors import UsageError
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.core.protocols import ChatModel, ModelRequest
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import estimated_tokens

Size: TypeAlias = Callable[[tuple[Message, ...]], int]
"""The tokens of a request with these messages."""

RETOLD = "[What was said before, in short]"
"""Stands above a summary."""
NO_RESULT = "[no result of this call is recorded]"
"""Answers a call whose result was never recorded: models refuse a call without one."""


class Shape(Struct, frozen=True):
    """How much of a conversation is shown; without anything said, all of it."""

    tokens: int | None = None
    """The most that a request may have, with all that `size` counts in it."""
    turns: int | None = None
    """The newest exchanges that are shown, each from a word of the person to the next; 0 shows none."""
    summarise: bool = False
    """Whether what is not shown is to be told in a summary."""
    goal: bool = True
    """Whether the person's first words are shown whatever leaves."""

    def halved(self) -> "Shape":
        """The shape that a summary makes room for, so that it lasts for a while."""
        return self if self.tokens is None else replace(self, tokens=self.tokens // 2)


class Summary(Struct, frozen=True):
    """Words that stand for the beginning of a conversation."""

    text: str
    end: int
    """The place after the last message that it covers; it covers all before, from the first."""


class View(Struct, frozen=True):
    """What is shown of a conversation."""

    messages: tuple[Message, ...]
    left: tuple[int, ...] = ()
    """Places of the messages that are neither shown nor told by the summary."""
    since: int = 0
    """The place of the first message after all that left: where a newer summary would end."""
    fault: str = ""
    """Why there is no newer summary, where one was to be made."""


def size_of(model: ChatModel, tools: Sequence[ToolSpec] = ()) -> Size:
    """Counts as the model estimates, with these tools offered."""
    offered = tuple(tools)
    return lambda messages: model.estimate(ModelRequest(messages, offered))


def estimated(messages: tuple[Message, ...]) -> int:
    """An upper estimate of the tokens of these messages alone, whoever reads them."""
    return sum(estimated_tokens(msgspec.json.encode(one).decode()) for one in messages)


def view(
    messages: Sequence[Message], shape: Shape, size: Size = estimated, summary: Summary | None = None
) -> View:
    """What is shown of the conversation.

    Instructions, the person's first words (`shape.goal`) and the words that are still to be answered
    always are. A call and its results are shown together or not at all, in the order in which they were
    said; a call without a recorded result gets `NO_RESULT`, and a result without a call is not shown.

    Args:
        messages: All that was said.
        shape: How much of it is wanted.
        size: Counts tokens, where the shape limits them.
        summary: Tells the beginning.

    Raises:
        UsageError: what is always shown is longer than the limit.
    """
    found = units(messages)
    always = _always(found, shape)
    told = summary.end if summary is not None else 0
    since = _start_of_turns(messages, shape.turns)
    pinned = [one for one in found if one.first in always]
    free = [one for one in found if one.first not in always and one.first >= told]
    fitting = [one for one in free if one.first >= since]

    def shown(count: int) -> list[Unit]:
        newest = sorted([*pinned, *fitting[len(fitting) - count :]], key=lambda one: one.first)
        return newest if count == len(free) or summary is not None else _from_the_person(newest, always)

    def made(count: int) -> tuple[Message, ...]:
        return _joined(shown(count), summary)

    count = len(fitting)
    if shape.tokens is not None:
        most = shape.tokens
        if (least := size(made(0))) > most:
            raise UsageError(
                f"what is always shown has {least} tokens, more than the {most} that are allowed; "
                "allow more, or say the instructions in fewer words"
            )
        if size(made(count)) > most:
            counts = range(1, count + 1)
            count = bisect_right(counts, most, key=lambda one: size(made(one)))
    seen = {place for one in shown(count) for place in _seen(one)}
    left = tuple(place for place in range(told, len(messages)) if place not in seen)
    loose = (one.first for one in shown(count) if one.first not in always)
    return View(made(count), left, min(loose, default=len(messages)))


def _always(found: Sequence[Unit], shape: Shape) -> frozenset[int]:
    """First places of what never leaves."""
    pinned = [one.first for one in found if isinstance(one.messages[0], SystemMessage)]
    spoken = [one.first for one in found if isinstance(one.messages[0], UserMessage)]
    if shape.goal:
        pinned += spoken[:1]
    if found and not _answers(found[-1]):
        pinned += spoken[-1:]
    return frozenset(pinned)


def _answers(unit: Unit) -> bool:
    """Whether it is an answer in words, after which the person is to speak."""
    head = unit.messages[0]
    return isinstance(head, AssistantMessage) and not head.calls and not head.malformed


def _start_of_turns(messages: Sequence[Message], turns: int | None) -> int:
    """The place at which the newest `turns` exchanges begin."""
    if turns is None:
        return 0
    spoken = [place for place, message in enumerate(messages) if isinstance(message, UserMessage)]
    if turns == 0:
        return len(messages)
    return spoken[-turns] if len(spoken) >= turns else 0


def _from_the_person(shown: Sequence[Unit], always: frozenset[int]) -> list[Unit]:
    """Without answers before the first word of the person: where something left, a view begins with that."""
    spoken = (one.first for one in shown if isinstance(one.messages[0], UserMessage))
    begins = next(spoken, None)
    return [one for one in shown if one.first in always or (begins is not None and one.first >= begins)]


def _joined(shown: Sequence[Unit], summary: Summary | None) -> tuple[Message, ...]:
    parts: list[Message] = []
    told = summary
    for one in shown:
        if told is not None and one.first >= told.end:
            parts.append(UserMessage(f"{RETOLD}\n{told.text}"))
            told = None
        parts += _paired(one)
    if told is not None:
        parts.append(UserMessage(f"{RETOLD}\n{told.text}"))
    return tuple(parts)


def _paired(unit: Unit) -> list[Message]:
    """The unit's messages, with one result for each of its calls and none besides."""
    head, *rest = unit.messages
    wanted = (*head.calls, *head.malformed) if isinstance(head, AssistantMessage) else ()
    results: dict[str, Message] = {}
    for message in rest:
        if isinstance(message, ToolMessage):
            results.setdefault(message.call_id, message)
    missing = {call.id: ToolMessage(call.id, call.name, NO_RESULT, failed=True) for call in wanted}
    return [head, *(results.get(call.id, missing[call.id]) for call in wanted)]


def _seen(unit: Unit) -> list[int]:
    """Places of the unit's messages that are shown with it: all, save for a result that answers no call."""
    kept = {id(message) for message in _paired(unit)}
    return [place for place, message in enumerate(unit.messages, unit.first) if id(message) in kept]
