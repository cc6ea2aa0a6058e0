"""Calls in text over a real server: recovered where they are declared, and told of in words if need be."""

import json

import pytest

from agentkit.core.errors import BadRequest
from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.protocols import ModelRequest, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.models.openai_api import OpenAIModel, profile_of
from agentkit.models.retries import Retries

READ = ToolSpec("read_file", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
REQUEST = ModelRequest((SystemMessage("Be brief."), UserMessage("What is there?")), (READ,))
WRITTEN = {
    "hermes": '<tool_call>{"name": "read_file", "arguments": {"path": "ü.txt"}}</tool_call>',
    "llama3": '{"name": "read_file", "parameters": {"path": "ü.txt"}}',
    "chatglm3": "read_file\n```python\ntool_call(path='ü.txt')\n```",
    "json": '```json\n{"name": "read_file", "arguments": {"path": "ü.txt"}}\n```',
}


def model_at(url, form, told=None):
    return OpenAIModel(
        "test",
        api_key=None,
        base_url=url,
        profile=profile_of(text_calls=form),
        retries=Retries(attempts=1),
        on_wait=told.append if told is not None else None,
    )


async def asked(model, request=REQUEST):
    return [piece async for piece in model.stream(request)]


@pytest.mark.parametrize("form", WRITTEN)
async def test_a_call_written_as_text_becomes_a_call_and_is_not_shown(serve, form):
    model = model_at(
        serve({"text": f"I look.\n{WRITTEN[form]}" if form != "llama3" else WRITTEN[form]}).url, form
    )
    *pieces, answer = await asked(model)
    assert [(call.name, call.arguments) for call in answer.message.calls] == [
        ("read_file", {"path": "ü.txt"})
    ]
    assert answer.finish == "calls"
    shown = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    assert shown == answer.message.text
    assert shown in ("I look.", "")
    await model.aclose()


async def test_undeclared_it_stays_a_text(serve):
    for text in WRITTEN.values():
        model = model_at(serve({"text": text}).url, None)
        answer = (await asked(model))[-1]
        assert (answer.message, answer.finish) == (AssistantMessage(text), "stop")
        await model.aclose()


async def test_what_was_held_back_and_is_no_call_is_shown_in_the_end(serve):
    text = '{"port": 80} and "{"name'
    model = model_at(serve({"text": text, "piece": 2}).url, "llama3")
    *pieces, answer = await asked(model)
    assert "".join(piece.text for piece in pieces) == answer.message.text == text
    await model.aclose()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "registry.ollama.ai/library/m does not support tools"),
        (500, "tools param requires --jinja flag"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
    ],
)
@pytest.mark.parametrize("form", WRITTEN)
async def test_a_server_without_tools_is_told_of_them_in_words(serve, form, status, message):
    refusal = {"status": status, "error": {"message": message}}
    server, told = serve(refusal, {"text": WRITTEN[form]}, {"text": "It holds the ports."}), []
    model = model_at(server.url, form, told)
    first = (await asked(model))[-1].message
    assert first.calls[0].arguments == {"path": "ü.txt"}
    assert any("asking again without tools" in one for one in told)
    result = ToolMessage(first.calls[0].id, "read_file", "port 80")
    answer = (await asked(model, ModelRequest((*REQUEST.messages, first, result), (READ,))))[-1]
    assert answer.message.text == "It holds the ports."
    sent = server.bodies[2]
    assert not {"tools", "tool_choice"} & set(sent)
    system, _, assistant, user = sent["messages"]
    assert system["content"].startswith("Be brief.")
    assert "Read a file." in system["content"]
    assert "tool_calls" not in assistant
    assert "ü.txt" in assistant["content"]
    assert user == {"role": "user", "content": "Result of read_file: port 80"}
    await model.aclose()


async def test_a_conversation_without_instructions_is_told_of_the_tools_too(serve):
    server = serve({"status": 400, "error": {"message": "m does not support tools"}}, {"text": "ok"})
    model = model_at(server.url, "hermes")
    await asked(model, ModelRequest((UserMessage("hi"),), (READ,)))
    assert "Read a file." in server.bodies[1]["messages"][0]["content"]
    await model.aclose()


async def test_without_a_declared_form_a_server_without_tools_is_a_bad_request(serve):
    server = serve({"status": 400, "error": {"message": "m does not support tools"}})
    model = model_at(server.url, None)
    with pytest.raises(BadRequest, match="does not support tools"):
        await asked(model)
    assert len(server.bodies) == 1
    await model.aclose()


async def test_an_unreadable_call_goes_back_as_it_was_written(serve):
    server = serve({"status": 400, "error": {"message": "m does not support tools"}}, {"text": "ok"})
    model = model_at(server.url, "hermes")
    broken = AssistantMessage(malformed=(MalformedCall("c", "read_file", '{"name": "read', "it is cut"),))
    told = ToolMessage("c", "read_file", "this call could not be read", failed=True)
    await asked(model, ModelRequest((UserMessage("hi"), broken, told), (READ,)))
    words = json.dumps(server.bodies[1]["messages"])
    assert "Error of read_file: this call could not be read" in words
    assert '{\\"name\\": \\"read' in words.replace("\\\\", "\\")
    await model.aclose()


async def test_a_recovered_call_is_a_call_in_the_conversation_that_is_sent(serve):
    server = serve({"text": "ok"})
    model = model_at(server.url, "hermes")
    said = AssistantMessage(calls=(ToolCall("c1", "read_file", {"path": "a"}),), reasoning="hm")
    await asked(model, ModelRequest((UserMessage("hi"), said, ToolMessage("c1", "read_file", "x")), (READ,)))
    assert server.bodies[0]["messages"][1]["tool_calls"][0]["id"] == "c1"
    await model.aclose()


def test_a_small_window_leaves_room_for_the_question():
    profile = profile_of(context_window=4096)
    assert (profile.context_window, profile.max_output_tokens) == (4096, 1024)
    assert profile_of().max_output_tokens == 4096
