"""Attention of a prompt in C++: that of the plain algorithm in double precision, wherever a prompt is cut."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agentkit_local_models.attention import Sight, attend, slopes, tiled
from agentkit_local_models.model import Model
from agentkit_local_models.native import library as c
from agentkit_local_models.native.attending import NativeAttention
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.native.workers import workers as workers_here

from .oracle import random_weights
from .test_native import LLAMA, TOKENS
from .test_native_pointwise import Noted

STEP = 2**-8
"""Of bfloat16, between a number and the next."""


@cache
def here() -> c.Workers:
    return workers_here(2)


def multiplies() -> bool:
    """Whether this processor has what it is written for."""
    return here().library.tiles_by != "nothing"


def drawn(
    count: int, start: int, heads: tuple[int, int], width: int, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as they lie in a block: beside each other, in more room than is used."""
    dice = torch.Generator().manual_seed(seed)
    asking, keyed = heads
    query = torch.randn(count, asking + 2 * keyed, width, generator=dice).bfloat16()[:, :asking]
    memory = torch.randn(2 * keyed, start + count + 3, width, generator=dice).bfloat16()
    keys, values = memory[:, : start + count].chunk(2)
    return query, keys, values


def near(found: Tensor, expected: Tensor) -> None:
    """As near as bfloat16 gets: weights and outputs are rounded once."""
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=STEP, atol=STEP)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_prompt_is_attended_to_as_in_double_precision(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 150), "tokens")
    start = data.draw(st.integers(0, 300), "start")
    keyed = data.draw(st.integers(1, 3), "key heads")
    heads = keyed * data.draw(st.integers(1, 4), "heads a key head")
    width = data.draw(st.sampled_from([32, 64, 96, 128, 256]), "head width")
    window = data.draw(st.sampled_from([0, 0, 1, 17, 128, 129, 400]), "window")
    penalised = data.draw(st.booleans(), "penalised")
    sight = Sight(width**-0.5, window, slopes=slopes(heads) if penalised else None)
    query, keys, values = drawn(count, start, (heads, keyed), width, data.draw(st.integers(0, 99), "seed"))
    with torch.inference_mode():
        found = NativeAttention(here())(query, keys, values, start, sight)
        if multiplies():
            near(found, tiled(query.double(), keys.double(), values.double(), start, sight))
        else:
            assert torch.equal(found, attend(query, keys, values, start, sight))


@pytest.mark.parametrize("window", [0, 100])
@torch.inference_mode()
def test_a_token_sees_the_same_wherever_the_prompt_is_cut(window: int) -> None:
    if not multiplies():
        pytest.skip("torch's products add in an order that depends on how many there are")
    query, keys, values = drawn(300, 0, (4, 2), 64)
    attention, sight = NativeAttention(here()), Sight(0.125, window)
    whole = attention(query, keys, values, 0, sight)
    for cut in (2, 31, 33, 127, 129, 250):
        first = attention(query[:cut], keys[:, :cut], values[:, :cut], 0, sight)
        rest = attention(query[cut:], keys, values, cut, sight)
        assert torch.equal(torch.cat((first, rest)), whole)


@torch.inference_mode()
def test_scores_that_are_far_apart_lose_nothing() -> None:
    query, keys, values = drawn(200, 0, (2, 1), 64)
    keys[:, 60] *= 100  # of which every later token sees almost nothing else, or nothing of it
    sight = Sight(1.0)
    found = NativeAttention(here())(query, keys, values, 0, sight)
    near(found, tiled(query.double(), keys.double(), values.double(), 0, sight))


CASES: dict[str, tuple[dict[str, Any], Sight]] = {
    "all of it": ({}, Sight(0.125)),
    "float32": ({"dtype": torch.float32}, Sight(0.125)),
    "heads of 80": ({"width": 80}, Sight(0.125)),
    "one token": ({"count": 1}, Sight(0.125)),
    "a prefix that all see": ({}, Sight(0.125, prefix=20)),
    "scores with a cap": ({}, Sight(0.125, cap=30.0)),
}


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_what_is_not_written_in_cpp_is_torchs_to_the_bit(case: str) -> None:
    how, sight = CASES[case]
    made = drawn(how.get("count", 40), 10, (4, 2), how.get("width", 64))
    query, keys, values = (one.to(how.get("dtype", torch.bfloat16)) for one in made)
    noted = Noted(here())
    found = NativeAttention(noted)(query, keys, values, 10, sight)
    assert ("attend_many" in noted.asked) is (case == "all of it" and multiplies())
    if case != "all of it":
        assert torch.equal(found, attend(query, keys, values, 10, sight))


def test_gradients_go_through_torch() -> None:
    query, keys, values = (one.clone().requires_grad_() for one in drawn(40, 0, (4, 2), 64))
    found = NativeAttention(here())(query, keys, values, 0, Sight(0.125)).sum()
    expected = attend(query, keys, values, 0, Sight(0.125)).sum()
    for one, other in zip(
        torch.autograd.grad(found, (query, keys, values)),
        torch.autograd.grad(expected, (query, keys, values)),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_a_model_reads_its_prompts_so() -> None:
    arch = replace(LLAMA, head_width=64)
    noted = Noted(here())
    native = NativeModel(Model(arch, random_weights(arch).items(), torch.bfloat16), noted)
    native.logits((TOKENS * 2)[:80], native.new_cache())
    assert ("attend_many" in noted.asked) is multiplies()
