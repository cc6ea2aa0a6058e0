"""Rounding a matrix by what it is multiplied by."""

from __future__ import annotations

import torch
from torch import Tensor

from agentkit_local_models.gptq import Moments, calibrated_int4
from agentkit_local_models.quantise import int4_groups

COLUMNS = 96


def random(rows: int, columns: int, seed: int) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def correlated(count: int, seed: int) -> Tensor:
    """Inputs that lie near a plane of 12 dimensions, as activations of trained models nearly do."""
    return random(count, 12, seed) @ random(12, COLUMNS, 0) + 0.1 * random(count, COLUMNS, seed + 1)


def moments_of(rounded: Tensor, exact: Tensor) -> Moments:
    moments = Moments(COLUMNS)
    moments.add(rounded, exact)
    return moments


def off(products: Tensor, wanted: Tensor) -> float:
    return float((products - wanted).norm() / wanted.norm())


def test_products_with_inputs_like_those_seen_are_several_times_nearer() -> None:
    weight, seen, others = random(40, COLUMNS, 1), correlated(512, 2), correlated(256, 4)
    wanted = others @ weight.T
    plain = off(int4_groups(weight)(others), wanted)
    assert off(calibrated_int4(weight, moments_of(seen, seen))(others), wanted) < plain / 3


def test_what_the_matrices_before_miss_is_made_up_for() -> None:
    weight, exact, others = random(40, COLUMNS, 1), correlated(512, 2), correlated(256, 4)
    bent = torch.eye(COLUMNS) + 0.02 * random(COLUMNS, COLUMNS, 6)  # what those before make of an input
    alone = calibrated_int4(weight, moments_of(exact @ bent, exact @ bent))
    told = calibrated_int4(weight, moments_of(exact @ bent, exact))
    wanted = others @ weight.T
    assert off(told(others @ bent), wanted) < off(alone(others @ bent), wanted) / 2


def test_columns_that_nothing_is_multiplied_by_are_rounded_to_the_nearest() -> None:
    weight, inputs = random(8, COLUMNS, 1), correlated(512, 2)
    inputs[:, 32:64] = 0
    kept = calibrated_int4(weight, moments_of(inputs, inputs))
    dead = slice(32, 64)
    missed = (kept.dense(torch.float32) - weight)[:, dead].abs()
    assert bool((missed.amax(dim=1) <= 15 * kept.scales[:, 1].float()).all())
    plain = (int4_groups(weight).dense(torch.float32) - weight)[:, dead]
    assert float(missed.norm()) <= float(plain.norm())


def test_fewer_inputs_than_columns_and_none_at_all_are_enough() -> None:
    weight, inputs = random(8, COLUMNS, 1), correlated(3, 2)
    few = calibrated_int4(weight, moments_of(inputs, inputs))
    assert off(few(inputs), inputs @ weight.T) < off(int4_groups(weight)(inputs), inputs @ weight.T) / 3
    none = calibrated_int4(weight, Moments(COLUMNS)).dense(torch.float32)
    assert off(none, weight) <= off(int4_groups(weight).dense(torch.float32), weight)


def test_four_bits_that_can_be_kept_are_kept() -> None:
    once, inputs = int4_groups(random(8, COLUMNS, 1)), correlated(512, 2)
    again = calibrated_int4(once.dense(torch.float32), moments_of(inputs, inputs))
    assert torch.equal(again.dense(torch.float32), once.dense(torch.float32))


def test_rows_of_one_number_are_kept() -> None:
    inputs = correlated(64, 2)
    for number in (0.0, 0.5, -2.0):
        weight = torch.full((2, COLUMNS), number)
        kept = calibrated_int4(weight, moments_of(inputs, inputs))
        torch.testing.assert_close(kept.dense(torch.float32), weight, rtol=1e-3, atol=1e-3)
