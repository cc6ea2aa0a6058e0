"""Calls of ChatGLM 3: the tool's name on a line, then `tool_call(name=value)` as Python."""

import ast
import json
import warnings
from collections.abc import Collection, Iterator
from itertools import islice

import regex

from agentkit.core.messages import ToolCall
from agentkit.models.text_calls.contract import Form, Found, Written, past

MOST_ENDS = 32
"""Places tried for the end of a call whose arguments hold the mark of its end."""
_END = regex.compile(r"\n[ \t]*```|\Z")
_AFTER = regex.compile(r"\s*(?:<\|observation\|>)?\s*")


def _at(text: str, mark: "regex.Match[str]", names: Collection[str]) -> Found:  # noqa: ARG001
    name, begun = mark[1], mark.start(2)
    wrong, end = "", len(text)
    for place, after in islice(_ends(text, begun), MOST_ENDS):
        try:
            arguments = _arguments(text[begun:place].strip())
        except ValueError as error:
            # the first end is the likeliest, so what is wrong there is told
            wrong, end = wrong or str(error), end if wrong else after
            continue
        return Found((Written(name, arguments),), past(_AFTER, text, after))
    return Found((Written(name, text[begun:end].strip(), wrong),), end)


def _ends(text: str, begun: int) -> Iterator[tuple[int, int]]:
    return ((end.start(), end.end()) for end in _END.finditer(text, begun))


def _arguments(code: str) -> str:
    """The named arguments of one Python call, as JSON; nothing of it is run.

    Raises:
        ValueError: it is not one call, or an argument is not a plain value.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape is the model's, not a warning for a person
            call = ast.parse(code, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
        raise ValueError(f"it is not a Python call: {reason}") from error
    if not isinstance(call, ast.Call) or call.args:
        raise ValueError("every argument must be given by its name, as in tool_call(path='a.txt')")
    values: dict[str, object] = {}
    for keyword in call.keywords:
        try:
            value = ast.literal_eval(keyword.value)
            json.dumps(value)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise ValueError(f"the value of {keyword.arg or '**'} is not a plain value") from error
        if keyword.arg is None:
            raise ValueError("every argument must be given by its name, as in tool_call(path='a.txt')")
        values[keyword.arg] = value
    return json.dumps(values)


def _text(call: ToolCall) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    return f"{call.name}\n ```python\ntool_call({given})\n```"


CHATGLM3 = Form(
    mark=regex.compile(
        r"^[ \t]*(?:<\|assistant\|>)?[ \t]*([A-Za-z_][\w.-]{0,63})[ \t]*\n\s*```(?:python)?\s*(tool_call\()",
        regex.MULTILINE,
    ),
    at=_at,
    words=(
        "To call a tool, answer with its name on a line of its own and then its arguments, like this:\n"
        "tool_name\n ```python\ntool_call(name='value')\n```\nThe tools:"
    ),
    call_text=_text,
)
