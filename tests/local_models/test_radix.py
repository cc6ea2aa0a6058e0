"""The tree of prefixes, beside a plain list of sequences."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit_local_models.pages import PAGE, PagePool, pages_for
from agentkit_local_models.radix import PrefixTree

from .tiny import tiny_arch

ARCH = tiny_arch(layers=1, heads=1, kv_heads=1)
CONTEXT = ARCH.context


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tree_of(pages: int, clock: Clock | None = None) -> tuple[PrefixTree, PagePool]:
    pool = PagePool(ARCH, torch.float32, pages)
    return PrefixTree(pool, clock or Clock()), pool


def keep(tree: PrefixTree, pool: PagePool, tokens: list[int], space: str = "") -> None:
    pages = pool.take(pages_for(len(tokens)))
    tree.insert(space, tokens, pages)
    pool.release(pages)


def known(tree: PrefixTree, tokens: list[int], space: str = "") -> int:
    cache = tree.take(space, tokens, CONTEXT)
    length = cache.length
    assert len(cache.pages) == pages_for(length)
    cache.release()
    return length


def shared(first: list[int], second: list[int]) -> int:
    """The plain way to say how much two sequences begin alike."""
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return length


# two tokens, and long runs of one of them, so that sequences often begin alike
SEQUENCES = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 20)), min_size=1, max_size=5).map(
    lambda runs: [token for token, count in runs for _ in range(count)]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SEQUENCES, max_size=12), st.lists(SEQUENCES, max_size=6))
def test_it_finds_as_much_as_a_list_of_all_sequences_has(kept, asked) -> None:
    tree, pool = tree_of(500)
    for tokens in kept:
        keep(tree, pool, tokens)
    for tokens in [*kept, *asked]:
        assert known(tree, tokens) == max((shared(tokens, one) for one in kept), default=0)
    tree.clear()
    assert pool.available == pool.most


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(SEQUENCES, st.integers(1, 8)), max_size=20))
def test_evicting_frees_what_it_says_and_never_what_is_used(moves) -> None:
    tree, pool = tree_of(500)
    used = []
    for move in moves:
        if isinstance(move, int):
            before = pool.available
            freed = tree.evict(move)
            assert pool.available == before + freed
            assert freed == move or len(tree) == len(
                {page for cache in used for page in cache.pages if pool.holders(page) > 1}
            )
        else:
            keep(tree, pool, move)
            used.append(tree.take("", move, CONTEXT))
            assert used[-1].length == len(move)
    for cache in used:
        assert all(pool.holders(page) for page in cache.pages)
        cache.release()
    tree.evict(pool.most)
    assert (len(tree), pool.available) == (0, pool.most)


def test_the_longest_unused_goes_first_and_ends_go_before_beginnings() -> None:
    tree, pool = tree_of(50)
    begin, early, late = [1] * PAGE, [2] * PAGE, [3] * PAGE
    keep(tree, pool, begin + early)
    keep(tree, pool, begin + late)
    known(tree, begin + early)  # used after the other
    assert tree.evict(1) == 1
    assert known(tree, begin + late) == PAGE
    assert known(tree, begin + early) == 2 * PAGE
    assert tree.evict(1) == 1
    assert known(tree, begin + early) == PAGE


def test_what_is_leased_stays_as_long_as_there_is_other_room() -> None:
    clock = Clock()
    tree, pool = tree_of(50, clock)
    keep(tree, pool, [1] * 40)
    keep(tree, pool, [2] * 40)
    assert tree.lease("", [1] * 40, 60) == 40
    known(tree, [2] * 40)
    assert tree.evict(3) == 3
    assert (known(tree, [1] * 40), known(tree, [2] * 40)) == (40, 0)
    keep(tree, pool, [2] * 40)
    clock.now = 61
    assert tree.evict(3) == 3
    assert (known(tree, [1] * 40), known(tree, [2] * 40)) == (0, 40)
    tree.lease("", [2] * 40, 60)
    assert tree.evict(3) == 3  # nothing else is left


def test_a_lease_goes_over_to_the_page_that_goes_on() -> None:
    clock = Clock()
    tree, pool = tree_of(50, clock)
    keep(tree, pool, [2] * 8)
    keep(tree, pool, [1] * 8)
    tree.lease("", [1] * 8, 60)
    keep(tree, pool, [1] * 12)
    assert len(tree) == 2
    known(tree, [2] * 8)
    tree.evict(1)
    assert known(tree, [1] * 12) == 12


def test_models_and_adapters_share_nothing() -> None:
    tree, pool = tree_of(50)
    keep(tree, pool, [1] * 40, "one")
    assert (known(tree, [1] * 40, "one"), known(tree, [1] * 40, "other")) == (40, 0)


def test_whole_pages_are_shared_and_a_part_of_one_is_copied() -> None:
    tree, pool = tree_of(50)
    keep(tree, pool, [1] * 40)
    cache = tree.take("", [1] * 37, CONTEXT)
    assert [pool.holders(page) for page in cache.pages] == [2, 2, 1]
    assert pool.copied == 1
    whole = tree.take("", [1] * 32, CONTEXT)
    assert (whole.pages, pool.copied) == (cache.pages[:2], 1)


def test_without_a_page_for_the_copy_the_whole_ones_are_taken() -> None:
    tree, pool = tree_of(3)
    keep(tree, pool, [1] * 40)
    assert known(tree, [1] * 40) == 32
