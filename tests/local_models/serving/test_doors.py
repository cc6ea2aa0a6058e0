"""Who is let in, with what, and what the others are told."""

import asyncio
import json
import re
import socket

import openai
import pytest

from agentkit_local_models.model import Model
from agentkit_local_models.serving.app import app_of
from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.fields import Fields
from agentkit_local_models.serving.gate import Gate
from agentkit_local_models.serving.served import Limits, Served

from ..tiny import random_weights  # noqa: TID252
from .running import NAME, Running, eventually, fresh, sent, spoken, tiny_engine

HI = [{"role": "user", "content": "Hi"}]
SHORT = {"model": NAME, "messages": HI, "max_tokens": 4, "temperature": 0}
LONG = {**SHORT, "max_tokens": 1500, "logit_bias": {}}
METRIC = re.compile(r'(\w+)(?:\{(\w+="[^"]*"(?:,\w+="[^"]*")*)\})? (\d+)')


def metrics(running) -> dict[str, int]:
    status, headers, text = sent(running, "GET", "/metrics")
    assert status == 200
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    found = [METRIC.fullmatch(line) for line in lines]
    assert all(found), lines
    return {f"{one[1]}{{{one[2]}}}" if one[2] else one[1]: int(one[3]) for one in found}


def test_the_served_model_is_listed_and_found_by_its_name(client):
    (listed,) = client.models.list().data
    assert listed.id == client.models.retrieve(NAME).id == NAME
    assert listed.max_model_len == 1600
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-4'"):
        client.models.retrieve("gpt-4")


def test_without_the_key_nobody_is_let_in(tiny):
    with Running(spoken(fresh(tiny)), key="secret") as running:
        assert running.client().chat.completions.create(**SHORT).choices
        for key in ("wrong", "secret2"):
            with pytest.raises(openai.AuthenticationError) as refused:
                running.client(api_key=key).chat.completions.create(**SHORT)
            assert refused.value.code == "invalid_api_key"
        status, headers, told = sent(running, body=SHORT)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert "is missing" in told["error"]["message"]
        assert sent(running, "GET", "/metrics")[0] == 401
        assert sent(running, "GET", "/v1/models")[0] == 401
        assert sent(running, "GET", "/health")[0] == 200
        # who has the key may come by any name
        assert (
            sent(running, "GET", "/v1/models", host="model.example", authorization="Bearer secret")[0] == 200
        )


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("LOCALHOST:1", 200), ("[::1]:8000", 200), ("evil.example", 403)]
)
def test_without_a_key_only_names_of_this_machine_are_served(server, host, status):
    assert sent(server, "GET", "/v1/models", host=host)[0] == status


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded"])
def test_what_a_page_may_send_unasked_is_refused(server, kind):
    assert sent(server, body=SHORT, **{"content-type": kind})[0] == 415


def test_too_large_a_body_is_refused_whether_its_size_is_told_or_not(tiny):
    with Running(spoken(fresh(tiny)), limits=Limits(body_bytes=500)) as running:
        assert sent(running, body=SHORT)[0] == 200
        large = {**SHORT, "user": "x" * 500}
        status, _, told = sent(running, body=large)
        assert (status, told["error"]["type"]) == (413, "invalid_request_error")
        pieces = iter([b'{"model": "', b"x" * 300, b"x" * 300, b'"}'])
        assert sent(running, body=pieces)[0] == 413


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"model": NaN}', b"\xff", b"[" * 100_000, b'{"model": 1e999, "messages": []}',
     b'{"model": "tiny", "messages": [{"role": "user", "content": "\\ud800"}]}',
     b'{"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "\\ud800": 1}'],
)  # fmt: skip
def test_what_is_no_request_is_refused(server, body):
    status, _, told = sent(server, body=body)
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")


