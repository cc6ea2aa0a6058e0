"""Calls as lines of plain text, which a small model can copy into without escaping anything."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from agentkit.core.messages import AssistantMessage, MalformedCall, Message, ToolCall
from agentkit.core.tools import ToolSpec
from agentkit.models.arguments import finite
from agentkit.models.dialects.begun import BegunCall, object_so_far
from agentkit.models.dialects.contract import (
    NAME,
    Turn,
    after_mark,
    first_sentence,
    json_rule,
    kind_without_bounds,
    properties_of,
    quoted,
    told,
    turns_of,
    written_order,
)


class LineCalls:
    r"""A tool's name on a line, then `argument: value` lines; or `answer: …`.

    The text of a value stands as it is. Further lines of it begin with `|` and a space, so no text can
    be taken for another argument::

        write_file
        path: notes/today.txt
        content: first line
        | second: line

    After `: ` words are the same tokens as in running text, while after a quotation mark they fall into
    pieces: copying is what a small model gets wrong, so this form is made for copying.
    """

    shows_schemas: ClassVar[bool] = False

    ANSWER = "answer: "

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation, with one line for each tool at the end of the system turn."""
        described = "\n".join(map(self.signature, tools))
        return turns_of(messages, described, self._call, told, self.ANSWER if tools else "")

    def signature(self, tool: ToolSpec) -> str:
        """A tool in one line: its name, arguments, defaults, and the first sentence of its description."""
        required = set(tool.parameters.get("required", ()))
        parts: list[str] = []
        for name, schema in properties_of(tool).items():
            part = name
            if values := _values(schema):
                part += f": {'|'.join(map(_text, values))}"
            if name not in required:
                part += f"={_text(schema.get('default'))}"
            parts.append(part)
        return f"{tool.name}({', '.join(parts)}): {first_sentence(tool.description)}"

    def _call(self, call: ToolCall) -> str:
        return "\n".join([call.name, *(f"{name}:{_lines(value)}" for name, value in call.arguments.items())])

    def grammar(
        self,
        tools: Sequence[ToolSpec],
        *,
        must_call: bool = False,
        answer_schema: Mapping[str, Any] | None = None,
    ) -> str:
        """One alternative for each tool, with its arguments in their declared order."""
        ways = [f"call_{number}" for number in range(len(tools))]
        ways += [] if must_call and tools else ["answer"]
        rules = [
            f"start: {' | '.join(ways)}",
            f"answer: {json.dumps(self.ANSWER)} {'ANSWER' if answer_schema is None else 'answer_json'}",
            r"ANSWER: /(?s:.+)/ & ~/(?s:.*)\n{5}(?s:.*)/",
            # A lexer never goes back, so what follows a line is decided by its own first letters. Small
            # models fall into writing line ends for ever, so only a few may follow each other.
            r'text: (" " LINE)? ("\n|"{0,3} "\n| " LINE)* "\n|"{0,3}',
            r"LINE: /[^\n]+/",
        ]
        if answer_schema is not None:
            rules.append(f"answer_json: {json_rule(answer_schema)}")
        for number, tool in enumerate(tools):
            rules += self._tool_rules(number, tool)
        return "\n".join(rules)

    def _tool_rules(self, number: int, tool: ToolSpec) -> list[str]:
        # Rules are numbered: what a tool or an argument may be called, a rule may not.
        rules: list[str] = []
        parts: list[str] = []
        for place, (name, required) in enumerate(written_order(tool)):
            value = f"value_{number}_{place}"
            line = f"{quoted(f'{chr(10)}{name}:')} {value}"
            parts.append(line if required else f"({line})?")
            rules.append(f"{value}: {self._value(tool, name, properties_of(tool)[name])}")
        return [f"call_{number}: {quoted(tool.name)} {' '.join(parts)}", *rules]

    def _value(self, tool: ToolSpec, name: str, schema: Mapping[str, Any]) -> str:
        if choices := tool.choices.get(name) or _values(schema):
            return " | ".join(quoted(_lines(choice)) for choice in choices)
        if schema.get("type") == "string":
            return "text"  # what bounds it has a re-ask tells: its lines are no JSON
        match kind_without_bounds(schema):
            case "boolean":
                return '" true" | " false"'
            case "integer":
                return r"/ -?(0|[1-9][0-9]{0,8})/"
            case "number":
                return r"/ -?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?/"
            case _:
                return f'" " {json_rule(schema, spaced=True)}'

    def visible(self, text: str) -> str:
        """The words after `answer: `."""
        return after_mark(text, self.ANSWER)

    def begun(self, text: str, step: int, tools: Sequence[ToolSpec]) -> BegunCall | None:
        """The call whose tool's name has a line of its own."""
        name, *lines = text.split("\n")
        if not lines or text.startswith(self.ANSWER.strip()):
            return None
        tool = next((tool for tool in tools if tool.name == name.strip()), None)
        if tool is None:
            return None
        return BegunCall(f"call_{step}", tool.name, _arguments_so_far(lines, properties_of(tool)))

    def read(self, text: str, step: int, tools: Sequence[ToolSpec]) -> AssistantMessage:
        """A call, or the words after `answer: `."""
        if text.startswith(self.ANSWER.strip()):
            return AssistantMessage(text=text[len(self.ANSWER.strip()) :].strip())
        name, *lines = text.rstrip("\n").split("\n")
        tool = next((tool for tool in tools if tool.name == name.strip()), None)
        if tool is None and not (lines and re.fullmatch(NAME, name.strip())):
            return AssistantMessage(text=text.strip())
        call_id = f"call_{step}"
        try:
            arguments = _arguments(lines, properties_of(tool) if tool else {})
        except ValueError as error:
            return AssistantMessage(malformed=(MalformedCall(call_id, name.strip(), text, str(error)),))
        return AssistantMessage(calls=(ToolCall(call_id, name.strip(), arguments),))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(value: Any) -> str:
    """A value as it stands after `name:`."""
    first, *rest = _text(value).split("\n")
    return "\n|".join(f" {line}" if line else "" for line in (first, *rest))


