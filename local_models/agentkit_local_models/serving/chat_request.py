"""The body of a chat completion as values."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.fields import Fields, wrong
from agentkit_local_models.serving.references import parameters_of, shallow
from agentkit_local_models.serving.sampling_fields import Drawing, drawing

# OpenAI's names of functions, and the points that other servers allow.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_UNSUPPORTED = (
    "audio", "function_call", "functions", "metadata", "prediction", "reasoning_effort", "verbosity",
    "web_search_options", "prompt_cache_key", "safety_identifier",
)  # fmt: skip

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function.

    Attributes:
        id: of the call, in its conversation.
        name: of the function.
        arguments: JSON, or its beginning where the answer broke off.
        unreadable: what was written, where that is no whole call; our own addition to the protocol.
    """

    id: str
    name: str
    arguments: str
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One message.

    Attributes:
        role: who said it.
        text: what.
        calls: of an assistant.
        call_id: of a tool, the call that this came of.
        name: of that tool, where the request says it.
        failed: whether that call failed, where the request says it; our own addition to the protocol.
    """

    role: Role
    text: str
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    name: str = ""
    failed: bool | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function that can be called.

    Attributes:
        name: by which it is called.
        description: for the model.
        parameters: the JSON schema of an object.
        choices: for a parameter, every value that can work now; our own addition to the protocol.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation and what its answer may be.

    Attributes:
        messages: one or more.
        functions: those that are offered.
        must_call: whether an answer has to call one.
        schema: the JSON schema of the answer's text, if it is no call; None for any text.
    """

    messages: tuple[Said, ...]
    functions: tuple[Function, ...] = ()
    must_call: bool = False
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChatAsked:
    """A request: what, and how the answers are drawn."""

    chat: Chat
    drawing: Drawing


def chat_asked(asked: Fields, vocabulary_size: int) -> ChatAsked:
    """Read a request of which the model was taken.

    Raises:
        ApiError: something in it is wrong, unknown, or cannot be honoured; nothing is ignored.
    """
    said = asked.objects("messages")
    if not said:
        raise ApiError(400, "messages needs at least one message", param="messages")
    messages = tuple(map(_message, said))
    _require_calls(messages)
    functions, must_call = _functions(asked)
    schema = _schema(asked.inner("response_format"))
    logprobs = _logprobs(asked)
    drawn = drawing(
        asked,
        logprobs=logprobs,
        logprobs_by="top_logprobs",
        vocabulary_size=vocabulary_size,
        max_tokens=_max_tokens(asked),
    )
    asked.text("user")  # names a person for OpenAI's own supervision; nothing here hangs on it
    asked.only("store", [False])
    asked.only("service_tier", ["auto", "default"])
    asked.only("modalities", [["text"]])
    for name in _UNSUPPORTED:
        asked.only(name)
    asked.close()
    return ChatAsked(Chat(messages, functions, must_call, schema), drawn)


def _message(asked: Fields) -> Said:
    role = asked.needed_text("role")
    calls = asked.objects("tool_calls") if role == "assistant" else None
    text = _content(asked, optional=role == "assistant")
    match role:
        case "system" | "developer":
            said = Said("system", text)
        case "user":
            said = Said("user", text)
        case "assistant":
            asked.text("refusal")
            said = Said("assistant", text, tuple(map(_call, calls or ())))
        case "tool":
            name, failed = asked.text("name") or "", asked.take("failed")
            if not isinstance(failed, bool | None):
                wrong(asked.named("failed"), failed, "true or false")
            said = Said("tool", text, call_id=asked.needed_text("tool_call_id"), name=name, failed=failed)
        case _:
            wrong(asked.named("role"), role, "system, developer, user, assistant or tool")
    asked.close()
    return said


def _require_calls(messages: tuple[Said, ...]) -> None:
    """See to it that every result is that of a call before it, or of a tool that it names."""
    called: set[str] = set()
    for place, message in enumerate(messages):
        called.update(call.id for call in message.calls)
        if message.role == "tool" and not message.name and message.call_id not in called:
            at = f"messages[{place}].tool_call_id"
            raise ApiError(400, f"{at} is {message.call_id!r}, and no call before it has that id", param=at)


