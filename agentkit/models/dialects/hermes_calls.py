"""Calls as JSON between tags, as Hermes and Qwen models are trained on."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from agentkit.core.messages import AssistantMessage, MalformedCall, Message, ToolCall, ToolMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.arguments import finite
from agentkit.models.dialects.begun import BegunCall, json_so_far
from agentkit.models.dialects.contract import Turn, definitions_of, json_rule, turns_of


class HermesCalls:
    """Calls as JSON between `<tool_call>` tags, as Hermes and Qwen models are trained on."""

    shows_schemas: ClassVar[bool] = True

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
        return turns_of(messages, words if tools else "", self._call, self._told, "")

    def _call(self, call: ToolCall) -> str:
        body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
        return f"<tool_call>\n{body}\n</tool_call>"

    def _told(self, message: ToolMessage) -> str:
        return f"<tool_response>\n{message.text}\n</tool_response>"

    def grammar(
        self,
        tools: Sequence[ToolSpec],
        *,
        must_call: bool = False,
        answer_schema: Mapping[str, Any] | None = None,
    ) -> str:
        """Text without a tag, or JSON if it has to be some; or one call that fits its tool's schema."""
        calls = [
            json_rule(
                {
                    **definitions_of(tool),
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
                },
                spaced=True,
            )
            for tool in tools
        ]
        options = " | ".join(f"call_{index}" for index in range(len(calls)))
        rules = [f"call_{index}: {rule}" for index, rule in enumerate(calls)]
        call = '"<tool_call>\\n" call "\\n</tool_call>"'
        words = "TEXT" if answer_schema is None else "answer"
        start = call if must_call else f"{words} | {call}"
        head = [f"start: {start}", f"call: {options}"] if calls else [f"start: {words}"]
        if answer_schema is not None:
            rules.append(f"answer: {json_rule(answer_schema)}")
        return "\n".join([*head, r"TEXT: /[^<](?s:.*)/ & ~/(?s:.*)<tool_call>(?s:.*)/", *rules])

    def visible(self, text: str) -> str:
        """The text before a tag, or before what may become one."""
        return text.split("<", 1)[0]

    def begun(self, text: str, step: int, tools: Sequence[ToolSpec]) -> BegunCall | None:  # noqa: ARG002
        """The call that the answer begins with: its tool is certain when its name is closed."""
        found = _BEGUN.match(text)
        if found is None:
            return None
        arguments = json_so_far(text, found.end())[0] if found["opened"] is not None else ""
        return BegunCall(f"call_{step}_0", json.loads(found["name"], strict=False), arguments)

    def read(self, text: str, step: int, tools: Sequence[ToolSpec]) -> AssistantMessage:
        """The text before the first tag, and every call between tags."""
        if text.lstrip().startswith(("{", "[", '"')):
            return AssistantMessage(text.strip())  # JSON that was asked for: its strings may hold tags
        pieces = re.split(r"<tool_call>(.*?)(?:</tool_call>|\Z)", text, flags=re.DOTALL)
        calls: list[ToolCall] = []
        malformed: list[MalformedCall] = []
        for index, body in enumerate(pieces[1::2]):
            call_id = f"call_{step}_{index}"
            try:
                call = json.loads(body, parse_float=finite)
                calls.append(ToolCall(call_id, str(call["name"]), dict(call.get("arguments") or {})))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                begun = self.begun(text, step, tools)
                name = begun.name if begun is not None and begun.id == call_id else "unknown"
                malformed.append(MalformedCall(call_id, name, body.strip(), f"it is no call: {error}"))
        return AssistantMessage("".join(pieces[0::2]).strip(), tuple(calls), tuple(malformed))


_BEGUN = re.compile(
    r'\s*<tool_call>\s*\{\s*"name"\s*:\s*(?P<name>"(?:[^"\\]|\\["\\/bfnrt])*")'
    r'(?P<opened>\s*,\s*"arguments"\s*:\s*(?=\{))?'
)


def _with_choices(tool: ToolSpec) -> dict[str, Any]:
    schema = dict(tool.parameters)
    properties = {
        name: {"enum": list(tool.choices[name])} if tool.choices.get(name) else part
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}
