"""The loop before vLLM and SGLang, as their servers are seen from outside: what each streams and refuses."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from agentkit.assembly import Outcome, Surroundings, run_goal
from agentkit.core.events import Ending
from agentkit.journal.memory import MemoryLog
from agentkit.settings import load_settings

USAGE = {"prompt_tokens": 30, "total_tokens": 42, "completion_tokens": 12, "prompt_tokens_details": None}
ARGUMENTS = ('{"path": ', '"todo', '.md"}')


def vllm(deltas: Iterable[dict[str, Any]], finish: str, *, thoughts: str = "reasoning_content") -> str:
    """Its stream: what is missing is left out, a call's name comes without arguments, ids are long."""
    chunks = [{"role": "assistant", "content": ""}, {thoughts: "I look."}, *deltas]
    sent = [choice(delta, None, logprobs=None) for delta in chunks]
    sent.append(choice({"content": ""}, finish, stop_reason=None))
    return stream([*sent, {"choices": [], "usage": USAGE}])


def vllm_call() -> list[dict[str, Any]]:
    named = {"id": "chatcmpl-tool-9f02b1c44d", "type": "function", "index": 0}
    named["function"] = {"name": "read_file"}
    return [
        {"tool_calls": [one]}
        for one in (named, *({"index": 0, "function": {"arguments": part}} for part in ARGUMENTS))
    ]


def sglang(deltas: Iterable[dict[str, Any]], finish: str) -> str:
    """Its stream: what is missing is null, later pieces of a call have a null id and name."""
    nothing = {"role": None, "content": None, "reasoning_content": None, "tool_calls": None}
    chunks = [{"role": "assistant", "content": ""}, {"reasoning_content": "I look."}, *deltas]
    sent = [choice({**nothing, **delta}, None, matched_stop=None) for delta in chunks]
    sent.append(choice(nothing, finish, matched_stop=None if finish == "tool_calls" else 151645))
    return stream([*({**chunk, "usage": None} for chunk in sent), {"choices": [], "usage": USAGE}])


def sglang_call() -> list[dict[str, Any]]:
    def piece(name: str | None, arguments: str, known: str | None) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        return {"tool_calls": [{"id": known, "index": 0, "type": "function", "function": function}]}

    later = [piece(None, part, None) for part in ARGUMENTS]
    return [piece("read_file", "", "call_5d3e0a"), *later]


def choice(delta: dict[str, Any], finish: str | None, **more: Any) -> dict[str, Any]:
    one = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [one]}


def stream(chunks: Iterable[dict[str, Any]]) -> str:
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


STREAMS: dict[str, tuple[str, str]] = {
    "vllm": (vllm(vllm_call(), "tool_calls"), vllm([{"content": "Buy "}, {"content": "milk."}], "stop")),
    "vllm, newer": (
        vllm(vllm_call(), "tool_calls", thoughts="reasoning"),
        vllm([{"content": "Buy milk."}], "stop", thoughts="reasoning"),
    ),
    "sglang": (sglang(sglang_call(), "tool_calls"), sglang([{"content": "Buy milk."}], "stop")),
}


@pytest.fixture
def folder(workspace: Path) -> Path:
    (workspace / "todo.md").write_text("buy milk\n")
    return workspace


async def run_on(server: Any, folder: Path, log: MemoryLog, **more: Any) -> Outcome:
    given = {
        "model": "openai:mine",
        "base_url": server.url,
        "workspace": str(folder),
        "journal": str(folder.parent / "journal.db"),
        **more,
    }
    return await run_goal("What is to do?", load_settings(given), Surroundings(log=log))


@pytest.mark.parametrize("name", STREAMS)
async def test_the_loop_calls_and_ends_before_each(
    serve: Callable[..., Any], folder: Path, name: str
) -> None:
    server = serve(*({"raw": raw} for raw in STREAMS[name]))
    outcome = await run_on(server, folder, MemoryLog())
    assert (outcome.ended.ending, outcome.ended.result) == (Ending.FINISHED, "Buy milk.")
    first, second = server.bodies
    assert first["model"] == "mine"  # an adapter is named as a model
    called, answered = second["messages"][-2:]
    (call,) = called["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"path": "todo.md"}
    assert (answered["role"], answered["tool_call_id"]) == ("tool", call["id"])
    assert "buy milk" in answered["content"]
    assert "I look." not in str(second["messages"])  # thoughts are not sent back


def alone(message: str) -> dict[str, Any]:
    """An error as SGLang writes it, and vLLM did: its fields without one around them."""
    said = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
    return {"status": 400, "body": json.dumps(said)}


def within(message: str) -> dict[str, Any]:
    """As vLLM writes it now."""
    return {
        "status": 400,
        "error": {"message": message, "type": "BadRequestError", "param": None, "code": 400},
    }


NO_PARSER = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


@pytest.mark.parametrize("form", [alone, within])
async def test_a_server_without_a_parser_has_its_calls_read_from_the_text(
    serve: Callable[..., Any], folder: Path, form: Callable[[str], dict[str, Any]]
) -> None:
    written = '<tool_call>\n{"name": "read_file", "arguments": {"path": "todo.md"}}\n</tool_call>'
    server = serve(form(NO_PARSER), {"text": written}, {"text": "Buy milk."})
    outcome = await run_on(server, folder, MemoryLog(), text_calls="hermes")
    assert (outcome.ended.ending, outcome.ended.result) == (Ending.FINISHED, "Buy milk.")
    assert ["tools" in body for body in server.bodies] == [True, False, False]
    assert "buy milk" in str(server.bodies[-1]["messages"])


TOO_LONG = {
    "vllm": within(
        "This model's maximum context length is 4096 tokens. However, you requested 5012 tokens (4500 in "
        "the messages, 512 in the completion). Please reduce the length of the messages or completion."
    ),
    "sglang, input": alone(
        "The input (5012 tokens) is longer than the model's context length (4096 tokens)."
    ),
    "sglang, both": alone(
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a "
        "total of 5012 tokens: 4500 tokens from the input messages and 512 tokens for the completion."
    ),
}


@pytest.mark.parametrize("name", TOO_LONG)
async def test_a_request_that_is_too_long_for_one_is_made_shorter(
    serve: Callable[..., Any], folder: Path, name: str
) -> None:
    server = serve({"raw": STREAMS["vllm"][0]}, TOO_LONG[name], {"text": "Buy milk."})
    outcome = await run_on(server, folder, MemoryLog(), context_window=32768)
    assert (outcome.ended.ending, outcome.ended.result) == (Ending.FINISHED, "Buy milk.")
    _, refused, again = server.bodies
    assert (refused["max_tokens"], again["max_tokens"]) == (4096, 1024)  # a quarter of the window it told
