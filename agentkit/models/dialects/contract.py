"""How a local model is told of tools and writes a call: a value of its profile.

A dialect is text both ways: it describes tools, writes a conversation, gives the grammar that the
answer is held to, and reads the answer back. Everything else in agentkit sees ordinary calls.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects.begun import BegunCall
from agentkit.models.dialects.number_bounds import bounded

Turn = dict[str, str]
"""One turn as chat templates take it: `role` and `content`."""

NAME = r"[A-Za-z_][\w.-]*"
"""What a tool or an argument is called, as a regular expression: servers allow points and hyphens too."""


class Dialect(Protocol):
    """The form of tools and calls that one kind of model understands."""

    shows_schemas: ClassVar[bool]
    """Whether it tells what a tool takes as JSON Schema."""

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation, with the tools described in the system turn."""
        ...

    def grammar(
        self,
        tools: Sequence[ToolSpec],
        *,
        must_call: bool = False,
        answer_schema: Mapping[str, Any] | None = None,
    ) -> str:
        """A Lark grammar (llguidance dialect) of every answer that can be read back.

        Args:
            tools: that may be called.
            must_call: whether words will not do.
            answer_schema: JSON Schema of the words; `None` for any.
        """
        ...

    def visible(self, text: str) -> str:
        """The part of an unfinished answer that is meant for a person."""
        ...

    def begun(self, text: str, step: int, tools: Sequence[ToolSpec]) -> BegunCall | None:
        """What of an unfinished answer is a call, and stays so; `None` while nothing is certain."""
        ...

    def read(self, text: str, step: int, tools: Sequence[ToolSpec]) -> AssistantMessage:
        """The answer as text and calls; `step` makes the call ids of a run unique."""
        ...


def quoted(text: str) -> str:
    """The text as a literal of a Lark grammar."""
    return json.dumps(text, ensure_ascii=False)


def json_rule(schema: Mapping[str, Any], *, spaced: bool = False) -> str:
    """The part of a Lark grammar that a text of JSON has to follow.

    White space is free in JSON, and a small model can write it without end: so none is taken. In a call there
    is as much as `json.dumps` writes, for a model has read calls in that form, and numbers have a bound.
    """
    guidance: dict[str, Any] = {"whitespace_flexible": False}
    if spaced:
        schema = bounded(schema)
        guidance |= {"item_separator": ", ", "key_separator": ": "}
    return f"%json {json.dumps({**schema, 'x-guidance': guidance})}"


def first_sentence(text: str) -> str:
    """The first sentence of a description, on one line."""
    line = " ".join(text.split())
    return re.split(r"(?<=[.!?])\s", line, maxsplit=1)[0]


def properties_of(tool: ToolSpec) -> Mapping[str, Mapping[str, Any]]:
    """The schema of each parameter, by its name; what references in it name stands beside them."""
    properties = tool.parameters.get("properties", {})
    if not (definitions := definitions_of(tool)):
        return properties
    return {
        name: {**part, **definitions} if '"$ref"' in json.dumps(part) else part
        for name, part in properties.items()
    }


def definitions_of(tool: ToolSpec) -> dict[str, Any]:
    """What references in the schemas of a tool's parameters name."""
    return {name: tool.parameters[name] for name in ("$defs", "definitions") if name in tool.parameters}


def kind_without_bounds(schema: Mapping[str, Any]) -> str | None:
    """The kind of value, where every value of that kind fits; else `None`."""
    words = {"type", "description", "title", "default", "examples"}
    kind = schema.get("type")
    return kind if isinstance(kind, str) and schema.keys() <= words else None


def written_order(tool: ToolSpec) -> list[tuple[str, bool]]:
    """Parameters as a grammar wants them, and whether they must be given: those that must come first."""
    wanted = list(tool.parameters.get("required", ()))
    others = [name for name in properties_of(tool) if name not in wanted]
    return [*((name, True) for name in wanted), *((name, False) for name in others)]


def told(message: ToolMessage) -> str:
    """A tool's result after a word that says whether it worked."""
    return f"{'Error' if message.failed else 'Result'}: {message.text}"


def after_mark(text: str, mark: str) -> str:
    """What follows the mark of an answer; nothing while the text does not begin with it."""
    return text[len(mark) :] if text.startswith(mark) else ""


_WITHOUT_WORDS = "You answer by calling tools, one at a time, and then in a sentence.\nTools:"
"""What stands before the tools where nobody gave a model words of its own."""


def turns_of(
    messages: Sequence[Message],
    tools: str,
    call_text: Callable[[ToolCall], str],
    told_text: Callable[[ToolMessage], str],
    answer_mark: str,
) -> list[Turn]:
    """The conversation as turns, with the tools' description at the end of the system turn.

    A conversation without one gets one for the tools: what a model is not told of, it does not call.
    """
    turns: list[Turn] = []
    for message in messages:
        match message:
            case SystemMessage(text):
                add_turn(turns, "system", text)
            case UserMessage(text):
                add_turn(turns, "user", text)
            case ToolMessage():
                add_turn(turns, "user", told_text(message))
            case AssistantMessage():
                parts = [answer_mark + message.text] if message.text else []
                parts += [call_text(call) for call in message.calls]
                parts += [call.text for call in message.malformed]
                add_turn(turns, "assistant", "\n".join(parts))
    return with_tools(turns, tools)


def with_tools(turns: list[Turn], tools: str) -> list[Turn]:
    """The turns with the tools' description at the end of the first system turn, which may be made for it."""
    first = next((turn for turn in turns if turn["role"] == "system"), None)
    if first is not None:
        first["content"] = f"{first['content']}\n{tools}".strip()
    elif tools:
        turns.insert(0, {"role": "system", "content": f"{_WITHOUT_WORDS}\n{tools.strip()}"})
    return turns


def without_system(turns: Sequence[Turn]) -> list[Turn]:
    r"""The turns for a model that knows no system turn: its words come before those of the person.

    >>> without_system([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}])
    [{'role': 'user', 'content': 'Be kind.\n\nHello'}]
    """
    words = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    kept: list[Turn] = [turn for turn in turns if turn["role"] != "system"]
    if not words:
        return kept
    if kept and kept[0]["role"] == "user":
        return [{"role": "user", "content": f"{words}\n\n{kept[0]['content']}"}, *kept[1:]]
    return [{"role": "user", "content": words}, *kept]


def add_turn(turns: list[Turn], role: str, content: str) -> None:
    """Append a turn; templates want roles to alternate, so neighbours of one role are joined."""
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += "\n" + content
    else:
        turns.append({"role": role, "content": content})
