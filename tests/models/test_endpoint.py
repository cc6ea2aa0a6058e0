"""The examination of a server, against servers of several characters."""

import asyncio
import importlib.util
import re
from contextlib import aclosing
from pathlib import Path

import pytest

from agentkit.core.diagnosis import State
from agentkit.core.messages import AssistantMessage
from agentkit.core.protocols import Answer
from agentkit.models.endpoint.answers import stop as stop_of
from agentkit.models.endpoint.answers import structured
from agentkit.models.endpoint.battery import NO_MODEL, examined
from agentkit.models.endpoint.contract import Endpoint, Heard
from agentkit.models.endpoint.window import listed_window
from agentkit.models.openai_faults import window_in
from agentkit.models.scripted import ScriptedModel

_FILE = Path(__file__).parents[1] / "servers/characters.py"
_spec = importlib.util.spec_from_file_location("characters", _FILE)
characters = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(characters)
CHARACTERS = characters.CHARACTERS


async def examination(url, model="test", seconds=10.0):
    """What was found, by what it is about, and the settings."""
    found, settings = {}, {}
    async for learnt in examined(Endpoint(url, model, None, seconds)):
        found[learnt.diagnosis.about] = learnt.diagnosis
        settings |= learnt.settings
    return found, settings


EVERYTHING = [
    "model list", "model", "answer", "streaming", "usage", "stop", "seed", "tool calls", "parallel calls",
    "many tools", "structured output", "context length", "error form",
    "unknown model",
]  # fmt: skip

WANTED = {
    # character: what is not ok, and the settings beside the model and its address
    "full": ({}, {"context_window": 16384}),
    "vllm without a parser": ({}, {"context_window": 32768, "text_calls": "hermes"}),
    "llama.cpp": (
        {"structured output": State.LACKS, "unknown model": State.LACKS},
        {"context_window": 4096, "text_calls": "hermes"},
    ),
    "ollama": (
        {"seed": State.LACKS, "structured output": State.LACKS, "context length": State.LACKS},
        {"context_window": 1000, "text_calls": "json"},
    ),
    "openai": ({"context length": State.UNKNOWN}, {"max_output_tokens": 16384}),
    "without stop": ({"stop": State.LACKS}, {"context_window": 2048}),
    "without a list": (
        {"model list": State.LACKS, "context length": State.UNKNOWN},
        {"text_calls": "llama3"},
    ),
    "small": ({"many tools": State.LACKS}, {"context_window": 8192, "most_tools": 12}),
    "qwq": ({}, {"context_window": 8192, "thoughts": "opened"}),
    "glm": ({}, {"context_window": 8192, "text_calls": "chatglm3"}),
}


@pytest.mark.parametrize("name", WANTED)
async def test_what_a_server_can_do_is_found(serve, name):
    server = serve(**CHARACTERS[name])
    found, settings = await examination(server.url)
    not_ok, more = WANTED[name]
    assert [about for about in found if about != "thoughts"] == EVERYTHING
    assert ("thoughts" in found) == (name in ("vllm without a parser", "qwq"))
    assert {about: one.state for about, one in found.items() if one.state is not State.OK} == not_ok
    assert settings == {"model": "openai:test", "base_url": server.url, **more}


async def test_a_model_that_calls_nothing_stands_in_the_way(serve):
    found, _ = await examination(serve(**CHARACTERS["no agent"]).url)
    assert found["tool calls"].state is State.FAILS
    assert "I cannot look" in found["tool calls"].found
    assert "trained to call tools" in found["tool calls"].mend
    assert "parallel calls" not in found


async def test_a_server_without_tools_and_a_model_without_calls_stands_in_the_way(serve):
    def answers(asked):
        if "tools" in asked:
            return characters.refused("test does not support tools")
        return {"text": "I cannot."}

    found, _ = await examination(serve(answers=answers, strict=False).url)
    assert found["tool calls"].state is State.FAILS
    assert "does not support tools" in found["tool calls"].found


async def test_a_server_that_hangs_is_left_after_its_first_silence(serve):
    server = serve(**CHARACTERS["hangs"])
    found, settings = await examination(server.url, seconds=0.3)
    assert list(found) == ["model list", "model", "answer"]
    assert found["answer"].state is State.FAILS
    assert "sent nothing for 0.3 s" in found["answer"].found
    assert len(server.bodies) == 1
    assert "context_window" not in settings


