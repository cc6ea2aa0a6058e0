"""Calls of Llama 3 models: `{"name", "parameters"}`, bare at the head of an answer or after a tag."""

import json
from collections.abc import Collection

import regex

from agentkit.core.messages import ToolCall
from agentkit.models.text_calls.contract import Form, Found, broken, fault_at, past, run_of_calls

_SPACE = regex.compile(r"\s*")
_END = regex.compile(r"[\s;]*(?:<\|eo[mt]_id\|>)?")


def _at(text: str, mark: "regex.Match[str]", names: Collection[str]) -> Found | None:
    tagged = mark[0].endswith(">")
    begun = past(_SPACE, text, mark.end() if tagged else mark.start())
    # without a tag, only the name of a tool makes JSON a call
    known = None if tagged else names
    found = run_of_calls(text, begun, known)
    if found.calls:
        return Found(found.calls, past(_END, text, found.end))
    wrong = fault_at(text, begun)
    call = broken(text[begun:], wrong, known) if tagged or "not valid" in wrong else None
    return Found((call,), len(text)) if call else None


def _text(call: ToolCall) -> str:
    return json.dumps({"name": call.name, "parameters": call.arguments}, ensure_ascii=False)


LLAMA3 = Form(
    mark=regex.compile(r"\A\s*\{|<\|python_tag\|>"),
    at=_at,
    words=(
        "To call a function, answer with nothing but JSON of this form, several separated by a semicolon: "
        '{"name": function name, "parameters": dictionary of argument name and its value}\nThe functions:'
    ),
    call_text=_text,
)
