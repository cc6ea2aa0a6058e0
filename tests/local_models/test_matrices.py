"""The forms of a matrix: what they hold, what they multiply to, and what rounding may change."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from agentkit_local_models import matrices
from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.int8_products import Int8Both, adds_up_integers, sums
from agentkit_local_models.matrices import Adapted, Blocks, Floats, Int4Groups, Int8Rows, Stacked, Stored
from agentkit_local_models.quantise import int4_from_blocks, int4_groups, int8_rows


def a_weight(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def blocks_of(weight: Tensor, kind: Literal["Q4_0", "Q4_1", "Q8_0"]) -> Blocks:
    """Blocks as the `gguf` package writes them."""
    raw = quantize(weight.numpy(), GGMLQuantizationType[kind])
    return Blocks(TensorKind[kind], torch.from_numpy(raw))


FORMS = {
    "floats": Floats,
    "int8": int8_rows,
    "int8 by int8": lambda weight: Int8Both.of(int8_rows(weight)),
    "int4": int4_groups,
    "blocks": lambda weight: blocks_of(weight, "Q8_0"),
    "adapted": lambda weight: Adapted(
        int8_rows(weight), a_weight(3, weight.shape[1], 5), a_weight(len(weight), 3, 6), 0.5
    ),
}


EXACT = pytest.mark.skipif(not adds_up_integers(), reason="this processor adds up codes in too few bits")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "int8 by int8"])
@pytest.mark.parametrize("tokens", [1, 5])
def test_every_form_multiplies_as_its_values_do(form: str, tokens: int, monkeypatch) -> None:
    monkeypatch.setattr(matrices, "SLICE", 3 * 64)  # several slices, the last a short one
    matrix: Stored = FORMS[form](a_weight(10, 64))
    x, bias = a_weight(tokens, 64, 1), a_weight(10, 1, 2)[:, 0]
    expected = x.double() @ matrix.dense(torch.float64).T + bias
    torch.testing.assert_close(matrix(x, bias).double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(matrix(x).double(), expected - bias, rtol=1e-5, atol=1e-5)


def test_eight_bits_by_eight_bits_are_the_products_of_what_both_are_rounded_to() -> None:
    weight, bias = int8_rows(a_weight(10, 64)), a_weight(10, 1, 2)[:, 0]
    x = a_weight(5, 64, 1)
    rounded = int8_rows(x).dense(torch.float64)
    found = Int8Both.of(weight)(x, bias)
    torch.testing.assert_close(
        found.double(), rounded @ weight.dense(torch.float64).T + bias, rtol=1e-6, atol=1e-5
    )
    assert float((found - weight(x, bias)).abs().max()) > 1e-3  # which floats are not


def test_a_token_by_eight_bits_has_the_same_bits_beside_others() -> None:
    matrix, x = Int8Both.of(int8_rows(a_weight(48, 96))), a_weight(33, 96, 1)
    assert torch.equal(matrix(x)[7:8], matrix(x[7:8]))


@pytest.mark.parametrize("integers", [False, pytest.param(True, marks=EXACT)])
def test_codes_are_added_up_without_a_loss(integers: bool) -> None:
    x = torch.full((3, 5_632), 127, dtype=torch.int8)  # more than float32 adds up to the last one
    x[:, ::2] = 126
    w = torch.tensor([127, -127, 1], dtype=torch.int8)[:, None].expand(3, 5_632).contiguous()
    found = sums(x, w, integers=integers)
    whole = (126 + 127) * 2_816
    assert found.tolist() == [[127 * whole, -127 * whole, whole]] * 3


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_picked_by_number(form: str) -> None:
    matrix: Stored = FORMS[form](a_weight(10, 64))
    chosen = torch.tensor([7, 0, 7])
    picked, expected = matrix[chosen].dense(torch.float32), matrix.dense(torch.float32)[chosen]
    # of a delta each number is a sum, whose order may depend on how many rows there are
    torch.testing.assert_close(picked, expected, rtol=0, atol=1e-5 if form == "adapted" else 0)
    assert matrix.shape == (10, 64)
    assert matrix[2:5].shape == (3, 64)


def test_a_delta_is_added_to_what_it_lies_beside() -> None:
    below, a, b = int8_rows(a_weight(10, 64)), a_weight(3, 64, 5), a_weight(10, 3, 6)
    adapted = Adapted(below, a, b, 0.5)
    torch.testing.assert_close(adapted.dense(torch.float32), below.dense(torch.float32) + 0.5 * b @ a)
    assert adapted.nbytes == below.nbytes + 4 * 3 * (64 + 10)


def test_stacked_parts_of_different_forms_are_one_matrix() -> None:
    parts = (int4_groups(a_weight(4, 32)), blocks_of(a_weight(6, 32, 1), "Q8_0"))
    stacked, x, bias = Stacked(parts), a_weight(3, 32, 2), torch.arange(10.0)
    assert stacked.shape == (10, 32)
    assert stacked.nbytes == parts[0].nbytes + parts[1].nbytes
    torch.testing.assert_close(stacked(x, bias), x @ stacked.dense(torch.float32).T + bias)


@given(st.integers(0, 10_000), st.sampled_from([1e-6, 1.0, 1e4]))
def test_eight_bits_miss_by_half_a_step_of_the_row_at_most(seed: int, size: float) -> None:
    weight = a_weight(3, 40, seed) * size
    kept = int8_rows(weight)
    assert kept.codes.dtype == torch.int8
    missed = (kept.dense(torch.float32) - weight).abs()
    assert bool((missed <= kept.scales.unsqueeze(1) * 0.5001).all())
    assert kept.nbytes == 3 * 40 + 3 * 4


@given(st.integers(0, 10_000), st.sampled_from([1e-3, 1.0, 1e3]))
def test_four_bits_miss_by_half_a_step_of_the_group_at_most(seed: int, size: float) -> None:
    weight = a_weight(3, 64, seed) * size
    kept = int4_groups(weight)
    missed = (kept.dense(torch.float32) - weight).abs().view(3, 2, 32)
    # the scale is rounded to float16 first, so 15 steps may end 15 roundings before the highest number
    allowed = kept.scales.float() * (0.5 + 15 * 2**-11 + 1e-3) + kept.lows.float().abs() * 2**-10
    assert bool((missed <= allowed.unsqueeze(-1)).all())
    assert kept.nbytes == 3 * 64 // 2 + 3 * 2 * 4


@pytest.mark.parametrize("rounded", [int8_rows, int4_groups])
def test_rows_of_one_number_are_kept(rounded) -> None:
    for number in (0.0, 0.5, -2.0):
        kept: Int8Rows | Int4Groups = rounded(torch.full((2, 32), number))
        assert torch.equal(kept.dense(torch.float32), torch.full((2, 32), number))


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1"])
def test_blocks_of_four_bits_become_groups_without_a_loss(kind) -> None:
    blocks = blocks_of(a_weight(8, 96), kind)
    groups = int4_from_blocks(blocks)
    assert groups is not None
    assert torch.equal(groups.dense(torch.float32), blocks.dense(torch.float32))


def test_other_blocks_do_not_become_groups() -> None:
    assert int4_from_blocks(blocks_of(a_weight(2, 32), "Q8_0")) is None


def test_four_bits_twice_are_four_bits_once() -> None:
    once = int4_groups(a_weight(4, 64)).dense(torch.float32)
    again = int4_groups(once).dense(torch.float32)
    torch.testing.assert_close(again, once, rtol=1e-3, atol=1e-3)
