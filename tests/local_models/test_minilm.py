"""The packaged MiniLM against transformers on the same files."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from agentkit.models.embeddings.registry import make_embeddings
from agentkit_local_models.catalogue import MINILM, path_of
from agentkit_local_models.encoder import Encoder
from agentkit_local_models.packed_folder import unpacked

from ..conftest import model_file  # noqa: TID252

pytestmark = pytest.mark.minilm

TEXTS = [
    "What is the capital of France?",
    "Paris has been the capital of France since the tenth century.",
    "Bread is baked from flour, water, salt and yeast.",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)",
    "",
    "用一句话介绍北京。",
    "naïve café 🙂 №5",
    "retrieval " * 254,
]


@pytest.fixture(scope="module")
def folder():
    model_file(MINILM.folder, MINILM.file)
    return unpacked(path_of(MINILM))


def test_vectors_are_those_of_transformers(folder):
    encoder = Encoder.load(folder, dtype="float32")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    for text, ours in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        with torch.inference_mode():
            tokens = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        theirs = torch.nn.functional.normalize(tokens.mean(0), dim=-1)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_bfloat16_loses_nothing_that_matters(folder):
    exact, half = (Encoder.load(folder, dtype=dtype).encode(TEXTS) for dtype in ("float32", "bfloat16"))
    assert (exact * half).sum(1).min() > 0.999


async def test_a_question_is_nearest_to_its_answer():
    embeddings = make_embeddings("local:minilm")
    question = await embeddings.embed_query(TEXTS[0])
    vectors = await embeddings.embed_documents(TEXTS[1:4])
    near = [sum(a * b for a, b in zip(question, vector, strict=True)) for vector in vectors]
    assert near[0] > 0.6 > max(near[1:]) + 0.3


def test_it_says_that_it_is_blind_to_chinese():
    embeddings = make_embeddings("local:minilm")
    assert embeddings.unknown("编码是把字符变成字节的办法。") > 0.3
    assert embeddings.unknown(TEXTS[1]) == 0
    assert embeddings.window == 256
