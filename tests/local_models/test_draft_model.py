"""A small model that guesses for a large one: the same answers, in fewer passes of the large one."""

import dataclasses
import gc
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from agentkit_local_models.answer import Answer, Completion
from agentkit_local_models.arch import RopeScaling
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.draft_model import DraftModel, load_draft
from agentkit_local_models.drafts import FirstOf
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagePool
from agentkit_local_models.sampling import Sampling

from .oracle import random_weights
from .tiny import tiny_arch, tiny_checkpoint

PROMPT = list(range(40, 80))


@pytest.fixture(scope="module")
def checkpoint(smollm2_path: Path) -> Checkpoint:
    """SmolLM2's tokenizer and a config of a few thousand weights."""
    return tiny_checkpoint(smollm2_path, context=160)


class Passes(Model):
    """A model that counts its passes."""

    passes = 0

    def hidden(self, steps):
        self.passes += 1
        return super().hidden(steps)


def model_of(checkpoint: Checkpoint, seed: int = 0) -> Passes:
    return Passes(checkpoint.config, random_weights(checkpoint.config, seed).items(), torch.float64)


def draft_of(model: Model, pages: int = 60, cost: float = 0.0) -> DraftModel:
    pool = PagePool(model.arch, torch.float64, pages)
    return DraftModel(model, pool, vocabulary_size=model.arch.vocabulary_size, cost=cost)


def answer(engine: Engine, sampling: Sampling, prompt: list[int] = PROMPT) -> Completion:
    *_, done = engine.generate(prompt, sampling)
    assert isinstance(done, Completion)
    return done


