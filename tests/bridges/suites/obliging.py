"""A model that does as it is told, so that a suite says something of the bridge and not of a model."""

import json
import re
from typing import Any

from agentkit import AssistantMessage, ScriptedModel, ToolCall, ToolMessage, ToolSpec
from agentkit.core.protocols import ModelRequest


def obliging() -> ScriptedModel:
    """Calls the tool that it is offered, with what the person said; else answers in the form asked for."""
    return ScriptedModel([answer] * 500, name="scripted:obliging")


def answer(request: ModelRequest) -> AssistantMessage:
    last = request.messages[-1]
    if request.tools and not isinstance(last, ToolMessage):
        spec = _meant(request.tools, last.text)
        call = ToolCall(f"call_{len(request.messages)}", spec.name, filled(spec.parameters, last.text))
        return AssistantMessage(calls=(call,))
    if request.answer_schema is not None:
        return AssistantMessage(json.dumps(filled(request.answer_schema, last.text), ensure_ascii=False))
    return AssistantMessage("Hello there, it is a fine day.")


def filled(schema: dict[str, Any], said: str) -> dict[str, Any]:
    """An object of the schema, made of numbers and quoted words in what was said."""
    keys = re.findall(r"'(\w+)'", said)
    properties: dict[str, Any] = schema.get("properties") or {key: {} for key in keys}
    return {name: _value(part, said) for name, part in properties.items()}


def _value(schema: dict[str, Any], said: str) -> Any:
    kinds = [schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))]
    if "integer" in kinds or "number" in kinds:
        return int(next(iter(re.findall(r"-?\d+", said)), "3"))
    quoted = re.search(r"'([^']+)'", said)
    return quoted[1] if quoted else said[:60]


def _meant(tools: tuple[ToolSpec, ...], said: str) -> ToolSpec:
    return next((one for one in tools if one.name in said), tools[0])
