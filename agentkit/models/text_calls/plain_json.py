"""Calls as JSON and nothing else to tell them by: at the head of a line, or in a fenced block."""

import json
from collections.abc import Collection

import regex

from agentkit.core.messages import ToolCall
from agentkit.models.text_calls.contract import Form, Found, broken, fault_at, run_of_calls

_FENCE_END = regex.compile(r"\s*(?:```|\Z)")
_CLOSE = regex.compile(r"\n[ \t]*```|\Z")


def _at(text: str, mark: "regex.Match[str]", names: Collection[str]) -> Found | None:
    fenced = mark[1] is not None
    begun = mark.start(2)
    found = run_of_calls(text, begun, names)
    closed = _FENCE_END.match(text, found.end)
    if found.calls and not fenced:
        return found
    if found.calls and closed:
        return Found(found.calls, closed.end())
    wrong = "something follows its JSON" if found.calls else fault_at(text, begun)
    if "is JSON" in wrong:
        return None
    end = _CLOSE.search(text, begun) if fenced else None
    call = broken(text[begun : end.start() if end else len(text)], wrong, names)
    return Found((call,), end.end() if end else len(text)) if call else None


def _text(call: ToolCall) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)


PLAIN_JSON = Form(
    mark=regex.compile(
        r"(?:(```\w*\s*)|^[ \t]*)"
        r"((?:\[\s*)?\{\s*\"(?:name|function|type|id|arguments|parameters|tool_calls)\")",
        regex.MULTILINE,
    ),
    at=_at,
    words=(
        "To call a tool, answer with nothing but one JSON object on a line for each call: "
        '{"name": <tool name>, "arguments": <arguments object>}\nThe tools:'
    ),
    call_text=_text,
)
