import asyncio
import json
import random
import subprocess
import sys
import time
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    MalformedStream,
    MissingKey,
    ModelError,
    ProviderDown,
    QuotaExceeded,
    RateLimited,
    StreamCut,
    UsageError,
)
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Usage
from agentkit.models.openai_api import OpenAIModel
from agentkit.models.openai_server import Timeouts
from agentkit.models.retries import Retries

KEY = "sk-proj-0123456789abcdefghijklmnop"
READ = ToolSpec("read_file", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
REQUEST = ModelRequest((SystemMessage("Be brief."), UserMessage("What is there?")), (READ,))
REPORTED = Usage(11, 5, 3)
OVERFLOW = {
    "message": "This model's maximum context length is 8192 tokens.",
    "code": "context_length_exceeded",
}


class Waits:
    """Stands in for sleep and for the person: keeps what it is told."""

    def __init__(self):
        self.seconds, self.told = [], []

    async def sleep(self, seconds):
        self.seconds.append(seconds)


@asynccontextmanager
async def connected(url, waits=None, **options):
    waits = waits or Waits()
    options = {
        "api_key": KEY,
        "timeouts": Timeouts(connect=2, idle=5),
        "retries": Retries(attempts=4, first_wait=1, longest_wait=60),
        "rng": random.Random(7),
        **options,
    }
    name = options.pop("name", "test")
    model = OpenAIModel(name, base_url=url, sleep=waits.sleep, on_wait=waits.told.append, **options)
    try:
        yield model
    finally:
        await model.aclose()


async def asked(url, request=REQUEST, waits=None, **options):
    """Everything one request yields."""
    async with connected(url, waits, **options) as model:
        return [piece async for piece in model.stream(request)]


async def answered(url, request=REQUEST, waits=None, **options):
    return (await asked(url, request, waits, **options))[-1]


async def failed(error, url, request=REQUEST, waits=None, **options):
    """The error's message, after checking that no trace of it shows the key."""
    with pytest.raises(error) as caught:
        await asked(url, request, waits, **options)
    assert type(caught.value) is error
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in shown
    return str(caught.value)


# answers


async def test_text_is_streamed_and_then_the_whole_answer(serve):
    *pieces, answer = await asked(serve({"text": "Two files, wörld 😀.", "reasoning": "Let me see."}).url)
    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == "Two files, wörld 😀."
    message = AssistantMessage("Two files, wörld 😀.", reasoning="Let me see.")
    assert answer == Answer(message, REPORTED, "stop")


async def test_parallel_calls_are_joined_from_their_fragments(serve):
    calls = [
        {"name": "read_file", "arguments": {"path": "a long name.txt"}, "id": "x1"},
        {"name": "read_file", "arguments": {"path": "ü"}, "id": "x2"},
    ]
    answer = await answered(serve({"text": "I read.", "calls": calls, "piece": 3}).url)
    assert answer.finish == "calls"
    assert answer.message.text == "I read."
    assert answer.message.calls == (
        ToolCall("x1", "read_file", {"path": "a long name.txt"}),
        ToolCall("x2", "read_file", {"path": "ü"}),
    )


async def test_calls_without_ids_get_their_own(serve):
    calls = [{"name": "read_file", "arguments": {}, "id": None}] * 2
    answer = await answered(serve({"calls": calls}).url)
    ids = {call.id for call in answer.message.calls}
    assert len(ids) == 2
    assert all(ids)


async def test_an_id_that_the_conversation_already_has_is_made_anew(serve):
    before = (
        AssistantMessage(calls=(ToolCall("call_0", "read_file", {}),)),
        ToolMessage("call_0", "read_file", "hi"),
    )
    answer = await answered(
        serve({"calls": [{"name": "read_file"}]}).url, ModelRequest((*REQUEST.messages, *before), (READ,))
    )
    assert answer.message.calls[0].id != "call_0"


async def test_an_unknown_tool_is_a_call_like_any_other(serve):
    answer = await answered(serve({"calls": [{"name": "fly", "arguments": {"to": "moon"}}]}).url)
    assert answer.message.calls == (ToolCall("call_0", "fly", {"to": "moon"}),)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ('{"path": "notes', "line 1 column 10"),
        ('{"path": NaN}', "NaN"),
        ('["notes.txt"]', "must be a JSON object, not a list"),
        ('{"path": "a"} {"path": "b"}', "Extra data: line 1 column 15"),
        ('{"path": "\\ud800"}', "half of a surrogate pair"),
        ("path=notes.txt", "line 1 column 1"),
    ],
)
async def test_malformed_arguments_are_told_and_neither_run_nor_taken_as_text(serve, arguments, error):
    answer = await answered(serve({"calls": [{"name": "read_file", "arguments": arguments}]}).url)
    assert (answer.message.calls, answer.message.text) == ((), "")
    (malformed,) = answer.message.malformed
    assert (malformed.name, malformed.text) == ("read_file", arguments)
    assert error in malformed.error


