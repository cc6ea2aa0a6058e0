import random
from contextlib import asynccontextmanager

import pytest

from agentkit.core.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    MalformedStream,
    MissingKey,
    ProviderDown,
    RateLimited,
)
from agentkit.models.embeddings.openai import OpenAIEmbeddings
from agentkit.models.openai_server import Timeouts
from agentkit.models.retries import Retries

KEY = "sk-proj-0123456789abcdefghijklmnop"


def answer(asked):
    """A vector that tells the text's length, with the items in another order."""
    items = [
        {"index": at, "embedding": [3.0 * len(text), 4.0 * len(text)]}
        for at, text in enumerate(asked["input"])
    ]
    return {"json": {"object": "list", "data": items[::-1]}}


class Steps:
    """Plays faults first, and then answers."""

    def __init__(self, *faults):
        self.faults = list(faults)

    def __call__(self, asked):
        return self.faults.pop(0) if self.faults else answer(asked)


@asynccontextmanager
async def connected(server, waited=None, **options):
    async def sleep(seconds):
        if waited is not None:
            waited.append(seconds)

    options = {"api_key": KEY, "timeouts": Timeouts(2, 2), "retries": Retries(attempts=3), **options}
    options |= {"base_url": server.url, "sleep": sleep, "rng": random.Random(7)}
    embeddings = OpenAIEmbeddings("text-embedding-3-small", **options)
    try:
        yield embeddings
    finally:
        await embeddings.aclose()


async def test_every_text_has_its_vector_of_length_one(serve):
    def told(asked):
        items = [{"index": at, "embedding": [float(text), 1.0]} for at, text in enumerate(asked["input"])]
        return {"json": {"data": items[::-1]}}

    server = serve(told)
    async with connected(server) as embeddings:
        vectors = await embeddings.embed_documents(["0", "1", "-1"])
    assert [[round(value, 4) for value in vector] for vector in vectors] == [
        [0, 1],
        [0.7071, 0.7071],
        [-0.7071, 0.7071],
    ]
    assert server.requests[0]["body"]["model"] == "text-embedding-3-small"


async def test_many_texts_go_in_several_requests(serve):
    server = serve(answer)
    async with connected(server) as embeddings:
        assert len(await embeddings.embed_documents(["text"] * 150)) == 150
    assert [len(request["body"]["input"]) for request in server.requests] == [64, 64, 22]


async def test_a_server_that_takes_fewer_is_asked_with_fewer_from_then_on(serve):
    def small(asked):
        if len(asked["input"]) > 20:
            return {"status": 422, "error": {"message": "batch size 64 > maximum allowed batch size 20"}}
        return answer(asked)

    server, waited = serve(small), []
    async with connected(server, waited) as embeddings:
        assert len(await embeddings.embed_documents(["text"] * 64)) == 64
        await embeddings.embed_documents(["text"] * 40)
    assert [len(request["body"]["input"]) for request in server.requests][-3:] == [16, 16, 8]
    assert waited == []


async def test_faults_that_pass_are_asked_again_and_told(serve):
    told, waited = [], []
    server = serve(Steps({"status": 429, "headers": {"retry-after": "7"}}, {"status": 503}))
    async with connected(server, waited, on_wait=told.append) as embeddings:
        vector = await embeddings.embed_query("text")
    assert [round(value, 6) for value in vector] == [0.6, 0.8]
    assert waited[0] == 7
    assert "waiting 7.0 s before attempt 2 of 3" in told[0]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"status": 401, "error": {"message": f"wrong key {KEY}"}}, AuthenticationFailed),
        ({"status": 429}, RateLimited),
        ({"status": 500}, ProviderDown),
        ({"hang": "before"}, ProviderDown),
        ({"status": 400, "error": {"message": "no such model"}}, BadRequest),
        ({"page": True}, MalformedStream),
        ({"raw": '{"data": [], "more": ' + "[" * 5000}, MalformedStream),
        ({"json": {"data": []}}, MalformedStream),
        ({"json": {"data": [{"index": 1, "embedding": [1.0]}]}}, MalformedStream),
        ({"json": {"data": [{"index": 0, "embedding": []}]}}, MalformedStream),
        ({"json": {"data": [{"index": 0, "embedding": [0.0, 0.0]}]}}, MalformedStream),
        ({"json": {"data": [{"index": 0, "embedding": "x"}]}}, MalformedStream),
    ],
)
async def test_every_fault_ends_as_an_error_of_ours_without_the_key(serve, step, error):
    async with connected(serve(lambda _: step), timeouts=Timeouts(1, 0.3)) as embeddings:
        with pytest.raises(error) as raised:
            await embeddings.embed_query("text")
    assert type(raised.value) is error
    assert KEY not in str(raised.value)


async def test_embeddings_of_different_sizes_are_refused(serve):
    items = [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]
    async with connected(serve(lambda _: {"json": {"data": items}})) as embeddings:
        with pytest.raises(MalformedStream, match="different sizes"):
            await embeddings.embed_documents(["a", "b"])


async def test_a_text_over_the_window_is_refused_before_anything_is_sent(serve):
    server = serve(answer)
    async with connected(server, window=32) as embeddings:
        with pytest.raises(ContextOverflow, match=r"text 1 has about 40 tokens, .* reads 32; split it first"):
            await embeddings.embed_documents(["a", "word" * 30])
    assert server.requests == []


def test_the_windows_of_known_models_are_known():
    assert OpenAIEmbeddings("text-embedding-3-large", api_key=KEY).window == 8191
    assert OpenAIEmbeddings("bge-small", api_key=None, base_url="http://localhost:1/v1").window == 512
    with pytest.raises(MissingKey):
        OpenAIEmbeddings("text-embedding-3-large", api_key=None)
