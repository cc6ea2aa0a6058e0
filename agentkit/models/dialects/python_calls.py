"""Calls written like Python, for small code models."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from agentkit.core.messages import AssistantMessage, MalformedCall, Message, ToolCall
from agentkit.core.tools import ToolSpec
from agentkit.models.arguments import finite
from agentkit.models.dialects.begun import BegunCall, json_so_far, text_so_far
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


class PythonCalls:
    """Calls written like Python: `read_file(path="notes.txt")`; anything else is `Answer: …`.

    Made for small models: a signature is a fifth of a JSON schema, code models know the form, and a
    text in triple quotes is copied as it is, with nothing to escape.
    """

    shows_schemas: ClassVar[bool] = False

    ANSWER = "Answer: "

    _CLOSING = ")"
    _BEGINS = re.compile(rf"({NAME})\(")

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation, with one line for each tool at the end of the system turn."""
        described = "\n".join(map(self.signature, tools))
        return turns_of(messages, described, self._call, told, self.ANSWER if tools else "")

    def signature(self, tool: ToolSpec) -> str:
        """A tool in one line, such as `read_file(path, first_line=1)  # Read a text file`."""
        required = set(tool.parameters.get("required", ()))
        parts = [
            name if name in required else f"{name}={_literal(part.get('default'))}"
            for name, part in properties_of(tool).items()
        ]
        return f"{tool.name}({', '.join(parts)})  # {first_sentence(tool.description)}"

    def _call(self, call: ToolCall) -> str:
        given = ", ".join(f"{name}={_literal(value)}" for name, value in call.arguments.items())
        return f"{self._opening(call.name)}{given}{self._CLOSING}"

    def _opening(self, name: str) -> str:
        """What stands before the arguments of a call."""
        return f"{name}("

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
            f"answer: {json.dumps(self.ANSWER)} {'TEXT' if answer_schema is None else 'answer_json'}",
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
        if answer_schema is not None:
            rules.append(f"answer_json: {json_rule(answer_schema)}")
        for number, tool in enumerate(tools):
            rules += self._tool_rules(number, tool)
        return "\n".join(rules)

    def _tool_rules(self, number: int, tool: ToolSpec) -> list[str]:
        # Rules are numbered: what a tool or an argument may be called, a rule may not.
        wanted = {name for name, required in written_order(tool) if required}
        order = [name for name, _ in written_order(tool)]
        values = {name: f"value_{number}_{place}" for place, name in enumerate(order)}
        opened = {name: f"{quoted(f'{name}=')} {values[name]}" for name in order}
        rules: list[str] = []
        parts: list[str] = []
        for index, name in enumerate(order):
            argument = opened[name]
            if name in wanted:
                comma = '", " ' if index else ""
                parts.append(comma + argument)
            elif index:
                # after a required argument, or behind the first optional one
                parts.append(f'(", " {argument})?')
            else:
                parts.append(f"({argument})?")
            rules.append(f"{values[name]}: {self._value(tool, name, properties_of(tool)[name])}")
        if order and not wanted:
            # the comma belongs between arguments, whichever of them is there first
            tails = [
                " ".join([opened[name], *(f'(", " {opened[n]})?' for n in order[i + 1 :])])
                for i, name in enumerate(order)
            ]
            parts = [f"({' | '.join(tails)})?"]
        opening, closing = quoted(self._opening(tool.name)), quoted(self._CLOSING)
        return [f"call_{number}: {opening} {' '.join(parts)} {closing}", *rules]

    def _value(self, tool: ToolSpec, name: str, schema: Mapping[str, Any]) -> str:
        if choices := tool.choices.get(name):
            return " | ".join(quoted(json.dumps(choice, ensure_ascii=False)) for choice in choices)
        match kind_without_bounds(schema):
            case "string":
                return "string"
            case "boolean":
                return '"True" | "False"'
            case "integer":
                return r"/-?(0|[1-9][0-9]{0,8})/"
            case "number":  # a random exponent is soon beyond every float
                return r"/-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?/"
            case _:
                return json_rule(schema, spaced=True)

    def visible(self, text: str) -> str:
        """The words after `Answer: `."""
        return after_mark(text, self.ANSWER)

    def begun(self, text: str, step: int, tools: Sequence[ToolSpec]) -> BegunCall | None:
        """The call whose parenthesis is open."""
        if self._words(text) is not None:
            return None
        text = text.lstrip()
        opening = self._BEGINS.match(text)
        if opening is None:
            return None
        named = _named(opening[1], tools)
        return BegunCall(f"call_{step}", opening[1], _arguments_so_far(text, opening.end(), named))

    def read(self, text: str, step: int, tools: Sequence[ToolSpec]) -> AssistantMessage:
        """A call, or the words after their mark."""
        if (words := self._words(text)) is not None:
            return AssistantMessage(text=words)
        text = text.strip()
        opening = self._BEGINS.match(text)
        if opening is None:
            return AssistantMessage(text=text)
        call_id, name = f"call_{step}", opening[1]
        try:
            arguments = _arguments(text, opening.end(), _named(name, tools))
        except ValueError as error:
            return AssistantMessage(malformed=(MalformedCall(call_id, name, text, str(error)),))
        return AssistantMessage(calls=(ToolCall(call_id, name, arguments),))

    def _words(self, text: str) -> str | None:
        """The words of an answer that has some; `None` for what may be a call."""
        mark = self.ANSWER.strip()
        text = text.strip()
        return text[len(mark) :].strip() if text.startswith(mark) else None