async def test_no_arguments_at_all_are_none(serve):
    answer = await answered(serve({"calls": [{"name": "look", "arguments": ""}]}).url)
    assert answer.message.calls == (ToolCall("call_0", "look", {}),)


@pytest.mark.parametrize("arguments", ['{"path": "no', ""])
async def test_a_call_cut_by_the_token_limit_says_so(serve, arguments):
    calls = [{"name": "look", "arguments": {}}, {"name": "read_file", "arguments": arguments}]
    answer = await answered(serve({"calls": calls, "finish": "length"}).url)
    assert answer.finish == "length"
    assert [call.name for call in answer.message.calls] == ["look"]
    assert "cut off by the token limit" in answer.message.malformed[0].error


async def test_a_text_cut_by_the_token_limit_says_so(serve):
    answer = await answered(serve({"text": "It ho", "finish": "length"}).url)
    assert answer == Answer(AssistantMessage("It ho"), REPORTED, "length")


async def test_the_content_filter_is_an_error(serve):
    assert "content filter" in await failed(BadRequest, serve({"text": "I", "finish": "content_filter"}).url)


async def test_a_server_that_does_not_stream_works_too(serve):
    step = {"text": "Two.", "calls": [{"name": "look", "arguments": {"a": 1}}], "whole": True}
    answer = await answered(serve(step).url)
    assert answer.message == AssistantMessage("Two.", (ToolCall("call_0", "look", {"a": 1}),))
    assert answer.usage == REPORTED


async def test_usage_is_estimated_when_the_server_reports_none_and_the_person_is_told_once(serve):
    server, waits = serve({"text": "Two files.", "usage": None, "times": 2}), Waits()
    async with connected(server.url, waits) as model:
        for _ in range(2):
            answer = [piece async for piece in model.stream(REQUEST)][-1]
            assert answer.usage.input_tokens == model.estimate(REQUEST)
            assert answer.usage.output_tokens >= 3
            assert answer.usage.estimated
    assert ["estimated" in told for told in waits.told] == [True]


# requests


async def test_the_request_on_the_wire(serve):
    server = serve({"text": "ok"})
    request = ModelRequest(
        REQUEST.messages, (READ,), max_tokens=77, temperature=0.5, top_p=0.9, top_k=40, seed=3, stop=("END",)
    )
    await asked(server.url, request)
    assert server.bodies == [
        {
            "model": "test",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is there?"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "read_file",
                        "description": "Read a file.",
                        "parameters": READ.parameters,
                    },
                }
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 77,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "seed": 3,
            "stop": ["END"],
        }
    ]
    assert server.requests[0]["headers"]["authorization"] == f"Bearer {KEY}"


async def test_what_is_not_asked_for_is_not_sent(serve):
    server = serve({"text": "ok"})
    await asked(server.url, ModelRequest((UserMessage("hi"),)))
    assert set(server.bodies[0]) == {
        "model", "messages", "stream", "stream_options", "max_tokens", "temperature",
    }  # fmt: skip


async def test_a_model_of_one_call_a_step_is_asked_for_one(serve):
    server = serve({"text": "ok"})
    await asked(server.url, profile=ModelProfile(8000, calls_per_step=1))
    assert server.bodies[0]["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("gpt-4o", "max_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("openai/gpt-5-mini", "max_completion_tokens"),
        ("qwen2.5", "max_tokens"),
    ],
)
async def test_the_limit_goes_by_the_name_the_model_needs(serve, name, limit):
    server = serve({"text": "ok"})
    await asked(server.url, name=name)
    assert {"max_tokens", "max_completion_tokens"} & set(server.bodies[0]) == {limit}


async def test_the_other_name_is_tried_once_and_kept(serve):
    server = serve({"text": "ok", "times": 2}, refuses=["max_tokens"])
    async with connected(server.url) as model:
        for _ in range(2):
            assert [piece async for piece in model.stream(REQUEST)][-1].message.text == "ok"
    assert ["max_completion_tokens" in body for body in server.bodies] == [False, True, True]


