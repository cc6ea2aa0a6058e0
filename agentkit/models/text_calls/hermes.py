"""Calls of Hermes and Qwen models: JSON between `<tool_call>` tags."""

import json
from collections.abc import Collection

import regex

from agentkit.core.messages import ToolCall
from agentkit.models.text_calls.contract import Form, Found, Written, broken, fault_at, past, run_of_calls

CLOSE = "</tool_call>"
_BEGIN = regex.compile(r"\s*(?:```\w*\s*)?")
_END = regex.compile(r"\s*(?:```\s*)?(?:</tool_call>|(?=<tool_call>)|\Z)")


def _at(text: str, mark: "regex.Match[str]", names: Collection[str]) -> Found:  # noqa: ARG001
    """Between tags everything is meant as a call, whatever it names."""
    begun = past(_BEGIN, text, mark.end())
    found = run_of_calls(text, begun, None)
    closed = _END.match(text, found.end)
    if found.calls and closed:
        return Found(found.calls, closed.end())
    end = text.find(CLOSE, mark.end())
    body = text[begun : end if end >= 0 else len(text)].strip()
    wrong = "something follows its JSON" if found.calls else fault_at(text, begun)
    call = broken(body, wrong, None)
    return Found((call or Written("unknown", body, wrong),), end + len(CLOSE) if end >= 0 else len(text))


def _text(call: ToolCall) -> str:
    body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


HERMES = Form(
    mark=regex.compile("<tool_call>"),
    at=_at,
    words=(
        "To call a tool, answer with one JSON object inside tags for each call:\n"
        '<tool_call>\n{"name": <tool name>, "arguments": <arguments object>}\n</tool_call>\nThe tools:'
    ),
    call_text=_text,
)
