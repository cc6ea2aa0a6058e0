"""Calls as JSON between tags, as Hermes and Qwen models are trained on."""

import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from agentkit.core.messages import AssistantMessage, MalformedCall, Message, ToolCall, ToolMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.arguments import finite
from agentkit.models.dialects.contract import Turn, turns_of


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

    def read(self, text: str, step: int, tools: Sequence[ToolSpec]) -> AssistantMessage:  # noqa: ARG002
        """The text before the first tag, and every call between tags."""
        pieces = re.split(r"<tool_call>(.*?)(?:</tool_call>|\Z)", text, flags=re.DOTALL)
        calls: list[ToolCall] = []
        malformed: list[MalformedCall] = []
        for index, body in enumerate(pieces[1::2]):
            call_id = f"call_{step}_{index}"
            try:
                call = json.loads(body, parse_float=finite)
                calls.append(ToolCall(call_id, str(call["name"]), dict(call.get("arguments") or {})))
            except (ValueError, TypeError, KeyError) as error:
                malformed.append(MalformedCall(call_id, "unknown", body.strip(), f"it is no call: {error}"))
        return AssistantMessage("".join(pieces[0::2]).strip(), tuple(calls), tuple(malformed))


def _with_choices(tool: ToolSpec) -> dict[str, Any]:
    schema = dict(tool.parameters)
    properties = {
        name: {"enum": list(tool.choices[name])} if tool.choices.get(name) else part
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}