async def test_a_server_that_takes_neither_name_is_believed(serve):
    server = serve(refuses=["max_tokens", "max_completion_tokens"])
    assert "'max_completion_tokens' is not supported" in await failed(BadRequest, server.url)
    assert len(server.bodies) == 2


async def test_parameters_a_server_refuses_are_left_out_and_the_person_is_told(serve):
    server, waits = serve({"text": "ok"}, refuses=["stream_options", "temperature"]), Waits()
    assert (await answered(server.url, waits=waits)).message.text == "ok"
    assert waits.seconds == []
    assert any("without temperature: Unsupported parameter: 'temperature'" in told for told in waits.told)


async def test_stop_words_are_never_left_out(serve):
    server = serve({"text": "ok"}, refuses=["stop"])
    await failed(BadRequest, server.url, ModelRequest(REQUEST.messages, stop=("END",)))


async def test_a_parameter_with_a_wrong_value_is_not_left_out(serve):
    error = {
        "message": "Invalid 'temperature': must be at most 2",
        "param": "temperature",
        "code": "invalid_value",
    }
    server = serve({"status": 400, "error": error})
    assert "must be at most 2" in await failed(BadRequest, server.url)
    assert len(server.bodies) == 1


async def test_the_form_of_an_answer_goes_along(serve):
    schema = {"type": "object", "properties": {"files": {"type": "integer"}}, "required": ["files"]}
    server = serve({"text": '{"files": 2}'})
    await asked(server.url, ModelRequest(REQUEST.messages, answer_schema=schema))
    form = {"name": "answer", "schema": schema, "strict": True}
    assert server.bodies[0]["response_format"] == {"type": "json_schema", "json_schema": form}


async def test_a_server_that_takes_no_form_is_not_asked_without_it(serve):
    server = serve({"text": "Two."}, refuses=["response_format"])
    await failed(BadRequest, server.url, ModelRequest(REQUEST.messages, answer_schema={"type": "object"}))
    assert len(server.bodies) == 1


async def test_thoughts_are_kept_and_never_sent_back(serve):
    server = serve({"text": "<think>\nTwo or three?\n</think>\n\nTwo.", "piece": 3}, {"text": "ok"})
    *pieces, answer = await asked(server.url)
    assert answer.message == AssistantMessage("Two.", reasoning="Two or three?")
    assert "".join(piece.text for piece in pieces) == "Two."
    await asked(server.url, ModelRequest((*REQUEST.messages, answer.message, UserMessage("Sure?"))))
    assert "or three" not in json.dumps(server.bodies[1])


async def test_the_models_of_a_server_are_listed_as_it_tells_of_them(serve):
    server = serve()
    async with connected(server.url) as model:
        assert await model.listed() == [{"id": "test"}]


# faults that pass


async def test_rate_limits_are_waited_out_and_each_wait_is_told(serve):
    busy = {"status": 429, "error": {"message": "Slow down, please."}, "times": 2}
    server, waits = serve(busy, {"text": "ok"}), Waits()
    assert (await answered(server.url, waits=waits)).message.text == "ok"
    assert 0.5 <= waits.seconds[0] <= 1
    assert 1 <= waits.seconds[1] <= 2
    assert waits.told[0].startswith("Slow down, please. (HTTP 429); waiting ")
    assert waits.told[1].endswith("before attempt 3 of 4")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=-90), usegmt=True)}, 0.0),
    ],
)
async def test_a_wait_the_server_asks_for_is_honoured(serve, headers, seconds):
    server, waits = serve({"status": 429, "headers": headers}, {"text": "ok"}), Waits()
    await asked(server.url, waits=waits)
    assert waits.seconds == [seconds]


async def test_a_date_to_wait_for_is_honoured(serve):
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server, waits = serve({"status": 503, "headers": {"retry-after": when}}, {"text": "ok"}), Waits()
    await asked(server.url, waits=waits)
    assert 25 < waits.seconds[0] <= 30


async def test_a_server_that_asks_for_too_long_a_wait_is_not_waited_for(serve):
    step = {"status": 429, "headers": {"retry-after": "3600"}, "error": {"message": "Daily limit reached."}}
    server, waits = serve(step), Waits()
    said = await failed(RateLimited, server.url, waits=waits)
    assert said.startswith("Daily limit reached.")
    assert "3600 s" in said
    assert waits.seconds == []


