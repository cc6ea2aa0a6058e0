"""Attention in tiles beside its definition, which holds every score at once."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit_local_models.attention import Sight, attend, slopes, tiled


def defined(query, keys, values, start: int, sight: Sight) -> torch.Tensor:
    """Softmax of all scores, token by token."""
    count, heads, width = query.shape
    groups = heads // keys.shape[0]
    result = torch.zeros(count, heads, width, dtype=query.dtype)
    for row in range(count):
        place = start + row
        for head in range(heads):
            key, value = keys[head // groups], values[head // groups]
            scores = key @ query[row, head] * sight.scale
            if sight.cap:
                scores = sight.cap * torch.tanh(scores / sight.cap)
            for other in range(len(scores)):
                if sight.slopes is not None:
                    scores[other] -= sight.slopes[head] * max(place - other, 0)
                if other > place and other >= sight.prefix:
                    scores[other] = -math.inf
                if sight.window and place - other >= sight.window:
                    scores[other] = -math.inf
            result[row, head] = scores.softmax(0) @ value
    return result.view(count, -1)


@st.composite
def cases(draw: st.DrawFn):
    kv_heads = draw(st.sampled_from([1, 2]))
    heads = kv_heads * draw(st.sampled_from([1, 3]))
    count, start = draw(st.integers(1, 9)), draw(st.integers(0, 9))
    width = draw(st.sampled_from([1, 4]))
    kind = draw(st.sampled_from(["causal", "window", "prefix", "alibi", "capped", "capped window"]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))

    def numbers(*shape: int) -> torch.Tensor:
        return 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)

    sight = Sight(
        scale=width**-0.5,
        window=draw(st.integers(1, 12)) if "window" in kind else 0,
        prefix=draw(st.integers(1, start + count)) if kind == "prefix" else 0,
        slopes=slopes(heads).double() if kind == "alibi" else None,
        cap=5.0 if "capped" in kind else 0.0,
    )
    there = start + count
    return (
        numbers(count, heads, width),
        numbers(kv_heads, there, width),
        numbers(kv_heads, there, width),
        start,
        sight,
    )


@given(case=cases(), tile=st.sampled_from([1, 3, 256]))
@settings(max_examples=150, deadline=None)
def test_tiles_of_any_size_give_what_the_definition_gives(case, tile: int) -> None:
    for way in (attend, tiled):
        torch.testing.assert_close(way(*case, tile=tile), defined(*case), atol=1e-12, rtol=1e-12)


def test_slopes_are_those_of_the_paper() -> None:
    assert slopes(8).tolist() == [2.0**-power for power in range(1, 9)]
    assert slopes(1).tolist() == [2.0**-8]


def test_heads_over_a_power_of_two_take_every_other_slope_of_twice_as_many() -> None:
    found = slopes(12)
    assert found[:8].tolist() == slopes(8).tolist()
    assert found[8:].tolist() == slopes(16)[0:8:2].tolist()


@pytest.mark.parametrize(
    "sight",
    [Sight(0.125), Sight(0.125, slopes=slopes(2)), Sight(0.125, cap=5.0), Sight(0.125, window=300)],
    ids=["causal", "penalised", "capped", "window"],
)
def test_twice_the_tokens_take_no_more_than_about_twice_the_memory(sight: Sight) -> None:
    def peak(count: int) -> int:
        query = torch.randn(count, 2, 64)
        keys = torch.randn(1, count, 64)
        with torch.profiler.profile(
            profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]
        ) as seen:
            attend(query, keys, keys, 0, sight)
        now = most = 0
        for event in seen.profiler.kineto_results.events():  # type: ignore[union-attr]
            if event.name() == "[memory]":
                now += event.nbytes()
                most = max(most, now)
        return most

    assert 0 < peak(4096) < 2.5 * peak(2048)