async def test_a_server_that_falls_silent_later_is_examined_to_the_end(serve):
    def answers(asked):
        return {"hang": "before"} if "stop" in asked else characters.model(asked)

    found, _ = await examination(serve(answers=answers, strict=False).url, seconds=0.5)
    assert found["stop"].state is State.UNKNOWN
    assert "sent nothing" in found["stop"].found
    assert found["error form"].state is State.OK


async def test_nothing_there_is_said(serve):
    found, _ = await examination(serve(down=True).url)
    assert found["answer"].state is State.FAILS
    assert "cannot be reached" in found["answer"].found
    assert "start the server" in found["answer"].mend


async def test_a_refused_key_is_said(serve):
    found, _ = await examination(serve(key="other").url)
    assert found["answer"].state is State.FAILS
    assert found["answer"].mend == "put the server's key into OPENAI_API_KEY"


async def test_without_a_name_the_first_model_that_is_listed_is_examined(serve):
    server = serve(**CHARACTERS["openai"])
    found, settings = await examination(server.url, model="")
    assert settings["model"] == "openai:test"
    assert found["model list"].found == "test, test-2"
    assert {body["model"] for body in server.bodies} == {"test", NO_MODEL}


@pytest.mark.parametrize("listed", [None, []])
async def test_without_a_name_and_a_list_a_name_is_asked_for(serve, listed):
    found, settings = await examination(serve(**{**CHARACTERS["full"], "listed": listed}).url, model="")
    assert (list(found), settings) == (["model list"], {})
    assert found["model list"].state is State.FAILS
    assert "--model NAME" in found["model list"].mend


async def test_a_model_that_is_not_listed_is_said(serve):
    found, _ = await examination(serve(**CHARACTERS["full"]).url, model="tset")
    assert found["model list"].state is State.LACKS
    assert found["model list"].found == "tset is not in it: test"


async def test_one_piece_no_usage_and_refused_parameters_are_lacks(serve):
    def answers(asked):
        return {**characters.model(asked), "whole": True, "usage": None}

    server = serve(answers=answers, strict=False, refuses=["seed", "stream_options"])
    found, _ = await examination(server.url)
    for about in ("streaming", "usage", "seed", "parameters"):
        assert found[about].state is State.LACKS, about
    assert "seed, stream_options" in found["parameters"].found


async def test_a_wrong_request_that_looks_like_a_failing_server_is_said(serve):
    def answers(asked):
        return characters.model(asked) if asked["messages"] else {"status": 500, "error": {"message": "oops"}}

    found, _ = await examination(serve(answers=answers, strict=False).url)
    assert found["error form"].state is State.LACKS
    assert "ProviderDown" in found["error form"].found


async def test_one_call_where_two_were_asked_for_is_a_lack(serve):
    def answers(asked):
        step = characters.model(asked)
        return {**step, "calls": step["calls"][:1]} if "calls" in step else step

    found, _ = await examination(serve(answers=answers, strict=False).url)
    assert found["parallel calls"].state is State.LACKS


async def test_calls_that_come_only_when_demanded_are_calls(serve):
    def answers(asked):
        return characters.model(asked, calls="native" if asked.get("tool_choice") == "required" else "none")

    found, _ = await examination(serve(answers=answers, strict=False).url)
    assert found["tool calls"].found == "the server makes them when told to"


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        ("This model's maximum context length is 8192 tokens. However", 8192),
        ("request (9000 tokens) exceeds the available context size (4096 tokens), try", 4096),
        ("The input is longer than the model's context length (2,048 tokens).", 2048),
        ("the model is loaded with context length of only 4096 tokens", 4096),
        ("it is too large", 0),
    ],
)
def test_a_refusal_tells_the_window(message, tokens):
    assert window_in(message) == tokens


@pytest.mark.parametrize(
    ("entry", "tokens"),
    [
        ({"id": "m", "max_model_len": 8192}, 8192),
        ({"id": "m", "context_length": 4096}, 4096),
        ({"id": "m", "meta": {"n_ctx": 2048}}, 2048),
        ({"id": "m", "meta": None, "max_model_len": "8192"}, None),
        ({"id": "other", "max_model_len": 8192}, None),
    ],
)
def test_a_list_tells_the_window(entry, tokens):
    assert listed_window([entry], "m") == tokens


