"""Messages, both ways: what ours hold comes back as it was; what ours cannot hold is refused by name."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from langchain_core import messages as theirs

from agentkit.core.errors import UsageError
from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)

_REASONING = "reasoning_content"
"""Where several of their providers keep what a model thought."""
_PLANNED = "agentkit_planned"


def messages_to_langchain(messages: Sequence[Message]) -> list[theirs.BaseMessage]:
    """The conversation as LangChain's messages."""
    return [_to(one) for one in messages]


def _to(message: Message) -> theirs.BaseMessage:
    match message:
        case SystemMessage(text):
            return theirs.SystemMessage(text)
        case UserMessage(text):
            return theirs.HumanMessage(text)
        case AssistantMessage():
            return answer_to_langchain(message)
        case ToolMessage():
            return theirs.ToolMessage(
                message.text,
                tool_call_id=message.call_id,
                name=message.name,
                status="error" if message.failed else "success",
            )


def answer_to_langchain(message: AssistantMessage, **more: Any) -> theirs.AIMessage:
    """What a model said as LangChain's message; `more` are further fields of it."""
    kept = {_REASONING: message.reasoning, _PLANNED: message.planned}
    return theirs.AIMessage(
        content=message.text,
        tool_calls=[
            theirs.ToolCall(name=call.name, args=call.arguments, id=call.id, type="tool_call")
            for call in message.calls
        ],
        invalid_tool_calls=[
            theirs.InvalidToolCall(
                name=call.name, args=call.text, id=call.id, error=call.error, type="invalid_tool_call"
            )
            for call in message.malformed
        ],
        additional_kwargs={name: value for name, value in kept.items() if value},
        **more,
    )


def messages_from_langchain(messages: Sequence[theirs.BaseMessage]) -> tuple[Message, ...]:
    """LangChain's messages as a conversation.

    Raises:
        UsageError: a message holds what ours cannot, as a picture, or is of a kind that ours have not.
    """
    return tuple(_from(one) for one in messages)


def _from(message: theirs.BaseMessage) -> Message:
    match message:
        case theirs.AIMessage():
            return answer_from_langchain(message)
        case theirs.ToolMessage():
            failed = message.status == "error"
            return ToolMessage(message.tool_call_id, message.name or "", text_of(message), failed)
        case theirs.SystemMessage():
            return SystemMessage(text_of(message))
        case theirs.HumanMessage():
            return UserMessage(text_of(message))
        case _:
            raise UsageError(
                f"a {type(message).__name__} cannot be taken over; "
                "SystemMessage, HumanMessage, AIMessage and ToolMessage can"
            )


def answer_from_langchain(message: theirs.AIMessage) -> AssistantMessage:
    """What a model said."""
    calls = [
        ToolCall(call["id"] or f"call_{place}", call["name"], call["args"])
        for place, call in enumerate(message.tool_calls, 1)
    ]
    malformed = [
        MalformedCall(
            call["id"] or f"call_{place}",
            call["name"] or "",
            call["args"] or "",
            call["error"] or "its arguments are no JSON",
        )
        for place, call in enumerate(message.invalid_tool_calls, len(calls) + 1)
    ]
    kept = cast("dict[str, Any]", message.additional_kwargs)
    reasoning = kept.get(_REASONING) or "".join(_reasoning(message))
    return AssistantMessage(
        text_of(message), tuple(calls), tuple(malformed), str(reasoning), planned=bool(kept.get(_PLANNED))
    )


_SAID_ELSEWHERE = frozenset(
    {
        "tool_use",
        "tool_call",
        "tool_call_chunk",
        "invalid_tool_call",
        "function_call",
        "input_json_delta",
        "reasoning",
        "reasoning_content",
        "thinking",
        "redacted_thinking",
    }
)
"""Blocks whose content a message also holds in another field, or that are a provider's own notes."""


def text_of(message: theirs.BaseMessage) -> str:
    """The text of a message whose content may be blocks.

    Raises:
        UsageError: a block is no text.
    """
    content = cast("str | list[str | dict[str, Any]]", message.content)
    if isinstance(content, str):
        return content
    parts: list[str] = []
    for block in content:
        if isinstance(block, str):
            parts.append(block)
        elif "text" in block and block.get("type") in ("text", "text-plain", None):
            parts.append(str(block["text"]))
        elif block.get("type") == "json":
            parts.append(json.dumps(block.get("json"), ensure_ascii=False))
        elif block.get("type") not in _SAID_ELSEWHERE:
            raise UsageError(
                f"a {type(message).__name__} holds a block of type {block.get('type')!r}; "
                "only text can be sent"
            )
    return "".join(parts)


def _reasoning(message: theirs.AIMessage) -> Iterator[str]:
    for block in cast("list[Any]", message.content if isinstance(message.content, list) else []):
        if isinstance(block, dict):
            given = cast("dict[str, Any]", block)
            yield str(given.get("reasoning") or given.get("thinking") or "")