def test_a_body_that_does_not_come_is_not_waited_for(tiny):
    begun = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with Running(spoken(fresh(tiny)), limits=Limits(body_seconds=0.1)) as running:
        port = int(running.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as half:
            half.sendall(begun + b"Content-Length: 100\r\n\r\n{")
            told = b"".join(iter(lambda: half.recv(4096), b""))
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"did not come within 0.1 seconds" in told


def told_by(running, *pieces: bytes) -> bytes:
    """What the server sends on one connection until it closes it."""
    port = int(running.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as half:
        for piece in pieces:
            half.sendall(piece)
        return b"".join(iter(lambda: half.recv(4096), b""))


HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


def test_a_request_that_does_not_begin_is_not_waited_for(tiny):
    with Running(spoken(fresh(tiny)), limits=Limits(head_seconds=0.3)) as running:
        assert told_by(running) == b""
        told = told_by(running, HEALTH)
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"did not begin within 0.3 seconds" in told
        # the same of the second request on a connection that was kept, and of a body that nobody reads
        first, second = told_by(running, HEALTH + b"\r\n", HEALTH).split(b"HTTP/1.1 ")[1:]
        assert (first[:3], second[:3]) == (b"200", b"408")
        assert told_by(running, HEALTH + b"Content-Length: 9\r\n\r\n", b"{").startswith(b"HTTP/1.1 200 ")
        # but who has asked may wait longer than that for the answer
        assert running.client().chat.completions.create(**{**SHORT, "max_tokens": 600}).choices


def test_headers_that_never_end_are_refused(server):
    assert told_by(server, HEALTH, b"X-Long: ", b"x" * (65 << 10)).startswith(b"HTTP/1.1 400 ")


async def test_who_takes_nothing_of_an_answer_is_gone(tiny):
    served = Served({NAME: spoken(fresh(tiny))}, limits=Limits(take_seconds=0.05))
    body = {"type": "http.request", "body": json.dumps({**LONG, "stream": True}).encode()}
    parts = iter([body])

    async def receive():
        return next(parts, None) or await asyncio.Event().wait()

    async def send(message):
        await asyncio.Event().wait()

    scope = {
        "type": "http", "method": "POST", "path": "/v1/chat/completions",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }  # fmt: skip
    await app_of(served, None)(scope, receive, send)
    assert served.tally.requests["/v1/chat/completions", "gone"] == 1
    assert served.gate.inside == served.first.engine.occupancy().pages_running == 0
    served.close()


def test_other_paths_and_methods_are_none(server):
    assert sent(server, "GET", "/v1/nothing")[0] == 404
    status, headers, told = sent(server, "GET", "/v1/completions")
    assert (status, headers["allow"]) == (405, "POST")
    assert "does not take that method" in told["error"]["message"]


def test_who_comes_when_the_queue_is_full_is_told_when_to_come_back(tiny):
    with Running(spoken(fresh(tiny)), limits=Limits(answers=2)) as running:
        client = running.client()
        with client.chat.completions.create(**LONG, stream=True) as stream:
            next(iter(stream))
            with pytest.raises(openai.RateLimitError) as refused:
                client.chat.completions.create(**SHORT, n=2)
            assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60
            assert refused.value.code == "queue_full"
            assert client.chat.completions.create(**SHORT).choices  # there is a place for one
        eventually(lambda: running.served.gate.inside == 0)
        assert len(client.chat.completions.create(**SHORT, n=2).choices) == 2
        with pytest.raises(openai.BadRequestError, match="up to 2 work"):
            client.chat.completions.create(**SHORT, n=3)


def test_the_wait_that_is_told_follows_from_how_long_answers_took():
    now = [0.0]
    gate = Gate(32, lambda: now[0])
    for _ in range(40):
        with gate.admitted(1):
            now[0] += 10
    with gate.admitted(32), pytest.raises(ApiError) as refused, gate.admitted(1):
        pass
    assert refused.value.headers == {"Retry-After": "20"}


def test_what_happened_is_counted(tiny):
    with Running(spoken(fresh(tiny))) as running:
        client = running.client()
        usages = [client.chat.completions.create(**SHORT, n=count).usage for count in (1, 2)]
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**SHORT, top_p=2)
        counted = metrics(running)
    assert counted['agentkit_requests_total{path="/v1/chat/completions",outcome="answered"}'] == 2
    assert counted['agentkit_requests_total{path="/v1/chat/completions",outcome="refused"}'] == 1
    assert counted["agentkit_prompt_tokens_total"] == sum(usage.prompt_tokens for usage in usages)
    assert counted["agentkit_cached_prompt_tokens_total"] == usages[1].prompt_tokens - 1
    assert counted["agentkit_output_tokens_total"] == 12
    assert counted["agentkit_running"] == counted["agentkit_waiting"] == counted["agentkit_answers"] == 0
    assert counted['agentkit_cache_pages{state="running"}'] == 0
    assert counted['agentkit_cache_pages{state="kept"}'] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_when_the_client_is_gone_nothing_is_computed_for_it_any_more(tiny, stream):
    with Running(spoken(fresh(tiny))) as running:
        client = running.client(timeout=0.2 if not stream else 60)
        if stream:
            with client.chat.completions.create(**LONG, stream=True) as pieces:
                next(iter(pieces))
        else:
            with pytest.raises(openai.APITimeoutError):
                client.chat.completions.create(**LONG)
        gone = ("/v1/chat/completions", "gone")
        eventually(lambda: running.served.tally.requests[gone] == 1)
        occupancy = running.engine.occupancy()
        assert (occupancy.running, occupancy.waiting, occupancy.pages_running) == (0, 0, 0)
        assert running.served.gate.inside == 0


class Breaking(Model):
    """Gives no numbers any more from some step on."""

    steps = 0

    def logits_of(self, hidden):
        self.steps -= 1
        return super().logits_of(hidden) * (float("nan") if self.steps < 0 else 1.0)


@pytest.mark.parametrize(("steps", "kind"), [(0, openai.InternalServerError), (5, openai.APIError)])
def test_a_model_that_fails_is_told_as_an_error_also_in_the_middle_of_a_stream(tiny, steps, kind):
    config = tiny.config
    model = Breaking(config, random_weights(config).items(), tiny.dtype)
    with Running(spoken(fresh(type("", (), {"checkpoint": tiny.checkpoint, "_model": model})))) as running:
        client = running.client()
        model.steps = steps
        with pytest.raises(kind, match="the model could not answer"):
            for _ in client.chat.completions.create(**LONG, stream=True):
                pass
        model.steps = 10**9
        assert client.chat.completions.create(**SHORT).choices


def test_null_is_absent_and_what_nobody_takes_is_refused():
    fields = Fields({"a": None, "b": 1})
    with pytest.raises(ApiError, match="b is no parameter"):
        fields.close()
    assert fields.whole("b") == 1
    fields.close()


def test_several_models_are_asked_for_by_name(tiny, smollm2_path):
    other = tiny_engine(smollm2_path, seed=1)
    with Running({NAME: spoken(fresh(tiny)), f"{NAME}+mine": spoken(other)}) as running:
        client = running.client()
        assert [one.id for one in client.models.list().data] == [NAME, f"{NAME}+mine"]
        asked = {**SHORT, "max_tokens": 8}
        texts = {}
        for name in (NAME, f"{NAME}+mine", f"local:{NAME}+mine"):
            answer = client.chat.completions.create(**{**asked, "model": name})
            assert answer.model == name.removeprefix("local:")
            texts[name] = answer.choices[0].message.content
        assert texts[f"local:{NAME}+mine"] == texts[f"{NAME}+mine"] != texts[NAME]
        with pytest.raises(openai.BadRequestError, match=rf"{NAME}, {NAME}\+mine can be had"):
            client.chat.completions.create(**{**asked, "model": f"{NAME}+other"})
