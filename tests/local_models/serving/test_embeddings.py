"""Vectors over HTTP."""

import openai
import pytest

from agentkit_local_models.encoder import Encoder

from ..bert_folder import write_folder  # noqa: TID252
from .running import NAME, Running

TEXTS = ["The cat sat on a mat.", "dogs running"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return Encoder.load(write_folder(tmp_path_factory.mktemp("model") / "bert"), dtype="float32")


@pytest.fixture(scope="module")
def vectors(encoder):
    with Running(encoder) as running:
        yield running.client()


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_vectors_are_the_encoders(vectors, encoder, form):
    asked = {} if form is None else {"encoding_format": form}
    got = vectors.embeddings.create(model=NAME, input=TEXTS, **asked)
    if form == "base64":
        assert all(isinstance(one.embedding, str) for one in got.data)
    else:
        for one, row in zip(got.data, encoder.encode(TEXTS), strict=True):
            assert one.embedding == pytest.approx(row.tolist(), abs=1e-6)
    assert got.usage.prompt_tokens == sum(map(encoder.count, TEXTS))


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"input": []}, "input"), ({"input": [[1, 2]]}, "input"), ({"dimensions": 8}, "dimensions"),
        ({"model": "x"}, "model"), ({"input": "cat " * 40}, "input"), ({"extra_body": {"foo": 1}}, "foo"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(vectors, more, param):
    with pytest.raises(openai.BadRequestError) as refused:
        vectors.embeddings.create(**{"model": NAME, "input": "cat", **more})
    assert refused.value.param == param


def test_an_encoder_answers_nothing(vectors):
    with pytest.raises(openai.BadRequestError, match="makes vectors"):
        vectors.chat.completions.create(model=NAME, messages=[{"role": "user", "content": "cat"}])
    with pytest.raises(openai.BadRequestError, match="makes vectors"):
        vectors.completions.create(model=NAME, prompt="cat")


def test_a_decoder_makes_no_vectors(client):
    with pytest.raises(openai.BadRequestError, match="serve an encoder"):
        client.embeddings.create(model=NAME, input="cat")
