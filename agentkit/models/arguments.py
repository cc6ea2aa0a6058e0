"""A call's arguments as a model wrote them, to values or to an account of what is wrong."""

import json
import math
from typing import Any, cast

import msgspec

from agentkit.core.messages import MalformedCall, ToolCall

CUT = "it was cut off by the token limit"


def read_call(call_id: str, name: str, text: str, *, cut: bool = False) -> ToolCall | MalformedCall:
    """The call, or what makes it unreadable; never an exception and never a guess.

    Args:
        call_id: Its id in the conversation.
        name: The tool, as the model named it.
        text: The arguments as they were written; nothing at all means none.
        cut: Whether the answer hit its token limit while this call was the last thing in it.
    """
    if not name:
        return MalformedCall(call_id, name, text, "the call names no tool")
    if cut and not text.strip():
        return MalformedCall(call_id, name, text, f"{CUT} before its arguments")
    try:
        arguments = read_arguments(text)
    except ValueError as error:
        reason = f"{CUT}: {error}" if cut else str(error)
        return MalformedCall(call_id, name, text, reason)
    return ToolCall(call_id, name, arguments)


def read_arguments(text: str) -> dict[str, Any]:
    """The object that a text of JSON holds; an empty text holds an empty one.

    Raises:
        ValueError: it is not exactly one JSON object; the message says where and why.
    """
    if not text.strip():
        return {}
    try:
        value: Any = json.loads(text, parse_constant=_no_constant, parse_float=finite)
        # what is accepted here must also survive the journal: no lone surrogates, no endless integers
        msgspec.json.encode(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"the arguments are not valid JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("the arguments are nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("the arguments hold half of a surrogate pair") from error
    except OverflowError as error:
        raise ValueError(f"the arguments hold a number that is too large: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"the arguments must be a JSON object, not {_kind(value)}")
    return cast("dict[str, Any]", value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"the arguments hold {name}, which JSON does not have")


def finite(digits: str) -> float:
    """A number of JSON with a point or an exponent.

    Raises:
        ValueError: no float holds it.
    """
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the arguments hold a number that is too large: {digits}")
    return value


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return kinds.get(cast("type[Any]", type(value)), "a number")
