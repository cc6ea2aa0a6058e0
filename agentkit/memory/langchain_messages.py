"""Message histories of LangChain, read and written as the JSON that it keeps; the package is not needed.

Two forms are read: a list of `{"type": …, "data": …}`, which its file, SQL and Redis histories hold and which
is written here, and a list of what its `dumps` makes of messages.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

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

_KINDS = {
    "human": "human", "HumanMessage": "human", "HumanMessageChunk": "human", "user": "human",
    "ai": "ai", "AIMessage": "ai", "AIMessageChunk": "ai", "assistant": "ai",
    "system": "system", "SystemMessage": "system", "SystemMessageChunk": "system", "developer": "system",
    "tool": "tool", "ToolMessage": "tool", "ToolMessageChunk": "tool",
    "function": "tool", "FunctionMessage": "tool", "FunctionMessageChunk": "tool",
    "chat": "chat", "ChatMessage": "chat", "ChatMessageChunk": "chat",
}  # fmt: skip


def history_from_langchain(text: str | bytes) -> tuple[Message, ...]:
    """The messages of a history.

    Pictures and the like become their kind in brackets: what was said about them stays.

    Raises:
        UsageError: it is none, or one of its messages cannot be read; the error says which.
    """
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the history is not JSON ({error}); it must be a list of messages") from error
    if isinstance(found, dict) and "messages" in found:
        found = cast("dict[str, Any]", found)["messages"]
    if not isinstance(found, list):
        kind = type(cast("object", found)).__name__
        raise UsageError(f"the history is a {kind}; it must be a list of messages")
    return tuple(_message(place, one) for place, one in enumerate(cast("list[Any]", found)))


def history_to_langchain(messages: Sequence[Message]) -> str:
    """The messages as a history that LangChain's `messages_from_dict` reads."""
    return msgspec.json.format(msgspec.json.encode([_dict(one) for one in messages]).decode(), indent=2)


def _message(place: int, raw: Any) -> Message:
    if not isinstance(raw, dict):
        raise UsageError(f"message {place} is a {type(raw).__name__}; it must be an object")
    one = cast("dict[str, Any]", raw)
    named = one.get("id")
    if one.get("lc") and isinstance(named, list) and named:
        kind, data = str(cast("list[Any]", named)[-1]), one.get("kwargs")
    else:
        kind, data = str(one.get("type")), one.get("data", one)
    if kind not in _KINDS or not isinstance(data, dict):
        raise UsageError(
            f"message {place} is of the kind {kind!r}; known are {', '.join(dict.fromkeys(_KINDS.values()))}"
        )
    try:
        return _made(_KINDS[kind], cast("dict[str, Any]", data))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"message {place} ({kind}) cannot be read: {error!r}") from error


def _made(kind: str, data: Mapping[str, Any]) -> Message:
    if kind == "chat":
        role = str(data["role"])
        if _KINDS.get(role) not in ("human", "ai", "system"):
            raise ValueError(f"its role is {role!r}")
        kind = _KINDS[role]
    text = "".join(_texts(data.get("content", "")))
    match kind:
        case "human":
            return UserMessage(text)
        case "system":
            return SystemMessage(text)
        case "tool":
            called = str(data.get("tool_call_id") or data.get("name") or "")
            return ToolMessage(
                called, str(data.get("name") or ""), text, failed=data.get("status") == "error"
            )
        case _:
            return AssistantMessage(text, tuple(_calls(data)), tuple(_malformed(data)), _reasoning(data))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    if not isinstance(content, list):
        raise TypeError(f"its content is a {type(content).__name__}")
    for block in cast("list[Any]", content):
        if isinstance(block, str):
            yield block
            continue
        kind = block["type"]
        if kind in ("text", "text-plain"):
            yield block["text"]
        elif kind not in _ELSEWHERE:
            yield f"[{kind}]"


_ELSEWHERE = frozenset(
    {
        "tool_use",
        "tool_call",
        "invalid_tool_call",
        "tool_call_chunk",
        "reasoning",
        "thinking",
        "redacted_thinking",
    }
)
"""Blocks that say again what stands in another field, or what nobody was told."""


def _calls(data: Mapping[str, Any]) -> Iterator[ToolCall]:
    for call in data.get("tool_calls") or ():
        yield ToolCall(str(call.get("id") or ""), str(call["name"]), dict(call["args"]))


def _malformed(data: Mapping[str, Any]) -> Iterator[MalformedCall]:
    for call in data.get("invalid_tool_calls") or ():
        texts = (call.get(name) for name in ("id", "name", "args", "error"))
        yield MalformedCall(*(str(one or "") for one in texts))


def _reasoning(data: Mapping[str, Any]) -> str:
    content: Any = data.get("content")
    parts: list[str] = []
    for block in cast("list[Any]", content) if isinstance(content, list) else ():
        if isinstance(block, dict):
            thought = cast("dict[str, Any]", block)
            parts.append(str(thought.get("reasoning") or thought.get("thinking") or ""))
    more = cast("dict[str, Any]", data.get("additional_kwargs") or {})
    return "".join(parts) or str(more.get("reasoning_content") or "")


def _dict(message: Message) -> dict[str, Any]:
    match message:
        case UserMessage(text):
            return {"type": "human", "data": {"content": text, "type": "human"}}
        case SystemMessage(text):
            return {"type": "system", "data": {"content": text, "type": "system"}}
        case ToolMessage():
            data = {
                "content": message.text,
                "type": "tool",
                "name": message.name,
                "tool_call_id": message.call_id,
                "status": "error" if message.failed else "success",
            }
            return {"type": "tool", "data": data}
        case AssistantMessage():
            calls = [
                {"name": call.name, "args": call.arguments, "id": call.id, "type": "tool_call"}
                for call in message.calls
            ]
            invalid = [
                {"name": c.name, "args": c.text, "id": c.id, "error": c.error, "type": "invalid_tool_call"}
                for c in message.malformed
            ]
            more = {"reasoning_content": message.reasoning} if message.reasoning else {}
            data = {
                "content": message.text,
                "type": "ai",
                "additional_kwargs": more,
                "tool_calls": calls,
                "invalid_tool_calls": invalid,
            }
            return {"type": "ai", "data": data}