@pytest.mark.parametrize("status", [500, 502, 503, 529, 408, 409])
async def test_a_server_that_fails_for_ever_is_given_up_in_its_own_words(serve, status):
    server, waits = serve({"status": status, "error": {"message": "disk on fire"}, "times": -1}), Waits()
    said = await failed(ProviderDown, server.url, waits=waits)
    assert said == f"disk on fire (HTTP {status}); given up after 4 attempts"
    assert len(server.bodies) == 4
    assert len(waits.seconds) == 3
    assert waits.seconds == sorted(waits.seconds)


async def test_no_wait_is_longer_than_the_longest(serve):
    server, waits = serve({"status": 500, "times": -1}), Waits()
    await failed(ProviderDown, server.url, waits=waits, retries=Retries(9, 1, 5))
    assert max(waits.seconds) <= 5


async def test_a_refused_connection_is_tried_again_and_named(serve):
    waits = Waits()
    said = await failed(ProviderDown, serve(down=True).url, waits=waits)
    assert "127.0.0.1:" in said
    assert "cannot be reached" in said
    assert len(waits.seconds) == 3


async def test_a_connection_dropped_before_the_answer_is_tried_again(serve):
    server, waits = serve({"reset": True}, {"text": "ok"}), Waits()
    assert (await answered(server.url, waits=waits)).message.text == "ok"
    assert len(waits.seconds) == 1


@pytest.mark.parametrize("fault", [{"cut": 3}, {"end": 3}, {"hang": 3}, {"line": "data: {not json"}])
async def test_an_answer_that_breaks_off_begins_anew_and_the_caller_knows(serve, fault):
    server, waits = serve({"text": "Two files here.", **fault}, {"text": "Three files."}), Waits()
    pieces = await asked(server.url, waits=waits, timeouts=Timeouts(idle=0.3))
    places = [place for place, piece in enumerate(pieces) if isinstance(piece, StreamRestarted)]
    assert len(places) == len(waits.seconds) == 1
    before, after = pieces[: places[0]], pieces[places[0] + 1 :]
    assert "Two files here.".startswith("".join(piece.text for piece in before))
    assert before
    assert "".join(piece.text for piece in after if isinstance(piece, TextDelta)) == "Three files."
    assert after[-1].message.text == "Three files."


@pytest.mark.parametrize(
    "fault", [{"text": "Two", "cut": 1}, {"calls": [{"name": "a", "arguments": "{}"}], "cut": 2}]
)
async def test_what_broke_off_before_its_first_word_was_computed_all_the_same(serve, fault):
    pieces = await asked(serve(fault, {"text": "Three"}).url)
    assert isinstance(pieces[0], StreamRestarted)
    assert pieces[-1].message.text == "Three"


async def test_of_what_was_not_begun_nothing_is_told(serve):
    pieces = await asked(serve({"reset": True}, {"status": 503}, {"text": "Three"}).url)
    assert not any(isinstance(piece, StreamRestarted) for piece in pieces)


BROKEN_OFF = {
    "cut": ({"text": "Two files.", "cut": 2}, "broke in the middle of the answer"),
    "ended early": ({"text": "Two files.", "end": 2}, "ended before the answer was complete"),
    "done without a reason": ({"text": "Two files.", "finish": None}, "ended before the answer was complete"),
    "silence": ({"text": "Two files.", "hang": 2}, "sent nothing for 0.3 s, in the middle of its answer"),
    "empty": ({"raw": ""}, "ended before the answer was complete"),
    "error inside": ({"text": "T", "line": 'data: {"error": {"message": "GPU lost"}}'}, "GPU lost"),
    "llama.cpp's error": ({"text": "T", "line": 'error: {"message": "slot lost"}'}, "slot lost"),
    "error as a reason": ({"text": "T", "finish": "error"}, "broke the answer off"),
}
NO_PROTOCOL = {
    "not JSON": ({"text": "Two files.", "line": "data: {not json"}, "{not json"),
    "not an event": ({"text": "Two files.", "line": "upstream timed out"}, "upstream timed out"),
    "a page": ({"page": True}, "a page came instead of an answer: Gateway log in first"),
    "other JSON": ({"status": 200, "body": '{"detail": "no such route"}'}, "no such route"),
}


