"""The real models against transformers on weights read by the `gguf` package."""

import pytest
import torch

from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling

from .oracle import gguf_weights, transformers_model

QUESTIONS = [
    "What is the capital of France?",
    "Write a haiku about rivers.",
    "Explain why the sky is blue in two sentences.",
    "List three uses of a paper clip.",
    "def fibonacci(n):",
    "Translate 'good morning' to Spanish.",
    "What is 17 + 25?",
    "Give me a recipe for pancakes.",
    "Who wrote Hamlet?",
    "Summarise the water cycle.",
    "Return a JSON object with a name and an age.",
    "Why do cats purr?",
    "Write a SQL query that counts users by country.",
    "What is the difference between a list and a tuple in Python?",
    "Name the planets in order.",
    "Tell me a short story about a lighthouse.",
    "Fix the grammar: he go to school yesterday.",
    "What does HTTP status 404 mean?",
    "用一句话介绍北京。",
    "Count from one to ten in words. 🙂",
]
PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture(scope="module")
def engine(smollm2_path) -> Engine:
    return Engine.load(smollm2_path, dtype="float32")


@pytest.fixture(scope="module")
def oracle(smollm2_path, engine: Engine):
    return transformers_model(engine.config, gguf_weights(smollm2_path, engine.config))


def prompt(engine: Engine, question: str) -> list[int]:
    return engine.tokenizer.encode(PROMPT.format(question), allow_special=True)


@torch.inference_mode()
def expected(oracle, ids: list[int]) -> torch.Tensor:
    return oracle(torch.tensor([ids])).logits[0].float()


def assert_greedy_as_transformers(engine: Engine, oracle, questions: list[str]) -> None:
    """Each token of each answer is the one transformers finds likeliest after those before."""
    for question in questions:
        start = prompt(engine, question)
        *_, done = engine.generate(start, Sampling(max_tokens=64))
        theirs = expected(oracle, start + list(done.token_ids)).argmax(-1).tolist()[len(start) - 1 :]
        assert theirs[: len(done.token_ids)] == list(done.token_ids), question
        if done.finish == "stop":
            assert theirs[len(done.token_ids)] in engine.checkpoint.stop_ids


def test_smollm2_has_the_logits_of_transformers(engine: Engine, oracle) -> None:
    for question in QUESTIONS[:6]:
        ids = prompt(engine, question)
        torch.testing.assert_close(engine.logits(ids), expected(oracle, ids), atol=1e-4, rtol=0)


def test_smollm2_in_bfloat16_is_as_close_to_float32_as_transformers(
    engine: Engine, oracle, smollm2_path
) -> None:
    weights = gguf_weights(smollm2_path, engine.config)
    rounded_oracle = transformers_model(engine.config, weights, torch.bfloat16)
    rounded = Engine.load(smollm2_path, dtype="bfloat16")
    ours = theirs = 0.0
    for question in QUESTIONS:
        # how the first token is rounded moves all after it: with a template that were one throw of the dice
        ids = engine.tokenizer.encode(question * 3)
        exact = expected(oracle, ids)
        ours += float((rounded.logits(ids) - exact).abs().mean())
        theirs += float((expected(rounded_oracle, ids) - exact).abs().mean())
    assert ours < 1.1 * theirs


def test_smollm2_answers_as_transformers(engine: Engine, oracle) -> None:
    assert_greedy_as_transformers(engine, oracle, QUESTIONS[:4])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_smollm2_answers_as_transformers_on_twenty_prompts(engine: Engine, oracle) -> None:
    assert_greedy_as_transformers(engine, oracle, QUESTIONS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_qwen_has_the_logits_and_answers_of_transformers(qwen_path) -> None:
    engine = Engine.load(qwen_path, dtype="float32")
    oracle = transformers_model(engine.config, gguf_weights(qwen_path, engine.config))
    for question in QUESTIONS[:3]:
        ids = prompt(engine, question)
        torch.testing.assert_close(engine.logits(ids), expected(oracle, ids), atol=2e-4, rtol=0)
    assert_greedy_as_transformers(engine, oracle, QUESTIONS)