FULL = CHARACTERS["full"]
COUNTED = {"text": "1 2 3 4 5 6 7 8 9 10"}
LENGTHY = {"text": " ".join(map(str, range(1, 201)))}
"""Of so many pieces that a reader who is kept from the processor for a moment has still read each at once."""


async def late(to):
    """The address of a proxy that holds back every answer for a while, and then passes it on whole."""

    async def passed(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", asked, re.IGNORECASE)
        asked += await reader.readexactly(int(length[1])) if length else b""
        there, back = await asyncio.open_connection("127.0.0.1", to)
        back.write(asked.replace(b"Connection: keep-alive", b"Connection: close"))
        said = await there.readuntil(b"\r\n\r\n")
        if b"chunked" in said:
            said += await there.readuntil(b"0\r\n\r\n")
        else:
            said += await there.readexactly(int(re.search(rb"content-length: (\d+)", said)[1]))
        await asyncio.sleep(2.5)
        writer.write(said.replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n"))
        await writer.drain()
        writer.close()
        back.close()

    return await asyncio.start_server(passed, "127.0.0.1", 0)


async def only(url, about):
    """What is found of one thing; the examination ends there."""
    async with aclosing(examined(Endpoint(url, "test", None, 10.0))) as learning:
        async for learnt in learning:
            if learnt.diagnosis.about == about:
                return learnt.diagnosis
    raise AssertionError(about)


async def test_an_answer_that_a_proxy_held_back_is_not_called_streamed(serve):
    server = serve({**LENGTHY, "write": 4096, "pause": 0.01}, **FULL)
    async with await late(int(server.url.split(":")[2].split("/")[0])) as proxy:
        found = await only(f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/v1", "streaming")
    assert found.state is State.LACKS, found
    assert "all at once after" in found.found
    assert "proxy" in found.mend


@pytest.mark.parametrize(
    ("pieces", "waited", "took", "held_back"),
    [
        (1, 2.0, 0.0, False),
        (4, 2.0, 0.003, True),
        (4, 2.0, 0.005, False),
        (4, 0.9, 0.003, False),
        (100, 2.0, 0.039, True),
        (100, 2.0, 0.041, False),
    ],
)
def test_pieces_that_come_at_once_after_a_while_were_held_back(pieces, waited, took, held_back):
    answer = Answer(AssistantMessage("1 2 3"))
    assert Heard(answer, pieces, waited, took).held_back is held_back


async def test_an_answer_that_comes_slowly_is_streamed(serve):
    server = serve({**COUNTED, "write": 64, "pause": 0.03}, **FULL)
    assert (await only(server.url, "streaming")).state is State.OK


@pytest.mark.parametrize("how", ["cut", "end"])
async def test_a_stream_that_ends_early_is_told_from_a_wrong_name(serve, how):
    found, _ = await examination(serve({**COUNTED, how: 2}, **FULL).url)
    assert found["answer"].state is State.FAILS
    assert "StreamCut" in found["answer"].found
    assert "time limits" in found["answer"].mend


async def test_a_name_that_is_none_and_looks_like_a_failing_server_is_said(serve):
    def answers(asked):
        known = asked["model"] == "test"
        return characters.model(asked) if known else characters.refused("no worker for it", 500)

    found, _ = await examination(serve(answers=answers, strict=False).url)
    assert found["unknown model"].state is State.LACKS
    assert "would be tried again" in found["unknown model"].found


async def test_brackets_without_end_are_no_structured_output():
    learnt = await structured(ScriptedModel(["[" * 100_000]))
    assert learnt.diagnosis.state is State.LACKS
    assert learnt.diagnosis.found.startswith("ignored: '[[[")


@pytest.mark.parametrize("heeds", [True, False])
async def test_words_that_are_repeated_with_capitals_tell_of_stop_as_well(serve, heeds):
    def answers(asked):
        text = "1. Alpha Beta Gamma Delta"
        for stop in asked["stop"] if heeds else ():
            text = text.split(stop)[0]
        return {"text": text}

    server = serve(answers=answers, strict=False)
    model = Endpoint(server.url, "test").connected()
    found = (await stop_of(model)).diagnosis
    await model.aclose()
    assert found.state is (State.OK if heeds else State.LACKS)
    assert ("Gamma" in found.found) is not heeds
