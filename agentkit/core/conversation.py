"""A conversation in units: what may leave a view of it at once, so that a call keeps its results."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from agentkit.core.messages import AssistantMessage, Message, ToolMessage


class Unit(Struct, frozen=True):
    """An answer with the results of its calls, or a word to the model."""

    first: int
    """Place of the first message, counted from the first of the conversation."""
    messages: tuple[Message, ...]

    @property
    def end(self) -> int:
        """The place after the last of its messages."""
        return self.first + len(self.messages)

    @property
    def whole(self) -> bool:
        """Whether every call in it has its result."""
        head = self.messages[0]
        calls = len(head.calls) + len(head.malformed) if isinstance(head, AssistantMessage) else 0
        return len(self.messages) > calls


def units(messages: Sequence[Message]) -> list[Unit]:
    """The conversation in units, in order; results before any answer are in none."""
    starts = [place for place, message in enumerate(messages) if not isinstance(message, ToolMessage)]
    return [Unit(first, tuple(messages[first:end])) for first, end in pairwise([*starts, len(messages)])]