def _literal(value: Any) -> str:
    if isinstance(value, str):
        plain = "\n" not in value or '"""' in value or value.endswith('"')
        return json.dumps(value, ensure_ascii=False) if plain else f'"""{value}"""'
    if value is None or isinstance(value, bool):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


_LONG = re.compile(r'"""(.*?)"""', re.DOTALL)
_CLOSED = re.compile(r"\s*,?\s*\)")
_CONSTANT = re.compile(r"True|False|None")
_CONSTANTS = {"True": True, "False": False, "None": None}


def _named(name: str, tools: Sequence[ToolSpec]) -> re.Pattern[str]:
    """How an argument of a tool begins: those that it has may be called anything, such as `$top`."""
    known = [own for tool in tools if tool.name == name for own in properties_of(tool)]
    longest_first = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    exactly = rf"(?:, )?(?P<own>{longest_first})=|" if known else ""
    return re.compile(rf"{exactly}\s*,?\s*(?P<other>{NAME})\s*=\s*")


def _arguments(text: str, at: int, named: re.Pattern[str]) -> dict[str, Any]:
    """The keyword arguments from position `at` up to the closing parenthesis.

    Raises:
        ValueError: saying what was expected and what was found where.
    """
    arguments: dict[str, Any] = {}
    decoder = json.JSONDecoder(strict=False, parse_float=finite)
    while True:
        if _CLOSED.match(text, at):
            return arguments
        opens = named.match(text, at)
        if opens is None or opens.lastgroup is None:
            raise ValueError(f"expected name=value or a closing parenthesis, found {text[at : at + 40]!r}")
        name, at = opens[opens.lastgroup], opens.end()
        if long := _LONG.match(text, at):
            arguments[name], at = long[1], long.end()
            continue
        if constant := _CONSTANT.match(text, at):
            arguments[name], at = _CONSTANTS[constant[0]], constant.end()
            continue
        try:
            arguments[name], at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            found = text[at : at + 40]
            raise ValueError(f"the value of {name} cannot be read: {error}, found {found!r}") from None


def _arguments_so_far(text: str, at: int, named: re.Pattern[str]) -> str:
    """The same as JSON, of a text that may break off anywhere."""
    written = "{"
    while not _CLOSED.match(text, at):
        opens = named.match(text, at)
        if opens is None or opens.lastgroup is None:
            return written
        value, end = _value_so_far(text, opens.end())
        if not value:
            return written
        comma = ", " if len(written) > 1 else ""
        written += f"{comma}{json.dumps(opens[opens.lastgroup], ensure_ascii=False)}: {value}"
        if end is None:
            return written
        at = end
    return written + "}"


def _value_so_far(text: str, at: int) -> tuple[str, int | None]:
    """A value as JSON, as far as it is known, and where it ended."""
    if text[at : at + 3] in ('"', '""') and at + 3 > len(text):
        return "", None  # of one string or of three quotation marks
    if long := _LONG.match(text, at):
        return json.dumps(long[1], ensure_ascii=False), long.end()
    if text.startswith('"""', at):
        return text_so_far(text[at + 3 :].rstrip('"')), None  # the last marks may be those of the end
    if constant := _CONSTANT.match(text, at):
        return json.dumps(_CONSTANTS[constant[0]]), constant.end()
    return json_so_far(text, at)
