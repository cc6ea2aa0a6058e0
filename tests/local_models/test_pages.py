"""Pages: what sequences that share them read, and what is copied when."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit_local_models.errors import PromptTooLong
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PAGE, PagedCache, PagePool, PoolFull, pages_for, token_bytes
from agentkit_local_models.quantise import heads_of_int8, int8_heads

from .oracle import random_weights
from .tiny import tiny_arch

ARCH = tiny_arch(context=400)
MODEL = Model(ARCH, random_weights(ARCH).items(), torch.float64)
ROUNDED = Model(ARCH, random_weights(ARCH).items(), torch.float64, cache="int8")
CONTEXT = ARCH.context


def pool_of(pages: int = 100) -> PagePool:
    return PagePool(ARCH, torch.float64, pages)


def last(tokens: list[int], cache: PagedCache, model: Model = MODEL) -> torch.Tensor:
    return model.hidden([(tokens, cache)])[-1]


def alone(tokens: list[int], model: Model = MODEL) -> torch.Tensor:
    return last(tokens, model.new_cache(), model)


def near(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


def test_a_pool_grows_as_pages_are_taken_and_keeps_what_is_in_them() -> None:
    pool = pool_of()
    assert [layer.shape[0] for layer in pool.layers] == [0, 0]
    cache = PagedCache(pool, CONTEXT)
    tokens = [(7 * number) % 97 for number in range(CONTEXT)]
    for start in range(0, CONTEXT, 50):
        last(tokens[start : start + 50], cache)
    found = last([3], PagedCache.of(pool, CONTEXT, cache.pages[:5], 80))
    near(found, alone([*tokens[:80], 3]))
    assert all(25 < layer.shape[0] <= 100 for layer in pool.layers)


def test_a_fixed_pool_has_all_its_pages_where_they_stay() -> None:
    pool = PagePool(ARCH, torch.float64, 100, fixed=True)
    places = [layer.data_ptr() for layer in pool.layers]
    pool.take(100)
    assert [layer.data_ptr() for layer in pool.layers] == places
    growing = pool_of(100)
    growing.take(1)
    assert len(growing.layers[0]) < len(pool.layers[0]) == 100


def test_a_fork_copies_no_page_until_one_writes_to_a_begun_one() -> None:
    pool = pool_of()
    cache = PagedCache(pool, CONTEXT)
    tokens = list(range(40))  # two pages and a half
    last(tokens, cache)
    before = pool.available
    other = cache.fork()
    assert (pool.copied, pool.available) == (0, before)
    near(last([5], other), alone([*tokens, 5]))
    assert (pool.copied, pool.available) == (1, before - 1)
    assert other.pages[:2] == cache.pages[:2]
    assert other.pages[2] != cache.pages[2]
    near(last([6], cache), alone([*tokens, 6]))  # it is alone with its page again
    assert pool.copied == 1


def test_a_fork_at_the_end_of_a_page_never_copies() -> None:
    pool = pool_of()
    cache = PagedCache(pool, CONTEXT)
    last(list(range(2 * PAGE)), cache)
    last([5], cache.fork())
    last([6], cache)
    assert pool.copied == 0


def test_a_full_pool_says_so_and_changes_nothing() -> None:
    pool = pool_of(3)
    cache = PagedCache(pool, CONTEXT)
    last(list(range(40)), cache)
    pages = list(cache.pages)
    with pytest.raises(PoolFull, match=r"1 pages of 16 tokens are needed; 0 of 3 are free"):
        last(list(range(9)), cache)
    assert (cache.length, cache.pages) == (40, pages)
    other = cache.fork()
    with pytest.raises(PoolFull):  # the copy of a shared page needs one too
        last([1], other)
    other.release()
    near(last([1], cache), alone([*range(40), 1]))


def test_more_than_the_context_is_refused() -> None:
    cache = PagedCache(pool_of(), 20)
    with pytest.raises(PromptTooLong, match="21 tokens; the model's context holds 20"):
        cache.reserve(21)
    assert cache.pages == []


@pytest.mark.parametrize("length", [-1, 5])
def test_only_what_is_there_is_kept(length: int) -> None:
    cache = PagedCache(pool_of(), CONTEXT)
    last([1, 2, 3, 4], cache)
    with pytest.raises(ValueError, match="of 4"):
        cache.truncate(length)


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.integers(0, 9), st.integers(1, 40)),
        st.tuples(st.just("fork"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("truncate"), st.integers(0, 9), st.integers(0, 60)),
        st.tuples(st.just("release"), st.integers(0, 9), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(MOVES, st.randoms(use_true_random=False), st.sampled_from([MODEL, ROUNDED]))
def test_sequences_that_share_pages_read_what_they_would_read_alone(moves, numbers, model) -> None:
    pool = PagePool(ARCH, torch.float64, 100, form=model.cache)
    sequences: list[tuple[list[int], PagedCache]] = [([], PagedCache(pool, CONTEXT))]
    for move, which, amount in moves:
        tokens, cache = sequences[which % len(sequences)]
        match move:
            case "extend" if len(tokens) + amount <= CONTEXT // 4:
                new = [numbers.randrange(97) for _ in range(amount)]
                last(new, cache, model)
                tokens += new
            case "fork":
                sequences.append((list(tokens), cache.fork()))
            case "truncate":
                kept = min(amount, len(tokens))
                cache.truncate(kept)
                del tokens[kept:]
            case "release":
                cache.release()
                tokens.clear()
    for tokens, cache in sequences:
        assert cache.length == len(tokens)
        assert len(cache.pages) == pages_for(len(tokens))
        near(last([11], cache, model), alone([*tokens, 11], model))
    for _, cache in sequences:
        cache.release()
    assert pool.available == pool.most


def test_keys_and_values_of_eight_bits_take_half_of_sixteen_and_change_little() -> None:
    arch = tiny_arch(head_width=64, context=400)
    weights = random_weights(arch)
    tokens = [(7 * number) % 97 for number in range(100)]
    sizes, logits = [], []
    for form in ("float", "int8"):
        model = Model(arch, weights.items(), torch.bfloat16, cache=form)
        cache = model.new_cache()
        model.hidden([(tokens, cache)])
        sizes.append(cache.pool.nbytes)
        assert cache.pool.nbytes == len(cache.pool.layers[0]) * PAGE * token_bytes(arch, 2, form)
        exact = Model(arch, weights.items(), torch.float32, cache=form)
        logits.append(exact.logits(tokens, exact.new_cache(), every=True))
    assert sizes[1] / sizes[0] == (64 + 2) / (2 * 64)
    assert 0 < (logits[1] - logits[0]).norm() / logits[0].norm() < 0.02


def test_what_is_rounded_to_eight_bits_is_within_half_a_step_and_nothing_stays_nothing() -> None:
    heads = (
        torch.randn(5, 4, 64, generator=torch.Generator().manual_seed(0))
        * torch.logspace(-3, 3, 5)[:, None, None]
    )
    heads[2, 1] = 0
    codes, scales = int8_heads(heads)
    found = heads_of_int8(codes, scales, torch.float32)
    assert ((found - heads).abs() <= 0.51 * scales.float().unsqueeze(-1)).all()
    assert not found[2, 1].any()


def test_attention_that_reads_pages_itself_is_refused_pages_of_eight_bits() -> None:
    with pytest.raises(ValueError, match="cache=int8 is for attention='torch'"):
        Model(ARCH, random_weights(ARCH).items(), torch.float32, attention=lambda *_: _[0], cache="int8")
