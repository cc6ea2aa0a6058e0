"""Flash attention's kernels, and their gradients, beside the definition in float64."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agentkit_local_models.attention import Sight, slopes
from agentkit_local_models.gpu.flash import flash_attention
from agentkit_local_models.gpu.tiles import Tile, Tiles
from agentkit_local_models.gpu.varlen import Packed

from .definition import defined

# the interpreter computes number by number: on a busy machine a test takes minutes
pytestmark = [pytest.mark.triton, pytest.mark.timeout(1800)]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SMALL = Tiles(*[Tile(16, 16, 4, 1)] * 3)


@dataclass(frozen=True)
class Case:
    queries: list[int]
    keys: list[int]
    heads: int
    kv_heads: int
    width: int
    sight: Sight
    prefixes: list[int] | None = None
    tiles: Tiles | None = SMALL
    dtype: torch.dtype = torch.float32
    seed: int = 0

    def numbers(self) -> list[Tensor]:
        """Query, key, value, and the gradient of the result."""
        generator = torch.Generator().manual_seed(self.seed)
        asked, there = sum(self.queries), sum(self.keys)
        shapes = [(asked, self.heads), (there, self.kv_heads), (there, self.kv_heads), (asked, self.heads)]
        return [torch.randn(*shape, self.width, generator=generator).to(self.dtype) for shape in shapes]

    def found(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        packed = Packed.of(self.queries, self.keys, prefixes=self.prefixes, device=DEVICE)
        parts = [part.to(DEVICE) for part in (query, key, value)]
        return flash_attention(*parts, packed, self.sight, tiles=self.tiles).cpu()

    def check(self, tolerance: float) -> None:
        """The result and three gradients are those of the definition."""
        *parts, gradient = self.numbers()
        for part in parts:
            part.requires_grad_()
        mixed = self.found(*parts)
        exact = [part.detach().double().requires_grad_() for part in parts]
        wanted = defined(*exact, self.queries, self.keys, self.sight, self.prefixes)
        torch.testing.assert_close(mixed.double(), wanted, atol=tolerance, rtol=tolerance)
        assert mixed.dtype == self.dtype
        found = torch.autograd.grad(mixed, parts, gradient)
        for one, other in zip(found, torch.autograd.grad(wanted, exact, gradient.double()), strict=True):
            torch.testing.assert_close(one.double(), other, atol=4 * tolerance, rtol=4 * tolerance)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    group, kv_heads = draw(st.sampled_from([(1, 1), (3, 1), (1, 2), (2, 2)]))
    keys = draw(st.lists(st.integers(1, 40), min_size=1, max_size=2))
    queries = [draw(st.integers(0, count)) for count in keys]
    prefixes = None
    if draw(st.booleans()):
        prefixes = [draw(st.integers(0, count)) for count in keys]
    sight = Sight(
        scale=draw(st.sampled_from([0.1, 0.4])),
        window=draw(st.sampled_from([0, 1, 5, 17, 40])),
        slopes=slopes(group * kv_heads) if draw(st.booleans()) else None,
        cap=draw(st.sampled_from([0.0, 0.0, 2.0])),
    )
    tiles = Tiles(
        *(Tile(draw(st.sampled_from([16, 32])), draw(st.sampled_from([16, 32])), 4, 1) for _ in "123")
    )
    width = draw(st.sampled_from([8, 16, 24]))
    return Case(
        queries,
        keys,
        group * kv_heads,
        kv_heads,
        width,
        sight,
        prefixes,
        tiles,
        seed=draw(st.integers(0, 99)),
    )


# of float16, the weights too are rounded before they are multiplied: 5e-4 of each
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float16, 4e-3)], ids=str)
@given(case=cases())
@settings(max_examples=12, deadline=None)
def test_whatever_is_seen_results_and_gradients_are_those_of_the_definition(
    dtype: torch.dtype, tolerance: float, case: Case
) -> None:
    replace(case, dtype=dtype).check(tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["float32", "float16"])
@pytest.mark.parametrize("width", [64, 80, 96, 128, 256])
def test_heads_of_every_size_with_the_tiles_of_the_table(width: int, dtype: torch.dtype) -> None:
    tolerance = 2e-5 if dtype == torch.float32 else 4e-3
    Case([37], [70], 2, 1, width, Sight(width**-0.5), tiles=None, dtype=dtype).check(tolerance)


def test_bfloat16_is_multiplied_right_where_there_is_no_bfloat16() -> None:
    Case([20], [20], 2, 1, 16, Sight(0.25), dtype=torch.bfloat16).check(3e-2)


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # of queries whose every score is NaN
def test_what_nobody_sees_is_not_read() -> None:
    """Whole tiles of NaN lie before the window and after the last query; a masked NaN would still spread."""
    case = Case([16], [64], 1, 1, 16, Sight(0.25, window=8))
    query, key, value, gradient = case.numbers()
    key[:32] = value[:32] = torch.nan
    query.requires_grad_()
    mixed = case.found(query, key, value)
    assert mixed.isfinite().all()
    assert torch.autograd.grad(mixed, query, gradient)[0].isfinite().all()

    case = Case([64], [64], 1, 1, 16, Sight(0.25))
    query, key, value, _ = case.numbers()
    key[32:] = value[32:] = torch.nan
    assert case.found(query, key, value)[:32].isfinite().all()


def test_a_sequence_has_the_same_bits_alone_and_beside_others_and_so_have_gradients_every_time() -> None:
    both, one = Case([9, 33], [20, 33], 2, 1, 16, Sight(0.25)), Case([33], [33], 2, 1, 16, Sight(0.25))
    query, key, value, gradient = both.numbers()
    key.requires_grad_()
    again = [torch.autograd.grad(both.found(query, key, value), key, gradient)[0] for _ in range(2)]
    assert torch.equal(*again)
    alone = one.found(query[9:], key[20:], value[20:])
    assert torch.equal(both.found(query, key, value)[9:], alone)


def test_what_is_kept_for_the_gradient_grows_with_the_tokens_and_not_with_their_square() -> None:
    def kept(count: int) -> int:
        case = Case([count], [count], 1, 1, 16, Sight(0.25), tiles=None)
        parts = [part.requires_grad_() for part in case.numbers()[:3]]
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            case.found(*parts)
        return sum(sizes)

    assert 0 < kept(64) == 2 * kept(32)


def test_heads_that_are_slices_of_one_tensor_are_read_where_they_lie() -> None:
    case = Case([20], [20], 2, 1, 16, Sight(0.25))
    query, key, value, _ = case.numbers()
    joined = torch.cat((query, key, value), dim=1)
    torch.testing.assert_close(
        case.found(*joined.split([2, 1, 1], dim=1)), case.found(query, key, value), atol=0, rtol=0
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": torch.zeros(8, 3, 16)}, "H is a multiple of K"),
        ({"value": torch.zeros(8, 1, 8)}, "query [8, 2, 16], key [8, 1, 16], value [8, 1, 8]"),
        ({"query": torch.zeros(8, 2, 16, dtype=torch.float64)}, "query is torch.float64"),
        ({"query": torch.zeros(7, 2, 16)}, "the sequences have 8 queries"),
        ({name: torch.zeros(8, 1, 300) for name in ("query", "key", "value")}, "heads of 300 numbers"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(change: dict[str, Tensor], said: str) -> None:
    parts = {"query": torch.zeros(8, 2, 16), "key": torch.zeros(8, 1, 16), "value": torch.zeros(8, 1, 16)}
    with pytest.raises(ValueError) as refused:
        flash_attention(**(parts | change), packed=Packed.of([8]), sight=Sight(1.0))
    assert said in str(refused.value)
