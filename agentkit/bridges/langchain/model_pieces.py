"""What LangChain's chat models are asked with and answer with, of what ours are."""

import json
from typing import Any, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCallChunk

from agentkit.bridges.langchain.messages import answer_to_langchain
from agentkit.core.errors import UsageError
from agentkit.core.protocols import Answer, ChatModel
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Usage


def chosen(tools: list[dict[str, Any]], choice: Any) -> tuple[list[dict[str, Any]], bool]:
    """The tools that are offered, and whether one must be called."""
    if isinstance(choice, dict):
        given = cast("dict[str, Any]", choice)
        choice = given.get("function", given).get("name")
    if choice in (None, False, "auto"):
        return tools, False
    if choice == "none":
        return [], False
    if choice in (True, "any", "required"):
        return tools, True
    named = [one for one in tools if one["function"]["name"] == choice]
    if not named:
        known = ", ".join(one["function"]["name"] for one in tools) or "none"
        raise UsageError(f"tool_choice = {choice!r} is the name of no tool; the tools: {known}")
    return named, True


def spec_of(tool: dict[str, Any]) -> ToolSpec:
    """A tool of ours, of one in OpenAI's form."""
    function = tool["function"]
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    return ToolSpec(function["name"], function.get("description", ""), function.get("parameters") or empty)


def last_chunk(model: ChatModel, answer: Answer, *, said: bool) -> AIMessageChunk:
    """What a stream ends with: what is known only now, and the text of a model that streams none."""
    whole = answer_to_langchain(answer.message)
    calls = [
        ToolCallChunk(
            name=call["name"],
            args=json.dumps(call["args"], ensure_ascii=False),
            id=call["id"],
            index=place,
            type="tool_call_chunk",
        )
        for place, call in enumerate(whole.tool_calls)
    ]
    broken = [
        ToolCallChunk(
            name=call["name"], args=call["args"], id=call["id"], index=place, type="tool_call_chunk"
        )
        for place, call in enumerate(whole.invalid_tool_calls, len(calls))
    ]
    return AIMessageChunk(
        content="" if said else answer.message.text,
        tool_call_chunks=[*calls, *broken],
        additional_kwargs=whole.additional_kwargs,
        usage_metadata=usage_of(answer.usage),
        response_metadata=metadata_of(model, answer),
        chunk_position="last",
    )


def usage_of(usage: Usage) -> UsageMetadata:
    """What an answer took, in tokens."""
    told = UsageMetadata(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=usage.total
    )
    if usage.cached_tokens:
        told["input_token_details"] = InputTokenDetails(cache_read=usage.cached_tokens)
    return told


def metadata_of(model: ChatModel, answer: Answer) -> dict[str, Any]:
    """What else is known of an answer."""
    return {"model_name": model.name, "model_provider": "agentkit", "finish_reason": answer.finish}