def _content(asked: Fields, *, optional: bool) -> str:
    """The text of a message, whole or in parts."""
    value = asked.take("content")
    if isinstance(value, str) or (value is None and optional):
        return value or ""
    at = asked.named("content")
    if not isinstance(value, list):
        wrong(at, value, "a string or a list of parts")
    texts: list[str] = []
    for place, one in enumerate(cast("list[Any]", value)):
        part = Fields.of(one, f"{at}[{place}]")
        if (kind := part.needed_text("type")) != "text":
            wrong(part.named("type"), kind, "text, which is all that the model reads,")
        texts.append(part.needed_text("text"))
        part.close()
    return "".join(texts)


def _call(asked: Fields) -> Call:
    asked.only("type", ["function"])
    asked.take("index")  # clients that join a stream leave it there
    function = asked.inner("function") or Fields({}, asked.named("function"))
    call = Call(asked.needed_text("id"), function.needed_text("name"), function.needed_text("arguments"))
    function.close()
    asked.close()
    return call


def _functions(asked: Fields) -> tuple[tuple[Function, ...], bool]:
    """The functions that can be called, and whether one must be."""
    asked.flag("parallel_tool_calls")  # true allows what never happens: an answer has one call at most
    functions = tuple(map(_function, asked.objects("tools") or ()))
    names = Counter(function.name for function in functions)
    for name, count in names.items():
        if count > 1:
            raise ApiError(400, f"tools has {count} functions {name!r}", param="tools")
    choice = asked.take("tool_choice")
    if choice in (None, "auto"):
        return functions, False
    if choice == "none":
        return (), False
    if not functions:
        raise ApiError(400, "tool_choice asks for a call, and tools is empty", param="tool_choice")
    if choice == "required":
        return functions, True
    if not isinstance(choice, dict):
        wrong("tool_choice", choice, 'auto, none, required or {"type": "function", "function": {"name": …}}')
    named = Fields.of(choice, "tool_choice")
    named.only("type", ["function"])
    function = named.inner("function") or Fields({}, "tool_choice.function")
    name = function.needed_text("name")
    function.close()
    named.close()
    if name not in names:
        wrong("tool_choice.function.name", name, f"one of {', '.join(names)}")
    return tuple(function for function in functions if function.name == name), True


def _function(asked: Fields) -> Function:
    asked.only("type", ["function"])
    inner = asked.inner("function") or Fields({}, asked.named("function"))
    name = inner.needed_text("name")
    if not _NAME.fullmatch(name):
        wrong(inner.named("name"), name, "a letter, then letters, digits, _, . or -, 64 at most,")
    description, parameters = inner.text("description") or "", _parameters(inner)
    function = Function(name, description, parameters, _choices(inner, parameters))
    inner.flag("strict")  # calls are always held to their schema
    inner.close()
    asked.close()
    return function


def _parameters(asked: Fields) -> dict[str, Any]:
    at, value = asked.named("parameters"), asked.take("parameters")
    return {"type": "object", "properties": {}} if value is None else parameters_of(value, at)


def _choices(asked: Fields, parameters: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    choices = asked.inner("choices")
    if choices is None:
        return {}
    found = {name: choices.texts(name) for name in parameters["properties"]}
    choices.close()
    return {name: values for name, values in found.items() if values}


def _schema(asked: Fields | None) -> dict[str, Any] | None:
    """The schema that an answer's text is held to."""
    if asked is None:
        return None
    kind = asked.needed_text("type")
    schema: Any = {"type": "object"} if kind == "json_object" else None
    if kind == "json_schema":
        form = asked.inner("json_schema") or Fields({}, "response_format.json_schema")
        form.needed_text("name")
        form.text("description")
        form.flag("strict")  # an answer is always held to its schema
        schema, at = form.take("schema"), form.named("schema")
        if not isinstance(schema, dict):
            wrong(at, schema, "a JSON schema")
        schema = shallow(cast("dict[str, Any]", schema), at)
        form.close()
    elif kind not in ("text", "json_object"):
        wrong("response_format.type", kind, "text, json_object or json_schema")
    asked.close()
    return cast("dict[str, Any] | None", schema)


def _logprobs(asked: Fields) -> int | None:
    wanted, top = asked.flag("logprobs"), asked.whole("top_logprobs")
    if top is not None and not wanted:
        raise ApiError(400, "top_logprobs goes with logprobs: true", param="top_logprobs")
    return (top or 0) if wanted else None


def _max_tokens(asked: Fields) -> int | None:
    old, new = asked.whole("max_tokens"), asked.whole("max_completion_tokens")
    if old is not None and new is not None and old != new:
        raise ApiError(
            400, f"max_tokens is {old} and max_completion_tokens {new}; one of them works", param="max_tokens"
        )
    return old if new is None else new
