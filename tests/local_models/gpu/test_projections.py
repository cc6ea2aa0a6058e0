"""Projections in one kernel against the same in plain torch."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.gpu.norms import add_norm
from agentkit_local_models.gpu.packed import Packed, packed
from agentkit_local_models.gpu.projections import Heads, project, query_key_value
from agentkit_local_models.linear import Linear
from agentkit_local_models.matrices import Blocks, Floats
from agentkit_local_models.quantise import int4_groups, int8_rows
from agentkit_local_models.rotary import rotate

pytestmark = [pytest.mark.triton, pytest.mark.timeout(1800)]
CPU = torch.device("cpu")
FORMS = {"float": Floats, "int8": int8_rows, "int4": int4_groups}
ACTIVATIONS = {
    "none": lambda x: x,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def matrix(
    rows: int, columns: int, form: str = "float", *, bias: bool = False
) -> tuple[Packed, torch.Tensor]:
    """A matrix of the form, and the values that it has."""
    kept = FORMS[form](numbers(rows, columns, seed=rows) / columns**0.5)
    added = numbers(rows, seed=7) if bias else None
    return packed(Linear(kept, added), CPU), kept.dense(torch.float32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 2, 16, 19])
def test_a_product_of_any_form_and_any_number_of_tokens_is_torchs(form: str, count: int) -> None:
    one, values = matrix(37, 96, form, bias=True)
    x = numbers(count, 96)
    found = project(x, one)
    torch.testing.assert_close(found, F.linear(x, values, one.bias), rtol=0, atol=3e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("count", "gated"), [(1, True), (3, True), (20, True), (2, False), (20, False)])
def test_a_gate_is_multiplied_by_what_it_gates(activation: str, count: int, gated: bool) -> None:
    one, values = matrix(2 * 21, 32, bias=True)
    x = numbers(count, 32)
    whole = F.linear(x, values, one.bias)
    first, second = whole.chunk(2, dim=-1) if gated else (whole, torch.ones(()))
    found = project(x, one, activation=activation, gated=gated)
    torch.testing.assert_close(found, ACTIVATIONS[activation](first) * second, rtol=0, atol=3e-6)


def test_float16_is_summed_in_float32_and_rounded_once() -> None:
    _, values = matrix(32, 512)
    half = packed(Linear(Floats(values.half())), CPU)
    x = numbers(3, 512, dtype=torch.float16)
    exact = (x.double() @ values.half().double().T).half()
    found = project(x, half)
    assert (found - exact).abs().max() <= 2**-9 * exact.abs().max()
    assert project(x, half, dtype=torch.float32).dtype == torch.float32


CASES = {
    "all of a head": Heads(4, 2, 8, 8),
    "the first half": Heads(4, 1, 8, 4),
    "nothing": Heads(2, 2, 8, 0),
    "of 80 numbers": Heads(2, 1, 80, 80),
    "normed first": Heads(4, 2, 8, 8, 1 + 0.1 * numbers(8, seed=3), 1 + 0.1 * numbers(8, seed=4), 1e-5),
}


@pytest.mark.parametrize("heads", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("count", [1, 3, 18])
@pytest.mark.parametrize("form", ["float", "int4"])
def test_heads_are_turned_and_keys_and_values_lie_in_their_pages(heads: Heads, count: int, form: str) -> None:
    rows = (heads.query + 2 * heads.keys) * heads.width
    one, values = matrix(rows, 32, form, bias=True)
    x, angles = numbers(count, 32), numbers(count, heads.rotated // 2, seed=5)
    pages = numbers(4, 2 * heads.keys, 16, heads.width, seed=6)
    slots = torch.randperm(64, generator=torch.Generator().manual_seed(1))[:count].to(torch.int32)
    slots[-1] = -1  # of a row that only fills a bucket
    before = pages.clone()
    query = query_key_value(x, one, heads, angles.cos(), angles.sin(), slots, pages)

    whole = F.linear(x, values, one.bias).view(count, -1, heads.width)
    turned = whole[:, : heads.query + heads.keys]
    if heads.query_norm is not None and heads.key_norm is not None:
        for part, weight in (
            (turned[:, : heads.query], heads.query_norm),
            (turned[:, heads.query :], heads.key_norm),
        ):
            part.copy_(F.rms_norm(part, weight.shape, weight, heads.epsilon))
    if heads.rotated:
        cosines, sines = angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)
        rotate(turned, torch.cat((cosines, cosines), -1), torch.cat((-sines, sines), -1))
    for row, slot in enumerate(slots.tolist()):
        if slot >= 0:
            before[slot // 16, :, slot % 16] = whole[row, heads.query :]
    torch.testing.assert_close(query, whole[:, : heads.query], rtol=0, atol=1e-5)
    torch.testing.assert_close(pages, before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_the_residual_is_added_and_normed_in_one_pass(layer: bool, biased: bool) -> None:
    x, added, weight = numbers(3, 40), numbers(3, 40, seed=1), 1 + 0.1 * numbers(40, seed=2)
    bias = numbers(40, seed=3) if biased else None
    normed, total = add_norm(x, added, weight, bias, 1e-5, layer=layer)
    plain = (
        F.layer_norm(x + added, (40,), weight, bias, 1e-5)
        if layer
        else F.rms_norm(x + added, (40,), weight, 1e-5)
    )
    expected = plain if layer or bias is None else plain + bias
    torch.testing.assert_close(total, x + added, rtol=0, atol=0)
    torch.testing.assert_close(normed, expected, rtol=0, atol=2e-6)
    alone, same = add_norm(x, None, weight, bias, 1e-5, layer=layer)
    assert torch.equal(same, x)
    assert not torch.allclose(alone, normed)


def test_what_is_added_to_can_be_the_normed_input() -> None:
    x, weight = numbers(2, 24), 1 + 0.1 * numbers(24, seed=2)
    normed, kept = add_norm(x, None, weight, None, 1e-5, layer=True, kept=7.5)
    torch.testing.assert_close(kept, 7.5 * normed)


def test_a_form_that_no_kernel_reads_is_refused_by_its_name() -> None:
    kind = TensorKind.Q8_0 if hasattr(TensorKind, "Q8_0") else next(iter(TensorKind))
    blocks = Blocks(kind, torch.zeros(2, kind.block_bytes, dtype=torch.uint8))
    with pytest.raises(UnsupportedCheckpoint, match=r"Blocks .*int8 or int4"):
        packed(Linear(blocks), CPU)