@pytest.mark.parametrize(
    ("kind", "step", "why"),
    [
        *(pytest.param(StreamCut, *case, id=name) for name, case in BROKEN_OFF.items()),
        *(pytest.param(MalformedStream, *case, id=name) for name, case in NO_PROTOCOL.items()),
    ],
)
async def test_what_is_not_a_whole_answer_is_tried_again_and_says_why(serve, kind, step, why):
    server = serve({**step, "times": -1})
    said = await failed(kind, server.url, timeouts=Timeouts(idle=0.3), retries=Retries(2))
    assert why in said
    assert len(server.bodies) == 2


async def test_silence_before_the_answer_ends_too(serve):
    said = await failed(
        ProviderDown, serve({"hang": "before"}).url, timeouts=Timeouts(idle=0.2), retries=Retries(1)
    )
    assert "sent nothing for 0.2 s; given up after one attempt" in said


async def test_an_attempt_can_be_bounded_in_all(serve):
    step = {"text": "a long story " * 20, "write": 1, "pause": 0.01}
    said = await failed(StreamCut, serve(step).url, timeouts=Timeouts(idle=5, total=0.3), retries=Retries(1))
    assert "did not finish its answer within 0.3 s" in said


@pytest.mark.parametrize("fault", [{"cut": 4}, {"hang": 4}])
async def test_what_breaks_after_the_finish_reason_costs_the_usage_only(serve, fault):
    server, waits = serve({"text": "Two files.", "finish": "stop", **fault}), Waits()
    began = time.monotonic()
    answer = await answered(server.url, waits=waits, timeouts=Timeouts(idle=60, after_finish=0.2))
    assert (answer.message.text, waits.seconds) == ("Two files.", [])
    assert answer.usage != REPORTED
    assert time.monotonic() - began < 5


async def test_a_server_that_leaves_the_connection_open_is_not_waited_for(serve):
    began = time.monotonic()
    answer = await answered(
        serve({"text": "Two.", "hang": 99}).url, timeouts=Timeouts(idle=60, after_finish=60)
    )
    assert answer == Answer(AssistantMessage("Two."), REPORTED)
    assert time.monotonic() - began < 5


async def test_a_slow_drip_of_bytes_is_an_answer(serve):
    step = {"text": "Zwei Dateien: ä 😀", "calls": [{"name": "look", "arguments": {"a": "ö"}}], "write": 1}
    answer = await answered(serve(step).url)
    assert answer.message == AssistantMessage("Zwei Dateien: ä 😀", (ToolCall("call_0", "look", {"a": "ö"}),))


async def test_a_long_silence_is_told_before_it_is_given_up_and_so_is_its_end(serve):
    server, waits = serve({"text": "Two files here.", "write": 400, "pause": 0.7}), Waits()
    answer = await answered(server.url, waits=waits, timeouts=Timeouts(idle=1.5))
    assert answer.message.text == "Two files here."
    silent, goes_on = waits.told
    assert "is silent in the middle of its answer, for 0.5 s so far; after 1.5 s it is given up" in silent
    assert "goes on, after 1 s" in goes_on


# faults that stay


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, {"message": "Wrong key."}, AuthenticationFailed),
        (403, {"message": "Not for you."}, AuthenticationFailed),
        (404, {"message": "The model `test` does not exist"}, BadRequest),
        (400, {"message": "Bad schema."}, BadRequest),
        (422, {"message": "Bad schema."}, BadRequest),
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, QuotaExceeded),
        (402, {"message": "Insufficient credits"}, QuotaExceeded),
        (400, OVERFLOW, ContextOverflow),
    ],
)
async def test_what_would_come_again_is_not_tried_again(serve, status, error, kind):
    server, waits = serve({"status": status, "error": error}), Waits()
    assert await failed(kind, server.url, waits=waits) == f"{error['message']} (HTTP {status})"
    assert (len(server.bodies), waits.seconds) == (1, [])


async def test_an_overflow_told_inside_a_stream_is_recognised(serve):
    line = f"data: {json.dumps({'error': OVERFLOW})}"
    await failed(ContextOverflow, serve({"text": "T", "line": line}).url)


async def test_a_body_that_is_not_json_is_quoted(serve):
    body = "<html><body><h1>502</h1>" + "bad gateway " * 100 + "</body></html>"
    said = await failed(ProviderDown, serve({"status": 502, "body": body}).url, retries=Retries(1))
    assert said.startswith("502 bad gateway bad gateway")
    assert len(said) < 400


