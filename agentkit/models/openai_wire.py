"""A request as the chat completions protocol writes it, in the form that strict servers accept."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from agentkit.core.errors import MalformedStream
from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from agentkit.core.protocols import ModelProfile, ModelRequest
from agentkit.models.openai_faults import quoted

MOST_MALFORMED = 2000
"""Characters of an unreadable call that the model sees again."""
NEW_LIMIT = re.compile(r"(^|/)(o\d|gpt-5)", re.IGNORECASE)
"""Names of models that count their reasoning into `max_completion_tokens` and refuse `max_tokens`."""

Wire = dict[str, Any]


def body(model: str, request: ModelRequest, profile: ModelProfile) -> Wire:
    """The parameters of one streamed completion."""
    sent: Wire = {
        "model": model,
        "messages": wire_messages(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        limit_name(model): request.max_tokens,
        "temperature": request.temperature,
    }
    if request.tools:
        sent["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in request.tools
        ]
        if profile.calls_per_step == 1:
            sent["parallel_tool_calls"] = False
        if request.must_call:
            sent["tool_choice"] = "required"
    if request.answer_schema is not None:
        form = {"name": "answer", "schema": request.answer_schema, "strict": True}
        sent["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.top_p != 1.0:
        sent["top_p"] = request.top_p
    if request.top_k is not None:
        sent["top_k"] = request.top_k
    if request.seed is not None:
        sent["seed"] = request.seed
    if request.stop:
        sent["stop"] = list(request.stop)
    return sent


def models_in(text: str) -> list[Wire]:
    """The models in a server's list.

    Raises:
        MalformedStream: it is no such list.
    """
    try:
        told: Any = json.loads(text)
        listed = cast("list[Any]", told["data"] if isinstance(told, dict) else told)
        return [{**cast("Wire", one)} for one in listed]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MalformedStream(f"the server sent what is no list of models: {quoted(text)}") from error


def limit_name(model: str) -> str:
    """The parameter that most likely bounds this model's answers."""
    return "max_completion_tokens" if NEW_LIMIT.search(model) else "max_tokens"


def wire_messages(messages: Sequence[Message]) -> list[Wire]:
    """The conversation, in which each call is answered at once and each result has its call.

    Strict servers demand both. A run keeps the first by itself except where it was cut short, and a
    view of a long run can have forgotten either half of a pair.
    """
    wire: list[Wire] = []
    placed: set[int] = set()
    for place, message in enumerate(messages):
        match message:
            case SystemMessage():
                wire.append({"role": "system", "content": message.text})
            case AssistantMessage():
                wire.append(_assistant(message))
                for call in (*message.calls, *message.malformed):
                    found = next(_results(messages, place, call.id), None)
                    if found is not None:
                        placed.add(found)
                    result = messages[found] if found is not None else None
                    wire.append(_result(call, result if isinstance(result, ToolMessage) else None))
            case ToolMessage():
                if place not in placed:
                    _say(wire, f"Result of {message.name}: {_told(message)}")
            case _:
                _say(wire, message.text)
    return wire


def _say(wire: list[Wire], text: str) -> None:
    """Append a word of the user; templates want roles to alternate, so neighbours are joined."""
    if wire and wire[-1]["role"] == "user":
        wire[-1] = {"role": "user", "content": f"{wire[-1]['content']}\n\n{text}"}
    else:
        wire.append({"role": "user", "content": text})


def _results(messages: Sequence[Message], place: int, call_id: str) -> Iterator[int]:
    """Where the call's result stands, before the model speaks again."""
    for later in range(place + 1, len(messages)):
        message = messages[later]
        if isinstance(message, AssistantMessage):
            return
        if isinstance(message, ToolMessage) and message.call_id == call_id:
            yield later


def _assistant(message: AssistantMessage) -> Wire:
    calls = [_call(call.id, call.name, json.dumps(call.arguments)) for call in message.calls]
    # arguments must be JSON: what could not be read goes back as a text inside an object
    calls += [
        _call(call.id, call.name, json.dumps({"unreadable": call.text[:MOST_MALFORMED]}))
        for call in message.malformed
    ]
    if not calls:
        # some servers refuse an answer with nothing in it
        return {"role": "assistant", "content": message.text or "(empty answer)"}
    return {"role": "assistant", "content": message.text or None, "tool_calls": calls}


def _call(call_id: str, name: str, arguments: str) -> Wire:
    # a name that the model made up can hold anything; the protocol allows these letters only
    allowed = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "unnamed"
    return {"id": call_id, "type": "function", "function": {"name": allowed, "arguments": arguments}}


def _result(call: ToolCall | MalformedCall, message: ToolMessage | None) -> Wire:
    told = _told(message) if message else "Error: no result of this call is known"
    return {"role": "tool", "tool_call_id": call.id, "content": told}


def _told(message: ToolMessage) -> str:
    return f"Error: {message.text}" if message.failed else message.text