def _arguments(lines: Sequence[str], properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The arguments of `name: value` lines.

    Raises:
        ValueError: saying which line is none, or which value does not fit its type.
    """
    texts = _texts(lines, properties)
    return {name: _typed(name, text, properties.get(name)) for name, text in texts.items()}


def _arguments_so_far(lines: Sequence[str], properties: Mapping[str, Mapping[str, Any]]) -> str:
    """The same as JSON, of lines of which the last is not whole: a text as it grows, all else when it is."""
    try:
        try:
            texts = _texts(lines, properties)
        except ValueError:
            texts = _texts(lines[:-1], properties)  # the last one may become an argument yet
        *ended, growing = texts or [""]
        known = {name: _typed(name, texts[name], properties.get(name)) for name in ended}
    except ValueError:
        return ""
    if growing and _is_text(properties.get(growing)):
        return object_so_far(known, growing, texts[growing])
    return object_so_far(known)


def _texts(lines: Sequence[str], properties: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The text of each argument.

    Raises:
        ValueError: saying which line is none.
    """
    known = map(re.escape, sorted(properties, key=len, reverse=True))
    opens = re.compile(f"({'|'.join([*known, NAME])}):")
    texts: dict[str, list[str]] = {}
    name = None
    for line in lines:
        if line.startswith("|") and name is not None:
            texts[name].append(line[1:].removeprefix(" "))
        elif opening := opens.match(line):
            name = opening[1]
            texts[name] = [line[opening.end() :].removeprefix(" ")]
        else:
            raise ValueError(
                f"expected a line `argument: value`, or one that begins with |; found {line[:60]!r}"
            )
    return {name: "\n".join(parts) for name, parts in texts.items()}


def _values(schema: Mapping[str, Any]) -> Sequence[Any]:
    """Every value that a schema allows, where it lists them: each stands as it is written."""
    return [schema["const"]] if "const" in schema else schema.get("enum", ())


def _is_text(schema: Mapping[str, Any] | None) -> bool:
    """Whether a value stands as it is, as that of an argument that nobody knows; else it is JSON."""
    return schema is None or schema.get("type") == "string"


def _typed(name: str, text: str, schema: Mapping[str, Any] | None) -> Any:
    if schema is None or _is_text(schema):
        return text
    for value in _values(schema):
        if _text(value) == text:
            return value
    try:
        return json.loads(text, parse_float=finite)
    except (ValueError, RecursionError):
        if not schema.keys() & {"type", "anyOf", "oneOf", "allOf"}:
            return text  # such as one of the values that exist now, which stands as it is
        raise ValueError(
            f"the value of {name} should be {schema.get('type', 'JSON')}; found {text[:60]!r}"
        ) from None