# keys and addresses


def test_openai_itself_needs_a_key():
    with pytest.raises(MissingKey, match=r"OPENAI_API_KEY.*local:smollm2"):
        OpenAIModel("gpt-4o", api_key=None)


async def test_a_server_of_ones_own_needs_none(serve):
    server = serve({"text": "ok"})
    assert (await answered(server.url, api_key=None)).message.text == "ok"


def test_a_key_that_cannot_be_sent_is_not_shown():
    with pytest.raises(MissingKey) as caught:
        OpenAIModel("gpt-4o", api_key="sk-ключ")
    assert "ключ" not in str(caught.value)


async def test_a_short_key_is_not_seen_in_ordinary_words(serve):
    server = serve({"status": 400, "error": {"message": "the key k broke"}})
    assert await failed(BadRequest, server.url, api_key="k") == "the key [key] broke (HTTP 400)"


async def test_a_key_that_the_server_repeats_is_not_shown(serve):
    server = serve(key="another")
    assert await failed(AuthenticationFailed, server.url) == "Incorrect API key provided: [key]. (HTTP 401)"


@pytest.mark.parametrize(
    "step",
    [
        {"text": "T", "line": f"data: key {KEY}"},
        {"text": "T", "line": f"{'x' * 290} {KEY}"},
        {"status": 500, "body": f"{'x' * 285} {KEY}"},
        {"status": 200, "body": f"<p>{KEY}</p>"},
    ],
)
async def test_no_part_of_the_key_is_shown(serve, step):
    waits = Waits()
    with pytest.raises(ModelError) as caught:
        await asked(serve({**step, "times": -1}).url, waits=waits, retries=Retries(2))
    for said in [str(caught.value), *waits.told]:
        assert KEY[:8] not in said


async def test_a_model_does_not_show_its_key(serve):
    async with connected(serve().url) as model:
        assert KEY not in repr(model) + str(model)
        assert model.name == "openai:test"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "http://[::1/v1"])
def test_a_base_url_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="base URL"):
        OpenAIModel("test", api_key=None, base_url=url)


async def test_an_address_in_the_environment_is_not_followed(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert (await answered(serve({"text": "ok"}).url)).message.text == "ok"


# connections


async def test_a_connection_serves_again(serve):
    # the pause parts the end of the answer from the end of the body
    server = serve({"text": "ok", "times": 3, "pause": 0.02})
    async with connected(server.url) as model:
        for _ in range(3):
            assert [piece async for piece in model.stream(REQUEST)]
    assert server.connections == 1


async def test_leaving_early_gives_the_connection_back(serve):
    step = {"text": "a long story " * 20, "write": 50, "pause": 0.01}
    async with connected(serve(step).url) as model:
        began = time.monotonic()
        stream = model.stream(REQUEST)
        async for _ in stream:
            break
        await stream.aclose()
    assert time.monotonic() - began < 5


async def test_a_cancelled_request_ends_at_once(serve):
    async with connected(serve({"hang": "before"}).url, timeouts=Timeouts(idle=60)) as model:
        asking = asyncio.create_task(anext(model.stream(REQUEST)))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


# chunking


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_the_same_bytes_give_the_same_answer_however_the_server_writes_them(one_server, data):
    text = data.draw(st.text(max_size=30))
    calls = data.draw(
        st.lists(st.text(max_size=12).map(lambda t: {"name": "look", "arguments": {"t": t}}), max_size=2)
    )
    step = {"text": text, "calls": calls, "piece": data.draw(st.integers(1, 9))}
    one_server.script[:] = [{**step, "write": data.draw(st.integers(1, 400))}]
    answer = await answered(one_server.url)
    assert answer.message.text == text
    assert [call.arguments for call in answer.message.calls] == [call["arguments"] for call in calls]
    assert answer.usage == REPORTED


@pytest.fixture
def one_server(serve):
    return serve()


def test_the_server_runs_as_a_program(tmp_path, openai_server):
    script = tmp_path / "script.jsonl"
    script.write_text('{"text": "ok"}\n')
    command = [sys.executable, openai_server.__file__, "--port", "0", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        url = program.stdout.readline().strip()
        assert asyncio.run(answered(url)).message.text == "ok"
        program.terminate()


def test_importing_the_module_does_not_import_the_client():
    code = (
        "import sys, agentkit.models.openai_api; assert not {'openai', 'httpx', 'httpx2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
