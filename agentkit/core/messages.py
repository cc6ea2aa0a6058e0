"""What is said in a conversation: frozen values with one JSON form."""

import reprlib
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from msgspec import Struct

from agentkit.core.errors import UsageError


class ToolCall(Struct, frozen=True):
    """The model asks for a tool to be run."""

    id: str
    name: str
    arguments: dict[str, Any]


class MalformedCall(Struct, frozen=True):
    """A call whose arguments could not be read: told to the model, never run."""

    id: str
    name: str
    text: str
    error: str


class SystemMessage(Struct, frozen=True, tag="system"):
    """The standing instructions."""

    text: str


class UserMessage(Struct, frozen=True, tag="user"):
    """What the person, or the harness on their behalf, says."""

    text: str


class AssistantMessage(Struct, frozen=True, tag="assistant", omit_defaults=True):
    """What the model says: text, calls, or both."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    malformed: tuple[MalformedCall, ...] = ()
    reasoning: str = ""
    planned: bool = False
    """Whether nobody was asked for it: its call stood in a plan that the model gave before."""


class ToolMessage(Struct, frozen=True, tag="tool", omit_defaults=True):
    """What a call came to, as the model is told."""

    call_id: str
    name: str
    text: str
    failed: bool = False


Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage

Asked: TypeAlias = str | Sequence[Message]
"""What a model is asked: a conversation, or text that a person says."""


def messages_of(asked: Asked) -> tuple[Message, ...]:
    """The conversation that a model is asked with.

    Raises:
        UsageError: it is neither text nor messages.
    """
    if isinstance(asked, str):
        return (UserMessage(asked),)
    if _are_messages(asked):
        return tuple(asked)
    raise UsageError(
        f"a model is asked with text or with messages; found {reprlib.repr(asked)}: put a prompt before it"
    )


def _are_messages(given: object) -> bool:
    """Whether they are: a chain passes on what it was given, which no type checker may have seen."""
    many = isinstance(given, Sequence)
    return many and all(isinstance(one, Message) for one in cast("Sequence[object]", given))
