"""How many tokens a request has at most, judged from its bytes, without a tokenizer."""

import json
from typing import Any

import msgspec

from agentkit.core.messages import AssistantMessage, Message, ToolMessage
from agentkit.core.protocols import ModelRequest

BYTES_PER_TOKEN = 3
"""Prose has four and more, code a little over three; a script of three bytes a letter, about three."""
TOKENS_PER_MESSAGE = 8
"""Role, separators and ids around each message and each call."""
MOST_KNOWN = 1024
"""Messages whose estimate is remembered; a conversation is sent again at every step."""

_known: dict[int, tuple[Message, int]] = {}


def estimated_tokens(text: str) -> int:
    """An upper estimate of the tokens of a text."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def estimated_input(request: ModelRequest) -> int:
    """An upper estimate of the tokens of a request: every message and every tool's schema."""
    tools = sum(
        estimated_tokens(tool.name + tool.description + _json(tool.parameters)) + TOKENS_PER_MESSAGE
        for tool in request.tools
    )
    return sum(map(_message, request.messages)) + tools + TOKENS_PER_MESSAGE


def estimated_output(message: AssistantMessage) -> int:
    """An upper estimate of the tokens of an answer, reasoning included."""
    return _message(message) + estimated_tokens(message.reasoning)


def _message(message: Message) -> int:
    found = _known.get(id(message))
    if found is not None and found[0] is message:
        return found[1]
    tokens = _counted(message)
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[id(message)] = (message, tokens)
    return tokens


def _counted(message: Message) -> int:
    tokens = estimated_tokens(message.text) + TOKENS_PER_MESSAGE
    match message:
        case AssistantMessage():
            calls = [call.id + call.name + _json(call.arguments) for call in message.calls]
            calls += [call.id + call.name + call.text for call in message.malformed]
            return tokens + sum(estimated_tokens(call) + TOKENS_PER_MESSAGE for call in calls)
        case ToolMessage():
            return tokens + estimated_tokens(message.call_id + message.name)
        case _:
            return tokens


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, ValueError, TypeError):  # half a character
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