@pytest.mark.parametrize("seed", [0, 1], ids=["the same weights", "others"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_is_the_same_token_for_token(checkpoint: Checkpoint, seed: int, temperature: float) -> None:
    large = model_of(checkpoint)
    sampling = Sampling(max_tokens=40, temperature=temperature, top_k=4, seed=5)
    expected = answer(Engine(checkpoint, large), sampling)
    alone, large.passes = large.passes, 0
    engine = Engine(checkpoint, large, draft=draft_of(model_of(checkpoint, seed)))
    assert answer(engine, sampling).token_ids == expected.token_ids
    assert engine.draft is not None
    assert engine.draft.accepted <= engine.draft.tried
    # each right guess is a token without a pass of its own, be it the small model's or from the prompt
    assert large.passes <= alone
    if seed == 0 and temperature == 0:
        assert engine.draft.accepted == engine.draft.tried > 0
        assert large.passes <= alone - engine.draft.accepted


def test_what_the_small_model_computed_is_found_again_and_given_back(checkpoint: Checkpoint) -> None:
    small = model_of(checkpoint)
    draft = draft_of(small)
    drafter = draft.drafter()
    drafter.extend(PROMPT)
    first = drafter.propose(4)
    assert len(first) == 3  # as many as are worth it
    assert small.passes == 3  # the prompt, and a token each for all guesses but the first
    drafter.told(3, 2)
    drafter.extend([*first[:2], 7])
    second = drafter.propose(2)
    fresh = model_of(checkpoint)
    logits = fresh.logits([*PROMPT, *first[:2], 7], fresh.new_cache())
    assert second[0] == int(logits.argmax())
    small.passes = 0
    other = draft.drafter()
    other.extend([*PROMPT, *first[:1]])
    assert other.propose(1) == first[1:2]
    assert small.passes == 1
    del drafter, other
    gc.collect()
    last = draft.drafter()
    last.extend([9])
    last.propose(1)
    draft._tree.clear()
    assert draft._pool.available == draft._pool.most - 1  # the last one's


def test_without_room_nothing_is_guessed(checkpoint: Checkpoint) -> None:
    draft = draft_of(model_of(checkpoint), pages=2)
    drafter = draft.drafter()
    drafter.extend(PROMPT)
    assert drafter.propose(4) == []
    long = draft_of(model_of(checkpoint)).drafter()
    long.extend([1] * 159)
    assert len(long.propose(4)) == 1
    long.extend([1])
    assert long.propose(4) == []


def test_a_small_model_whose_frequencies_change_begins_anew() -> None:
    scaling = RopeScaling("factors", 1.0, 32, factors=(1.0, 1.5), long_factors=(3.0, 9.0))
    arch = tiny_arch(rope_scaling=scaling)
    model = Model(arch, random_weights(arch).items(), torch.float64)
    drafter = draft_of(model).drafter()
    tokens = list(range(28))
    drafter.extend(tokens)
    drafter.propose(2)
    drafter.extend([5, 6, 7])
    found = drafter.propose(2)  # 33 tokens with its guesses
    cache = model.new_cache()
    cache.stage = 1
    assert found[0] == int(model.logits([*tokens, 5, 6, 7], cache).argmax())


def test_a_dear_model_guesses_less() -> None:
    arch = tiny_arch()
    model = Model(arch, random_weights(arch).items(), torch.float64)
    widths = []
    for cost in (0.05, 0.3, 0.9):
        drafter = draft_of(model, cost=cost).drafter()
        drafter.extend([1, 2, 3])
        widths.append(len(drafter.propose(8)))
    assert widths[0] > widths[1] > widths[2] == 0


class Told:
    """A drafter with one guess, or none."""

    def __init__(self, guess: list[int]) -> None:
        self.guess = guess
        self.read: list[int] = []
        self.heard: list[tuple[int, int]] = []

    def extend(self, tokens) -> None:
        self.read += tokens

    def propose(self, most: int) -> list[int]:
        return self.guess[:most]

    def told(self, proposed: int, accepted: int) -> None:
        self.heard.append((proposed, accepted))


def test_the_first_drafter_that_has_a_guess_is_asked_and_told() -> None:
    silent, talks, later = Told([]), Told([4, 5]), Told([6])
    both = FirstOf([silent, talks, later])
    both.extend([1, 2])
    assert both.propose(8) == [4, 5]
    both.told(2, 1)
    assert (silent.read, talks.read, later.read) == ([1, 2], [1, 2], [1, 2])
    assert (silent.heard, talks.heard, later.heard) == ([], [(2, 1)], [])


def test_guesses_leave_the_distribution_as_it_is(checkpoint: Checkpoint) -> None:
    """Rejection sampling: over many seeds, tokens come as often as the large model says, guessed or not."""
    logits = torch.full((2, checkpoint.config.vocabulary_size), -math.inf)
    logits[0, [50, 51, 52]] = torch.tensor([0.5, 0.3, 0.2]).log()
    logits[1, [60, 61]] = torch.tensor([0.4, 0.6]).log()  # after the guess
    count, first, second = 500, Counter[int](), Counter[int]()
    for seed in range(count):
        sampling = Sampling(temperature=1.0, seed=seed, max_tokens=8)
        one = Answer(PROMPT, sampling, None, checkpoint.tokenizer, (), 100, Told([51]))
        one.begin()
        one.take(logits)
        made = one.known[len(PROMPT) :]
        first[made[0]] += 1
        assert (len(made) == 2) == (made[0] == 51)
        second.update(made[1:])
    # chi-square with 2 degrees of freedom: above 13.8 once in a thousand times, and seeds are fixed
    expected = {50: 0.5, 51: 0.3, 52: 0.2}
    assert sum((first[t] - count * p) ** 2 / (count * p) for t, p in expected.items()) < 13.8
    tried = first[51]
    assert sum((second[t] - tried * p) ** 2 / (tried * p) for t, p in {60: 0.4, 61: 0.6}.items()) < 10.8


def test_a_draft_model_is_loaded_by_its_path_and_asked_where_it_is_worth_it(
    smollm2_path: Path, checkpoint: Checkpoint
) -> None:
    engine = Engine.load(smollm2_path, draft=smollm2_path)
    assert engine.draft is not None
    sampling = Sampling(max_tokens=12)
    prompt = engine.tokenizer.encode("The capital of France is")
    assert "Paris" in answer(engine, sampling, prompt).text
    assert engine.draft.tried == 0  # as dear as the model itself, so it is not asked
    engine.draft._cost = 0
    answer(engine, sampling, prompt)
    assert engine.draft.accepted > 0
    with pytest.raises(ValueError, match="drafts=False and a draft model"):
        Engine.load(smollm2_path, drafts=False, draft=smollm2_path)
    other = dataclasses.replace(checkpoint, tokenizer=FakeTokenizer())
    with pytest.raises(CheckpointError, match="has other tokens than the model that it is to guess for"):
        load_draft(smollm2_path, other, torch.float32, native=False, threads=None)


class FakeTokenizer:
    """Its tokens are spelt otherwise."""

    _spell = staticmethod(bytes)
