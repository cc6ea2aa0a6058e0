"""A whole engine whose every step is our kernels: the answers of one that computes on the processor."""

from collections.abc import Generator

import pytest
import torch

from agentkit_local_models.answer import Completion
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.gpu.model import GpuModel
from agentkit_local_models.model import Model
from agentkit_local_models.sampling import Sampling

from ..oracle import random_weights  # noqa: TID252
from ..tiny import tiny_checkpoint  # noqa: TID252

pytestmark = [pytest.mark.triton, pytest.mark.timeout(1800)]
GRAMMAR = 'start: "{\\"tool\\": \\"" ("read" | "list") "\\"}"'


@pytest.fixture(scope="module")
def checkpoint(smollm2_path) -> Checkpoint:
    """SmolLM2's tokenizer on a tiny model."""
    return tiny_checkpoint(smollm2_path, layers=1, feed_forward_width=32, context=96)


def plain(checkpoint: Checkpoint) -> Model:
    return Model(checkpoint.config, random_weights(checkpoint.config).items(), torch.float32)


def together(engine: Engine) -> list[Completion]:
    """Answers that are written at once and end one after another, each chosen in another way."""
    asked = [
        (list(range(5, 24)), Sampling(max_tokens=3), None),
        ([99, 7], Sampling(max_tokens=6), GRAMMAR),
        ([1_000, 23, 4], Sampling(max_tokens=5, presence_penalty=0.4), None),
        ([1_000, 23, 9], Sampling(max_tokens=4), None),
    ]
    running: list[Generator] = [
        engine.generate(prompt, sampling, grammar=grammar) for prompt, sampling, grammar in asked
    ]
    found: list[Completion | None] = [None] * len(running)
    while None in found:
        for place, one in enumerate(running):
            if found[place] is None and isinstance(event := next(one), Completion):
                found[place] = event
    return [one for one in found if one is not None]


def test_an_engine_on_our_kernels_writes_what_one_on_the_processor_writes(checkpoint: Checkpoint) -> None:
    model = GpuModel(
        plain(checkpoint), torch.device("cpu"), vocabulary_size=checkpoint.tokenizer.vocabulary_size
    )
    found = together(Engine(checkpoint, model))
    assert found == together(Engine(checkpoint, plain(checkpoint)))
    assert [one.output_tokens for one in found] == [3, 6, 5, 4]
