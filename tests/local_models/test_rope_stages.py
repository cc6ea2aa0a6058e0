"""Frequencies that change with a sequence's length: what they are, and when a sequence is computed anew."""

from pathlib import Path

import pytest
import torch

from agentkit_local_models.arch import RopeScaling
from agentkit_local_models.errors import CheckpointError, PromptTooLong
from agentkit_local_models.families import read_family
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagePool
from agentkit_local_models.request import Request
from agentkit_local_models.rotary import frequencies
from agentkit_local_models.scheduler import Scheduler

from .oracle import random_weights
from .test_families import KINDS, SMALL, THETA, TOKENS, assert_as_theirs, ours, theirs
from .test_scheduler import Drawn, Recorded, check, run
from .tiny import tiny_arch

ORIGINAL = 32
LONG = THETA | {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.3, 1.7, 2.0, 2.5],
    "long_factor": [2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
}
DYNAMIC = THETA | {"rope_type": "dynamic", "factor": 4.0}
STAGED = {
    "longrope": RopeScaling("factors", 1.0, ORIGINAL, factors=(1.0, 1.5), long_factors=(3.0, 9.0)),
    "dynamic": RopeScaling("dynamic", 3.0, ORIGINAL),
}


def staged(kind: str) -> Model:
    arch = tiny_arch(context=96, rope_scaling=STAGED[kind])
    return Model(arch, random_weights(arch).items(), torch.float64)


def test_stages_are_the_lengths_up_to_which_frequencies_hold() -> None:
    assert tiny_arch(context=96).stages == (96,)
    assert tiny_arch(context=96, rope_scaling=STAGED["longrope"]).stages == (32, 96)
    assert tiny_arch(context=96, rope_scaling=STAGED["dynamic"]).stages == (32, 64, 96)
    assert tiny_arch(context=32, rope_scaling=STAGED["dynamic"]).stages == (32,)
    assert tiny_arch(rope_scaling=RopeScaling("factors", 1.0, 32, factors=(1.0, 1.5))).stages == (400,)
    assert [PagePool(staged("dynamic").arch, torch.float32, 1).stage_of(n) for n in (0, 32, 33, 64, 96)] == [
        0, 0, 1, 1, 2,
    ]  # fmt: skip


@pytest.mark.parametrize("length", [20, ORIGINAL, ORIGINAL + 1, len(TOKENS)])
def test_longrope_has_the_logits_of_transformers_on_both_sides_of_the_original_context(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"rope_parameters": LONG, "original_max_position_embeddings": ORIGINAL}
    monkeypatch.setitem(KINDS, "long", ("Phi3", SMALL | changes))
    oracle = theirs("long")
    oracle.save_pretrained(tmp_path)
    model = ours(tmp_path)
    assert model.arch.stages == (ORIGINAL, SMALL["max_position_embeddings"])
    with torch.inference_mode():
        expected = oracle(torch.tensor([TOKENS[:length]])).logits[0]
    assert_as_theirs(model.logits(TOKENS[:length], model.new_cache(), every=True), expected)


@pytest.mark.parametrize("length", [20, ORIGINAL, 2 * ORIGINAL, 4 * ORIGINAL])
def test_dynamic_scaling_has_the_logits_of_transformers_where_a_stage_ends(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"rope_parameters": DYNAMIC, "max_position_embeddings": ORIGINAL}
    monkeypatch.setitem(KINDS, "dynamic", ("Llama", SMALL | changes))
    oracle = theirs("dynamic")
    oracle.save_pretrained(tmp_path)
    model = ours(tmp_path)
    assert model.arch.stages == (32, 64, 128)
    tokens = [*TOKENS, *TOKENS][:length]
    with torch.inference_mode():
        expected = oracle(torch.tensor([tokens])).logits[0]
    assert_as_theirs(model.logits(tokens, model.new_cache(), every=True), expected)


@pytest.mark.parametrize("kind", STAGED)
def test_an_answer_that_grows_into_a_stage_is_what_was_computed_in_it_from_the_first_token(kind: str) -> None:
    model = staged(kind)
    work = Drawn(list(range(20)), 60, 3)
    passes = Recorded(model)
    run(Scheduler(passes, PagePool(model.arch, torch.float64, 40)), Request(work))
    for made, found in enumerate(work.logits):
        expected = model.logits(work.known[: 20 + made], model.new_cache())
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    # whole once at each crossing, one token at a time between them
    crossings = [size for (size,) in passes.passes[1:] if size > 1]
    assert crossings == {"longrope": [33], "dynamic": [33, 65]}[kind]


@pytest.mark.parametrize("kind", STAGED)
def test_schedules_across_stages_give_each_request_the_tokens_it_gets_alone(kind: str) -> None:
    model = staged(kind)
    assert sum(check(model, seed, bits=False, guesses=seed % 2 == 1) for seed in range(6)) > 5


def test_what_was_computed_in_one_stage_is_not_taken_for_another() -> None:
    model = staged("longrope")
    scheduler = Scheduler(model, PagePool(model.arch, torch.float64, 40))
    tokens = list(range(60))
    short, long, again = (Request(Drawn(tokens[:count], 1, 0)) for count in (32, 60, 50))
    run(scheduler, short)
    run(scheduler, long)
    assert long.reused == 0
    run(scheduler, again)
    assert again.reused == 49
    assert scheduler.lease(short.variant, tokens[:32], 5.0) == 32
    scheduler.forget(short.variant)
    assert len(scheduler.tree) == 0


def test_a_cache_is_not_extended_beyond_what_its_keys_are_rotated_for() -> None:
    model = staged("longrope")
    cache = model.new_cache()
    model.logits(list(range(30)), cache)
    with pytest.raises(PromptTooLong, match="33 tokens; the 30 before were rotated for 32"):
        model.logits([1, 2, 3], cache)
    assert (cache.length, cache.stage) == (30, 0)
    fork = model.new_cache()
    model.logits(list(range(40)), fork)
    assert fork.fork().stage == 1
    fork.release()
    assert fork.stage == 0


def test_dynamic_frequencies_are_those_of_the_greatest_length() -> None:
    scaling = RopeScaling("dynamic", 2.0, 32)
    plain = frequencies(8, 10_000.0, None)
    torch.testing.assert_close(frequencies(8, 10_000.0, scaling, 32), plain)
    # factor 2 at twice the length: the base is three times as great, to the power 8 / 6
    torch.testing.assert_close(
        frequencies(8, 10_000.0, scaling, 64), frequencies(8, 10_000.0 * 3 ** (8 / 6), None)
    )


def test_a_folder_without_long_factors_is_refused_by_their_name(tmp_path: Path) -> None:
    config = (
        '{"architectures": ["Phi3ForCausalLM"], "vocab_size": 97, "hidden_size": 16, "num_hidden_layers": 1,'
        ' "num_attention_heads": 2, "intermediate_size": 24, "rms_norm_eps": 1e-5,'
        ' "max_position_embeddings": 64, "rope_scaling": {"type": "su", "short_factor": [1, 1, 1, 1]}}'
    )
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match="long_factor"):
        read_family(tmp_path / "config.json")
