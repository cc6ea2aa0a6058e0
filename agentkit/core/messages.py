"""What is said in a conversation: frozen values with one JSON form."""

from typing import Any

from msgspec import Struct


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


class ToolMessage(Struct, frozen=True, tag="tool", omit_defaults=True):
    """What a call came to, as the model is told."""

    call_id: str
    name: str
    text: str
    failed: bool = False


Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage
