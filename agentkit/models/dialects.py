"""How a local model is told of tools and how it writes a call: a value of its profile.

A dialect is text both ways: it describes tools, writes a conversation, gives the grammar that the
answer is held to, and reads the answer back. Everything else in agentkit sees ordinary calls.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.tools import ToolSpec

Turn = dict[str, str]
"""One turn as chat templates take it: `role` and `content`."""


class Dialect(Protocol):
    """The form of tools and calls that one kind of model understands."""

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation, with the tools described in the system turn."""
        ...

    def grammar(self, tools: Sequence[ToolSpec], *, must_call: bool = False) -> str:
        """A Lark grammar (llguidance dialect) of every answer that can be read back."""
        ...

    def visible(self, text: str) -> str:
        """The part of an unfinished answer that is meant for a person."""
        ...

    def read(self, text: str, step: int) -> AssistantMessage:
        """The answer as text and calls; `step` makes the call ids of a run unique."""
        ...


class PythonCalls:
    """Calls written like Python: `read_file(path="notes.txt")`; anything else is `Answer: …`.

    Made for small models: a signature is a fifth of a JSON schema, code models know the form, and a
    text in triple quotes is copied as it is, with nothing to escape.
    """

    ANSWER = "Answer: "

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation, with one line for each tool at the end of the system turn."""
        described = "\n".join(map(self.signature, tools))
        return _turns(messages, described, self._call, self._told, self.ANSWER if tools else "")

    def signature(self, tool: ToolSpec) -> str:
        """A tool in one line, such as `read_file(path, first_line=1)  # Read a text file`."""
        required = set(tool.parameters.get("required", ()))
        properties: Mapping[str, Mapping[str, Any]] = tool.parameters.get("properties", {})
        parts = [
            name if name in required else f"{name}={_literal(part.get('default'))}"
            for name, part in properties.items()
        ]
        return f"{tool.name}({', '.join(parts)})  # {first_sentence(tool.description)}"

    def _call(self, call: ToolCall) -> str:
        given = ", ".join(f"{name}={_literal(value)}" for name, value in call.arguments.items())
        return f"{call.name}({given})"

    def _told(self, message: ToolMessage) -> str:
        mark = "Error" if message.failed else "Result"
        return f"{mark}: {message.text}"

    def grammar(self, tools: Sequence[ToolSpec], *, must_call: bool = False) -> str:
        """One alternative for each tool, with its arguments in their declared order."""
        ways = [f"call_{tool.name}" for tool in tools] + ([] if must_call and tools else ["answer"])
        rules = [
            f"start: {' | '.join(ways)}",
            f"answer: {json.dumps(self.ANSWER)} TEXT",
            r"TEXT: /(?s:.+)/",
            # A string on one line with JSON's escapes, or raw text in triple quotes. Small models fall
            # into writing line ends for ever, so only a few may follow each other.
            r"string: SHORT | LONG",
            (
                r'SHORT: /"([^"\\\n\r\t]|\\["\\\/nt])*"/ & ~/"""(?s:.*)/ & ~/"\\n(?s:.*)/'
                r" & ~/(?s:.*)(\\n){4}(?s:.*)/"
            ),
            r'LONG: /"""(?s:.*)"""/ & ~/"""(?s:.*)"""(?s:.+)/ & ~/(?s:.*)\n{5}(?s:.*)/',
        ]
        for tool in tools:
            rules += self._tool_rules(tool)
        return "\n".join(rules)

    def _tool_rules(self, tool: ToolSpec) -> list[str]:
        properties: Mapping[str, Mapping[str, Any]] = tool.parameters.get("properties", {})
        wanted = list(tool.parameters.get("required", ()))
        order = [*wanted, *(name for name in properties if name not in wanted)]
        values = {name: f"value_{tool.name}_{name}" for name in order}
        rules: list[str] = []
        parts: list[str] = []
        for index, name in enumerate(order):
            argument = f'"{name}=" {values[name]}'
            if name in wanted:
                comma = '", " ' if index else ""
                parts.append(comma + argument)
            elif index:
                # after a required argument, or behind the first optional one
                parts.append(f'(", " {argument})?')
            else:
                parts.append(f"({argument})?")
            rules.append(f"{values[name]}: {self._value(tool, name, properties[name])}")
        if order and not wanted:
            # the comma belongs between arguments, whichever of them is there first
            tails = [
                " ".join(
                    [f'"{name}=" {values[name]}', *(f'(", " "{n}=" {values[n]})?' for n in order[i + 1 :])]
                )
                for i, name in enumerate(order)
            ]
            parts = [f"({' | '.join(tails)})?"]
        return [f'call_{tool.name}: "{tool.name}(" {" ".join(parts)} ")"', *rules]

    def _value(self, tool: ToolSpec, name: str, schema: Mapping[str, Any]) -> str:
        if choices := tool.choices.get(name):
            return " | ".join(json.dumps(json.dumps(choice, ensure_ascii=False)) for choice in choices)
        match schema.get("type"):
            case "string" if "enum" not in schema:
                return "string"
            case "boolean":
                return '"True" | "False"'
            case "integer":
                return r"/-?(0|[1-9][0-9]{0,8})/"
            case _:
                return f"%json {json.dumps(dict(schema))}"

    def visible(self, text: str) -> str:
        """The words after `Answer: `."""
        return text[len(self.ANSWER) :] if text.startswith(self.ANSWER) else ""

    def read(self, text: str, step: int) -> AssistantMessage:
        """A call, or the words after `Answer: `."""
        text = text.strip()
        if text.startswith(self.ANSWER.strip()):
            return AssistantMessage(text=text[len(self.ANSWER.strip()) :].strip())
        opening = re.match(r"([A-Za-z_]\w*)\(", text)
        if opening is None:
            return AssistantMessage(text=text)
        call_id, name = f"call_{step}", opening[1]
        try:
            arguments = _arguments(text, opening.end())
        except ValueError as error:
            return AssistantMessage(malformed=(MalformedCall(call_id, name, text, str(error)),))
        return AssistantMessage(calls=(ToolCall(call_id, name, arguments),))


class HermesCalls:
    """Calls as JSON between `<tool_call>` tags, as Hermes and Qwen models are trained on."""

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation, with the tools' JSON schemas in the system turn."""
        schemas = "\n".join(
            json.dumps(
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                },
                ensure_ascii=False,
            )
            for tool in tools
        )
        words = (
            f"<tools>\n{schemas}\n</tools>\n\nTo call a tool, answer with one JSON object inside tags:\n"
            '<tool_call>\n{"name": <tool name>, "arguments": <arguments object>}\n</tool_call>'
        )
        return _turns(messages, words if tools else "", self._call, self._told, "")

    def _call(self, call: ToolCall) -> str:
        body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
        return f"<tool_call>\n{body}\n</tool_call>"

    def _told(self, message: ToolMessage) -> str:
        return f"<tool_response>\n{message.text}\n</tool_response>"

    def grammar(self, tools: Sequence[ToolSpec], *, must_call: bool = False) -> str:
        """Text without a tag, or one call that fits its tool's schema."""
        calls = [
            json.dumps(
                {
                    "type": "object",
                    "properties": {
                        "name": {"const": tool.name},
                        "arguments": {
                            **_with_choices(tool),
                            "additionalProperties": False,
                        },
                    },
                    "required": ["name", "arguments"],
                    "additionalProperties": False,
                }
            )
            for tool in tools
        ]
        options = " | ".join(f"call_{index}" for index in range(len(calls)))
        rules = [f"call_{index}: %json {schema}" for index, schema in enumerate(calls)]
        call = '"<tool_call>\\n" call "\\n</tool_call>"'
        start = call if must_call else f"TEXT | {call}"
        head = [f"start: {start}", f"call: {options}"] if calls else ["start: TEXT"]
        return "\n".join([*head, r"TEXT: /[^<](?s:.*)/ & ~/(?s:.*)<tool_call>(?s:.*)/", *rules])

    def visible(self, text: str) -> str:
        """The text before a tag, or before what may become one."""
        return text.split("<", 1)[0]

    def read(self, text: str, step: int) -> AssistantMessage:
        """The text before the first tag, and every call between tags."""
        pieces = re.split(r"<tool_call>(.*?)(?:</tool_call>|\Z)", text, flags=re.DOTALL)
        calls: list[ToolCall] = []
        malformed: list[MalformedCall] = []
        for index, body in enumerate(pieces[1::2]):
            call_id = f"call_{step}_{index}"
            try:
                call = json.loads(body)
                calls.append(ToolCall(call_id, str(call["name"]), dict(call.get("arguments") or {})))
            except (ValueError, TypeError, KeyError) as error:
                malformed.append(MalformedCall(call_id, "unknown", body.strip(), f"it is no call: {error}"))
        return AssistantMessage("".join(pieces[0::2]).strip(), tuple(calls), tuple(malformed))


DIALECTS: Mapping[str, Dialect] = {"python": PythonCalls(), "hermes": HermesCalls()}


def first_sentence(text: str) -> str:
    """The first sentence of a description, on one line."""
    line = " ".join(text.split())
    return re.split(r"(?<=[.!?])\s", line, maxsplit=1)[0]


def _turns(
    messages: Sequence[Message], tools: str, call_text: Any, told_text: Any, answer_mark: str
) -> list[Turn]:
    turns: list[Turn] = []
    for message in messages:
        match message:
            case SystemMessage(text):
                words = f"{text}\n{tools}".strip()
                turns.append({"role": "system", "content": words})
            case UserMessage(text):
                _add(turns, "user", text)
            case ToolMessage():
                _add(turns, "user", told_text(message))
            case AssistantMessage():
                parts = [answer_mark + message.text] if message.text else []
                parts += [call_text(call) for call in message.calls]
                parts += [call.text for call in message.malformed]
                _add(turns, "assistant", "\n".join(parts))
    return turns


def _add(turns: list[Turn], role: str, content: str) -> None:
    """Append a turn; templates want roles to alternate, so neighbours of one role are joined."""
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += "\n" + content
    else:
        turns.append({"role": role, "content": content})


def _with_choices(tool: ToolSpec) -> dict[str, Any]:
    schema = dict(tool.parameters)
    properties = {
        name: {"enum": list(tool.choices[name])} if tool.choices.get(name) else part
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}


def _literal(value: Any) -> str:
    if isinstance(value, str):
        plain = "\n" not in value or '"""' in value or value.endswith('"')
        return json.dumps(value, ensure_ascii=False) if plain else f'"""{value}"""'
    if value is None or isinstance(value, bool):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


_NAME = re.compile(r"\s*,?\s*([A-Za-z_]\w*)\s*=\s*")
_LONG = re.compile(r'"""(.*?)"""', re.DOTALL)
_CONSTANTS = {"True": True, "False": False, "None": None}


def _arguments(text: str, at: int) -> dict[str, Any]:
    """The keyword arguments from position `at` up to the closing parenthesis.

    Raises:
        ValueError: saying what was expected and what was found where.
    """
    arguments: dict[str, Any] = {}
    decoder = json.JSONDecoder(strict=False)
    while True:
        if re.compile(r"\s*,?\s*\)").match(text, at):
            return arguments
        name = _NAME.match(text, at)
        if name is None:
            raise ValueError(f"expected name=value or a closing parenthesis, found {text[at : at + 40]!r}")
        at = name.end()
        if long := _LONG.match(text, at):
            arguments[name[1]], at = long[1], long.end()
            continue
        if constant := re.compile(r"True|False|None").match(text, at):
            arguments[name[1]], at = _CONSTANTS[constant[0]], constant.end()
            continue
        try:
            arguments[name[1]], at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            found = text[at : at + 40]
            raise ValueError(f"the value of {name[1]} cannot be read: {error.msg}, found {found!r}") from None
