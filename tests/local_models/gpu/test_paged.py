"""Attention over pages beside the definition, with answers, drafts and chunks in one launch."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit_local_models.attention import Sight, slopes
from agentkit_local_models.gpu.paged import PagedRows, paged_attention, splits_for
from agentkit_local_models.gpu.tiles import Tile
from agentkit_local_models.pages import PAGE, pages_for

from .definition import defined

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Case:
    queries: list[int]
    lengths: list[int]
    group: int
    kv_heads: int
    width: int
    sight: Sight
    prefixes: list[int] | None = None
    tile: Tile | None = None
    splits: int | None = None
    dtype: torch.dtype = torch.float32
    seed: int = 0

    def check(self, tolerance: float) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        there, heads = sum(self.lengths), self.group * self.kv_heads

        def numbers(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, self.width, generator=generator).to(self.dtype)

        query, stored = numbers(sum(self.queries), heads), numbers(there, 2 * self.kv_heads)
        needed = [pages_for(length) for length in self.lengths]
        order = torch.randperm(sum(needed) + 3, generator=generator).tolist()
        # a number that is read where nothing was stored shows
        pages = torch.full((len(order), 2 * self.kv_heads, PAGE, self.width), torch.nan, dtype=self.dtype)
        tables, row = [], 0
        for length, count in zip(self.lengths, needed, strict=True):
            tables.append([order.pop() for _ in range(count)])
            for place in range(length):
                pages[tables[-1][place // PAGE], :, place % PAGE] = stored[row + place]
            row += length
        rows = PagedRows.of(self.queries, self.lengths, tables, prefixes=self.prefixes, device=DEVICE)
        found = paged_attention(
            query.to(DEVICE), pages.to(DEVICE), rows, self.sight, tile=self.tile, splits=self.splits
        )
        key, value = stored.split(self.kv_heads, dim=1)
        wanted = defined(query, key, value, self.queries, self.lengths, self.sight, self.prefixes)
        torch.testing.assert_close(found.cpu().double(), wanted, atol=tolerance, rtol=tolerance)
        assert found.dtype == self.dtype


@st.composite
def cases(draw: st.DrawFn) -> Case:
    group, kv_heads = draw(st.sampled_from([(1, 1), (3, 1), (2, 2), (7, 1)]))
    lengths = draw(st.lists(st.integers(1, 70), min_size=1, max_size=4))
    # mostly one token, as when answers go on
    queries = [min(length, draw(st.sampled_from([1, 1, 0, 5, 40]))) for length in lengths]
    sight = Sight(
        scale=0.3,
        window=draw(st.sampled_from([0, 0, 3, 20])),
        slopes=slopes(group * kv_heads) if draw(st.booleans()) else None,
        cap=draw(st.sampled_from([0.0, 0.0, 2.0])),
    )
    prefixes = [draw(st.integers(0, length)) for length in lengths] if draw(st.booleans()) else None
    tile = Tile(draw(st.sampled_from([16, 32])), draw(st.sampled_from([16, 32])), 4, 1)
    return Case(
        queries, lengths, group, kv_heads, draw(st.sampled_from([8, 24])), sight, prefixes, tile,
        draw(st.sampled_from([1, 2, 3])), seed=draw(st.integers(0, 99)),
    )  # fmt: skip


# the interpreter computes number by number: on a busy machine a test takes minutes
patient = pytest.mark.timeout(1800)


@pytest.mark.triton
@patient
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 3e-3)], ids=str)
@given(case=cases())
@settings(max_examples=12, deadline=None)
def test_answers_and_chunks_in_one_launch_are_what_the_definition_gives(
    dtype: torch.dtype, tolerance: float, case: Case
) -> None:
    replace(case, dtype=dtype).check(tolerance)


@pytest.mark.triton
@patient
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 3e-3), (torch.bfloat16, 3e-2)], ids=str
)
@pytest.mark.parametrize("width", [64, 80, 96, 128, 256])
def test_heads_of_every_size_with_the_tiles_of_the_table(
    width: int, dtype: torch.dtype, tolerance: float
) -> None:
    Case([1, 1], [33, 80], 4, 1, width, Sight(width**-0.5), dtype=dtype, splits=2).check(tolerance)
    Case([1, 20], [33, 80], 4, 1, width, Sight(width**-0.5), dtype=dtype).check(tolerance)


@pytest.mark.triton
def test_more_heads_than_a_tile_has_rows_share_a_key() -> None:
    Case([1, 2], [5, 18], 20, 1, 16, Sight(0.25)).check(1e-5)


def test_keys_are_split_until_every_processor_has_work_and_no_further_than_is_worth_it() -> None:
    assert splits_for(programs=8, most_keys=100_000, processors=132) == 32
    assert splits_for(programs=512, most_keys=100_000, processors=132) == 1
    assert splits_for(programs=8, most_keys=1024, processors=132) == 4
    assert splits_for(programs=1, most_keys=10_000_000, processors=132) == 64
    assert splits_for(programs=1, most_keys=20, processors=132) == 1


def test_pages_that_do_not_hold_the_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tokens lie in \[1, 2\] pages, not in \[1, 1\]"):
        PagedRows.of([1, 1], [16, 17], [[0], [1]])


@pytest.mark.triton
@pytest.mark.parametrize(
    ("query", "pages", "said"),
    [
        (torch.zeros(1, 3, 8), torch.zeros(1, 4, PAGE, 8), "where H is a multiple of K"),
        (torch.zeros(1, 2, 8), torch.zeros(1, 4, 32, 8), r"pages \[1, 4, 32, 8\]"),
        (
            torch.zeros(1, 2, 8),
            torch.zeros(1, 4, PAGE, 8, dtype=torch.float16),
            "the pages are torch.float16",
        ),
        (torch.zeros(2, 2, 8), torch.zeros(1, 4, PAGE, 8), "have 1 new tokens"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(query: torch.Tensor, pages: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        paged_attention(query, pages, PagedRows.of([1], [1], [[0]]), Sight(1.0))
