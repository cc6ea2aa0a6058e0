"""An engine whose tokens are chosen on a device: the answers of one that chooses them here."""

import dataclasses
from pathlib import Path

import pytest
import torch

from agentkit_local_models.adapter_file import save_packed
from agentkit_local_models.answer import Completion
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import LocalModelError, UnsupportedCheckpoint
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.sampling import Sampling

from .on_device import Here
from .oracle import random_weights
from .test_adapters import random_adapter
from .tiny import tiny_checkpoint

GRAMMAR = 'start: "{\\"tool\\": \\"" ("read" | "list") "\\", \\"lines\\": " /[0-9]{1,3}/ "}"'


@pytest.fixture(scope="module")
def checkpoint(smollm2_path) -> Checkpoint:
    """SmolLM2's tokenizer on a tiny model."""
    return tiny_checkpoint(smollm2_path, context=64)


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint) -> Model:
    return Model(checkpoint.config, random_weights(checkpoint.config).items(), torch.float32)


def answer(engine: Engine, sampling: Sampling, **more) -> Completion:
    *_, last = engine.generate([5, 99, 7, 1_000, 23], sampling, **more)
    assert isinstance(last, Completion)
    return last


GREEDY = Sampling(max_tokens=20)
ASKED = {
    "plain": (GREEDY, None, 20),
    "held to a grammar": (GREEDY, GRAMMAR, 1),
    "with log-probabilities": (Sampling(max_tokens=8, logprobs=2), None, 0),
    "with a penalty": (Sampling(max_tokens=8, repetition_penalty=1.3), None, 0),
    "one token": (Sampling(max_tokens=1), None, 1),
    "to the end of the context": (Sampling(), None, 59),
}


@pytest.mark.parametrize(("sampling", "grammar", "drawn"), ASKED.values(), ids=ASKED.keys())
def test_an_answer_is_the_same_wherever_its_tokens_are_chosen(
    checkpoint: Checkpoint, model: Model, sampling: Sampling, grammar: str | None, drawn: int
) -> None:
    device = Here(model)
    found = answer(Engine(checkpoint, device), sampling, grammar=grammar)
    assert found == answer(Engine(checkpoint, model), sampling, grammar=grammar)
    assert found.token_ids
    # what needs more than a draw is chosen here; a grammar leaves little to choose
    assert device.drawn >= drawn if grammar else device.drawn == drawn


def test_random_answers_have_their_seeds_and_do_not_depend_on_who_runs_beside_them(
    checkpoint: Checkpoint, model: Model
) -> None:
    engine = Engine(checkpoint, Here(model))
    hot = Sampling(temperature=1.0, seed=5, max_tokens=12)
    together = engine.answers([5, 99, 7, 1_000, 23], hot, 3)
    assert [one.token_ids for one in together] == [
        answer(engine, dataclasses.replace(hot, seed=seed)).token_ids for seed in (5, 6, 7)
    ]
    assert len({one.token_ids for one in together}) == 3


def test_guesses_are_checked_here_and_change_no_token(checkpoint: Checkpoint, model: Model) -> None:
    plain = answer(Engine(checkpoint, Here(model)), GREEDY)
    assert answer(Engine(checkpoint, Here(model), drafts=True), GREEDY) == plain


def test_logits_that_are_no_numbers_end_the_answer_with_an_error(checkpoint: Checkpoint) -> None:
    weights = random_weights(checkpoint.config)
    weights["norm.weight"] = torch.full_like(weights["norm.weight"], torch.nan)
    device = Here(Model(checkpoint.config, weights.items(), torch.float32))
    with pytest.raises(LocalModelError, match="logits are broken"):
        answer(Engine(checkpoint, device), GREEDY)


def test_adapters_beside_the_weights_are_those_of_the_processor(
    checkpoint: Checkpoint, model: Model, tmp_path: Path
) -> None:
    save_packed(random_adapter(checkpoint.config, LoraConfig(3, 6.0), 1), tmp_path / "a.safetensors", {})
    here, there = Engine(checkpoint, Here(model)), Engine(checkpoint, model)
    for engine in (here, there):
        engine.load_adapter("mine", tmp_path / "a.safetensors")
    tuned = answer(here.using("mine"), GREEDY)
    assert tuned == answer(there.using("mine"), GREEDY)
    assert tuned.token_ids != answer(here, GREEDY).token_ids
    with pytest.raises(UnsupportedCheckpoint, match="nor on a GPU; they work beside it"):
        here.merge_adapter("mine")


def test_a_prefix_is_refused_on_a_device_with_what_works(
    checkpoint: Checkpoint, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(UnsupportedCheckpoint, match="device='cpu' computes it"):
        Engine(checkpoint, Here(model)).load_adapter("mine", tmp_path)


def test_beams_are_searched_on_a_device_too(checkpoint: Checkpoint, model: Model) -> None:
    prompt = [5, 99, 7]
    found = Engine(checkpoint, Here(model)).beams(prompt, width=2, max_tokens=4)
    assert found == Engine(checkpoint, model).beams(prompt, width=2, max_tokens=4)
