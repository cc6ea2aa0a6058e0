"""How many tokens a request has at most, judged from its bytes, without a tokenizer."""

import json
from typing import Any

import msgspec

from agentkit.core.messages import AssistantMessage, Message, ToolMessage
from agentkit.core.protocols import ModelRequest
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Usage, estimated_tokens

TOKENS_PER_MESSAGE = 8
"""Role, separators and ids around each message and each call."""
MOST_KNOWN = 1024
"""Messages, and tools, whose estimate is remembered; a conversation is sent again at every step."""

MOST_CONVERSATIONS = 64
"""Conversations whose beginnings are remembered: they only grow at their ends."""
UNSETTLED = 2
"""Messages at the end that may stand elsewhere in the next request."""

_known: dict[int, tuple[Message, int]] = {}
_offered: dict[tuple[int, str, str], tuple[dict[str, Any], int]] = {}
_begun: dict[int, tuple[tuple[Message, ...], int]] = {}


def estimated_input(request: ModelRequest) -> int:
    """An upper estimate of the tokens of a request: every message and every tool's schema."""
    tools = sum(map(_tool, request.tools))
    return _conversation(request.messages) + tools + TOKENS_PER_MESSAGE


def estimated_output(message: AssistantMessage) -> int:
    """An upper estimate of the tokens of an answer, reasoning included."""
    return _message(message) + estimated_tokens(message.reasoning)


def estimated_usage(request: ModelRequest, message: AssistantMessage) -> Usage:
    """An upper estimate of what an answer took, for a server that does not say."""
    return Usage(estimated_input(request), estimated_output(message), estimated=True)


def _conversation(messages: tuple[Message, ...]) -> int:
    """The sum over the messages; of a conversation that has grown, only what is new is counted."""
    if len(messages) <= UNSETTLED:
        return sum(map(_message, messages))
    beginning, tokens = _begun.get(id(messages[0]), ((), 0))
    if messages[: len(beginning)] != beginning:
        beginning, tokens = (), 0
    settled = max(len(beginning), len(messages) - UNSETTLED)
    tokens += sum(map(_message, messages[len(beginning) : settled]))
    if len(_begun) >= MOST_CONVERSATIONS:
        _begun.clear()
    _begun[id(messages[0])] = (messages[:settled], tokens)
    return tokens + sum(map(_message, messages[settled:]))


def _tool(tool: ToolSpec) -> int:
    key = (id(tool.parameters), tool.name, tool.description)
    found = _offered.get(key)
    if found is not None and found[0] is tool.parameters:
        return found[1]
    written = tool.name + tool.description + _json(tool.parameters)
    tokens = estimated_tokens(written) + TOKENS_PER_MESSAGE
    if len(_offered) >= MOST_KNOWN:
        _offered.clear()
    _offered[key] = (tool.parameters, tokens)
    return tokens


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
