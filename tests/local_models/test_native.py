"""The step in C++ computes what the model does in torch."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agentkit_local_models import lora
from agentkit_local_models.answer import Completion
from agentkit_local_models.arch import Arch, PrefixLM, RopeScaling
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.engine import Engine
from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.large_pages import LargePages
from agentkit_local_models.matrices import Adapted, Blocks, Floats, Int8Rows, Stacked, Stored
from agentkit_local_models.model import Model
from agentkit_local_models.native import library as c
from agentkit_local_models.native.build import NotBuilt, built_dir, built_library, processor_flags
from agentkit_local_models.native.model import NativeModel, why_not
from agentkit_local_models.native.packed import Packed, PackedAdapted, packed
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.precision import Form
from agentkit_local_models.quantise import int4_groups, int8_rows
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.variants import Variant

from .oracle import random_weights
from .test_adapters import random_adapter

LLAMA = Arch(
    family="llama",
    vocabulary_size=112,
    width=64,
    layers=3,
    heads=4,
    kv_heads=2,
    head_width=16,
    feed_forward_width=96,
    rope_base=10_000.0,
    norm_epsilon=1e-5,
    context=640,
    tied_head=False,
    qkv_bias=False,
)
KINDS = {
    "llama": LLAMA,
    "tied, biases": replace(LLAMA, tied_head=True, qkv_bias=True, output_bias=True, feed_forward_bias=True),
    "one key head": replace(LLAMA, kv_heads=1),
    "nine heads of three": replace(LLAMA, heads=9, kv_heads=3, head_width=32),
    "heads of forty-eight": replace(LLAMA, heads=2, kv_heads=2, head_width=48, width=96),
    "twelve heads of one": replace(LLAMA, heads=12, kv_heads=1),
    "llama 3": replace(LLAMA, rope_scaling=RopeScaling("llama3", 8.0, 32, 1.0, 4.0)),
    "part of a head": replace(LLAMA, rope_width=8),
    "window": replace(LLAMA, window=17),
    "a long window in some": replace(LLAMA, window=300, windowed=(True, False, True)),
    "normed heads": replace(LLAMA, query_key_norm=True),
    "gemma 3": replace(
        LLAMA,
        query_key_norm=True,
        post_norms=True,
        norm_offset=1.0,
        embed_scale=8.0,
        activation="gelu-tanh",
        window=17,
        windowed=(True, True, False),
        window_rope_base=1_000.0,
        logit_cap=5.0,
    ),
    "alibi": replace(LLAMA, position="alibi"),
    "not gated": replace(LLAMA, gated=False),
}
REFUSED = {
    "layer norms": replace(LLAMA, norm="layer"),
    "rope-2d positions": replace(LLAMA, position="rope-2d"),
    "gelu activation": replace(LLAMA, activation="gelu"),
    "parallel blocks": replace(LLAMA, parallel="one"),
    "a residual of what is normed": replace(LLAMA, normed_residual=2.0),
    "a prompt that is seen whole": replace(LLAMA, prefix=PrefixLM(1, (2,))),
    "a norm of the embedding": replace(LLAMA, embed_norm=True),
    "capped scores": replace(LLAMA, attention_cap=50.0),
    "heads of 24 numbers": replace(LLAMA, head_width=24),
    "widths that 32 does not divide": replace(LLAMA, feed_forward_width=80),
    "matrices whose rows 16 does not divide": replace(LLAMA, vocabulary_size=101),
}
TOKENS = torch.randint(0, 112, (600,), generator=torch.Generator().manual_seed(3)).tolist()
EXACT = 1e-5


@pytest.fixture(scope="module")
def workers() -> c.Workers:
    return c.Workers(c.Library(built_library(built_dir())), 2)


def model_of(arch: Arch, dtype: torch.dtype = torch.float32) -> Model:
    return Model(arch, random_weights(arch).items(), dtype)


def difference(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def told(model: Model | NativeModel, tokens: Sequence[int], pieces: Sequence[int]) -> Tensor:
    """The logits of all tokens, read in pieces."""
    cache, rows, at = model.new_cache(), [], 0
    for size in pieces:
        rows.append(model.logits(tokens[at : at + size], cache, every=True))
        at += size
    return torch.cat(rows)


@pytest.mark.parametrize("kind", ["llama", "a long window in some", "twelve heads of one"])
def test_pages_of_eight_bits_are_written_and_read_as_torch_does(kind: str, workers: c.Workers) -> None:
    weights = random_weights(KINDS[kind])
    floats, rounded, own = (
        Model(KINDS[kind], weights.items(), torch.float32, cache=form) for form in ("float", "int8", "int8")
    )
    native = NativeModel(own, workers)
    found, expected = native.new_cache(), rounded.new_cache()
    for size in (290, 3, 1, 16, 1, 5):  # the first by torch, and more than one span
        tokens = TOKENS[found.length :][:size]
        one, two = native.logits(tokens, found, every=True), rounded.logits(tokens, expected, every=True)
        assert difference(one, two) < 2e-3
    for layer in range(3):
        mine, theirs = found.pool.layers[layer][found.pages], expected.pool.layers[layer][expected.pages]
        off = (mine.int() - theirs.int()).abs()
        assert off[:-1].max() <= 1  # where a number lies between two steps
        assert off[:-1].float().mean() < 0.01
    exact = floats.logits(TOKENS[: found.length], floats.new_cache(), every=True)[-5:]
    assert difference(one, exact) > 2e-3


@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_torch_does(kind: str, workers: c.Workers) -> None:
    model, native = model_of(KINDS[kind]), NativeModel(model_of(KINDS[kind]), workers)
    pieces = [1, 1, 3, 16, 16, 16, 2, 200, 15, 1, 16, 300, 1, 1, 5]
    tokens = TOKENS[: sum(pieces)]
    assert difference(told(native, tokens, pieces), told(model, tokens, pieces)) < EXACT


def test_sequences_of_two_stages_are_turned_by_their_own_frequencies_in_one_call(workers: c.Workers) -> None:
    long = tuple(2.0 + place for place in range(8))
    arch = replace(LLAMA, rope_scaling=RopeScaling("factors", 1.0, 32, factors=(1.0,) * 8, long_factors=long))
    model = model_of(arch)
    found = []
    for one in (model, NativeModel(model_of(arch), workers)):
        pool = PagePool(arch, torch.float32, 20)
        short, grown = PagedCache(pool, arch.context), PagedCache(pool, arch.context)
        one.hidden([(TOKENS[:20], short)])
        one.hidden([(TOKENS[:50], grown)])
        found.append(one.hidden([(TOKENS[20:24], short), (TOKENS[50:53], grown)]))
    assert difference(found[1], found[0]) < EXACT
    alone = model.new_cache()
    model.hidden([(TOKENS[:50], alone)])
    assert difference(found[1][4:], model.hidden([(TOKENS[50:53], alone)])) < EXACT


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_written_is_said(what: str, workers: c.Workers) -> None:
    assert why_not(REFUSED[what], torch.float32) == what
    assert why_not(LLAMA, torch.float16) == "torch.float16 weights"


def test_a_model_that_is_refused_goes_on_in_torch(workers: c.Workers) -> None:
    model = model_of(REFUSED["capped scores"])
    before = told(model, TOKENS[:20], [20])
    with pytest.raises(NotBuilt, match="capped scores"):
        NativeModel(model, workers)
    assert torch.equal(told(model, TOKENS[:20], [20]), before)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_logits_have_the_same_bits_whatever_is_beside_them(data: st.DataObject, workers: c.Workers) -> None:
    dtype = data.draw(st.sampled_from([torch.float32, torch.bfloat16]))
    native = NativeModel(model_of(LLAMA, dtype), workers)
    starts = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=5))
    counts = [data.draw(st.integers(1, 16 // len(starts))) for _ in starts]
    alone = [told(native, TOKENS[s : s + n], [1] * n) for s, n in zip(starts, counts, strict=True)]
    pool = PagePool(LLAMA, dtype, 64)
    caches = [PagedCache(pool, LLAMA.context) for _ in starts]
    parts = [TOKENS[s : s + n] for s, n in zip(starts, counts, strict=True)]
    hidden = native.hidden(list(zip(parts, caches, strict=True)))
    together = native.logits_of(hidden)
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize(
    ("dtype", "form"),
    [(torch.float32, "float"), (torch.bfloat16, "float"), (torch.float32, "int8"), (torch.float32, "int4")],
)
def test_wide_rows_have_the_same_bits_alone_and_among_others(
    dtype: torch.dtype, form: Form, workers: c.Workers
) -> None:
    # as wide as rows that are taken together, and so many blocks that some are left over
    wide = replace(LLAMA, layers=1, width=96, feed_forward_width=8_224)
    torch_model = Model(wide, random_weights(wide).items(), dtype, form)
    expected = told(torch_model, TOKENS[:15], [15])
    model = NativeModel(torch_model, workers)
    alone, together = told(model, TOKENS[:15], [1] * 15), told(model, TOKENS[:15], [15])
    assert torch.equal(alone, together)
    assert difference(alone, expected) < (2e-2 if dtype == torch.bfloat16 else 1e-3)


def test_the_number_of_threads_changes_no_bit(workers: c.Workers) -> None:
    one = NativeModel(model_of(LLAMA), c.Workers(workers.library, 1))
    three = NativeModel(model_of(LLAMA), c.Workers(workers.library, 3))
    pieces = [16] * 20
    assert torch.equal(told(one, TOKENS, pieces), told(three, TOKENS, pieces))


def test_in_bfloat16_it_is_as_near_to_float32_as_torch_is(workers: c.Workers) -> None:
    exact = told(model_of(LLAMA), TOKENS[:64], [64])
    pieces = [1] * 64
    rounded = told(model_of(LLAMA, torch.bfloat16), TOKENS[:64], pieces)
    native = told(NativeModel(model_of(LLAMA, torch.bfloat16), workers), TOKENS[:64], pieces)
    assert difference(native, exact) < 1.2 * difference(rounded, exact)


def blocks_of(kind: TensorKind, rows: int, columns: int) -> Blocks:
    """Random blocks whose scales are small numbers."""
    dice = torch.Generator().manual_seed(int(kind))
    size, count = kind.block_bytes, columns // kind.block_values
    raw = torch.randint(0, 256, (rows, count, size), dtype=torch.uint8, generator=dice)
    halves = {TensorKind.Q4_1: (0, 2), TensorKind.Q5_1: (0, 2), TensorKind.Q6_K: (208,)}
    halves |= {TensorKind.Q4_K: (0, 2), TensorKind.Q5_K: (0, 2)}
    for place in halves.get(kind, (0,)):
        scales = torch.rand(rows, count, generator=dice) * 0.05 + 0.01
        raw[:, :, place : place + 2] = scales.half().unsqueeze(-1).view(torch.uint8)
    return Blocks(kind, raw.view(rows, -1))


QUANTISED: dict[str, Callable[[], Stored]] = {
    "int8": lambda: int8_rows(torch.randn(48, 256, generator=torch.Generator().manual_seed(1))),
    "int4": lambda: int4_groups(torch.randn(48, 256, generator=torch.Generator().manual_seed(1))),
} | {
    kind.name: (lambda kind=kind: blocks_of(kind, 48, 256))
    for kind in (
        *(TensorKind.Q4_0, TensorKind.Q4_1, TensorKind.Q5_0, TensorKind.Q5_1, TensorKind.Q8_0),
        *(TensorKind.Q4_K, TensorKind.Q5_K, TensorKind.Q6_K),
    )
}
HALF = 2.0**-10
"""How much a scale that is a product may be rounded by."""


@pytest.mark.parametrize("form", QUANTISED)
def test_packing_changes_no_number_but_scales_of_products(form: str, workers: c.Workers) -> None:
    matrix = QUANTISED[form]()
    together = packed(workers, LargePages(), matrix)
    assert isinstance(together, Packed)
    exact = form in ("int8", "int4", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
    expected = matrix.dense(torch.float32)
    assert difference(together.dense(torch.float32), expected) <= (1e-7 if exact else HALF)
    picked = torch.tensor([5, 47, 0, 16, 5])
    assert torch.equal(together[picked].dense(torch.float32), together.dense(torch.float32)[picked])
    assert torch.equal(together[10:40].dense(torch.float32), together.dense(torch.float32)[10:40])
    assert torch.equal(together.dense(torch.bfloat16), together.dense(torch.float32).bfloat16())


def test_products_share_the_memory_of_their_slices_and_gradients_do_not(workers: c.Workers) -> None:
    first, second = (packed(workers, LargePages(), int8_rows(torch.randn(48, 256))) for _ in range(2))
    x, bias = torch.randn(40, 256), torch.randn(48)
    with torch.inference_mode():
        products = [matrix(x, bias) for matrix in (first, second)]
    for matrix, product in zip((first, second), products, strict=True):
        expected = torch.nn.functional.linear(x, matrix.dense(torch.float32), bias)
        torch.testing.assert_close(product, expected, rtol=1e-5, atol=1e-4)
    traced = x.clone().requires_grad_()
    (first(traced) * second(traced)).sum().backward()
    floats = x.clone().requires_grad_()
    one, other = (torch.nn.functional.linear(floats, m.dense(torch.float32)) for m in (first, second))
    (one * other).sum().backward()
    torch.testing.assert_close(traced.grad, floats.grad, rtol=1e-4, atol=1e-3)


def test_tiles_are_multiplied_by_what_the_processor_has(workers: c.Workers) -> None:
    multiplies = workers.library.isa == "avx512"
    has_amx = {"amx_tile", "amx_bf16"} <= processor_flags()
    assert (workers.library.tiles_by != "nothing") is multiplies
    assert has_amx or workers.library.tiles_by != "amx"  # an older compiler cannot write it


def near(found: Tensor, x: Tensor, matrix: Stored) -> None:
    """That products in bfloat16 are those of the numbers, but for one rounding of each."""
    expected = x.double() @ matrix.dense(torch.bfloat16).double().T
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=2**-8, atol=2e-5 * float(expected.abs().max()))


def bfloat16s() -> Floats:
    return Floats(torch.randn(48, 256, generator=torch.Generator().manual_seed(2)).bfloat16())


@pytest.mark.parametrize("form", [*QUANTISED, "bfloat16"])
@torch.inference_mode()
def test_many_rows_in_bfloat16_are_multiplied_by_the_very_numbers(form: str, workers: c.Workers) -> None:
    matrix = packed(workers, LargePages(), (QUANTISED | {"bfloat16": bfloat16s})[form]())
    dice = torch.Generator().manual_seed(3)
    for count in (1, 16, 31, 33, 100):
        x = torch.randn(count, 256, generator=dice).bfloat16()
        near(matrix(x), x, matrix)


@torch.inference_mode()
def test_rows_of_a_prompt_may_be_wide_and_lie_apart_and_are_computed_each_alone(workers: c.Workers) -> None:
    dice = torch.Generator().manual_seed(5)
    weights = [torch.randn(rows, 8224, generator=dice) for rows in (16, 80, 48)]
    parts = [packed(workers, LargePages(), int8_rows(one)) for one in weights]
    whole, bias = Stacked(tuple(parts)), torch.randn(144, generator=dice).bfloat16()
    x = torch.randn(70, 2 * 8224, generator=dice).bfloat16().chunk(2, dim=1)[1]
    found = whole(x)
    near(found, x, whole)
    torch.testing.assert_close(whole(x, bias), found + bias)
    if workers.library.tiles_by != "nothing":
        assert torch.equal(whole(x[9:50]), found[9:50])


def test_bfloat16_stays_where_it_is_and_gradients_go_through_it(workers: c.Workers) -> None:
    plain = bfloat16s()
    matrix = packed(workers, LargePages(), plain)
    assert matrix.dense(torch.bfloat16).data_ptr() == plain.weight.data_ptr()
    x = torch.randn(20, 256).bfloat16().requires_grad_()
    (asked,) = torch.autograd.grad(matrix(x).sum(), x)
    (expected,) = torch.autograd.grad(plain(x).sum(), x)
    torch.testing.assert_close(asked, expected)


@torch.inference_mode()
def test_a_delta_beside_a_part_of_a_stack_is_added_in_its_place(workers: c.Workers) -> None:
    dice = torch.Generator().manual_seed(7)
    plain, other = (int8_rows(torch.randn(48, 256, generator=dice)) for _ in range(2))
    a, b = (torch.randn(shape, generator=dice).bfloat16() for shape in ((4, 256), (48, 4)))
    stack = Stacked(
        (packed(workers, LargePages(), Adapted(plain, a, b, 0.5)), packed(workers, LargePages(), other))
    )
    x = torch.randn(40, 256, generator=dice).bfloat16()
    expected = torch.cat([Adapted(plain, a, b, 0.5)(x.float()), other(x.float())], dim=1)
    torch.testing.assert_close(stack(x).float(), expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))


@pytest.mark.parametrize("form", QUANTISED)
def test_packed_matrices_multiply_as_their_numbers_do(form: str, workers: c.Workers) -> None:
    """A whole model of them, against the same model of floats; activations have fifteen bits."""
    matrix = packed(workers, LargePages(), QUANTISED[form]())
    arch = replace(LLAMA, width=256, heads=1, kv_heads=1, head_width=32, feed_forward_width=64, layers=1)
    arch = replace(arch, vocabulary_size=48, tied_head=True)
    floats, native = model_of(arch), model_of(arch)
    values = matrix.dense(torch.float32)

    def with_rows(model: Model, whole: Stored) -> None:
        model.reform(lambda one: whole if one.shape == (48, 256) else one)

    with_rows(floats, Floats(values))
    with_rows(native, matrix)
    tokens = [token % 48 for token in TOKENS[:40]]
    pieces = [1, 2, 3, 5, 8, 16, 5]
    found = told(NativeModel(native, workers), tokens, pieces)
    assert difference(found, told(floats, tokens, pieces)) < 2e-4


def test_stacked_parts_of_different_forms_are_read_in_place(workers: c.Workers) -> None:
    floats, native = model_of(replace(LLAMA, qkv_bias=True)), model_of(replace(LLAMA, qkv_bias=True))
    forms: list[Callable[[Tensor], Stored]] = [int8_rows, int4_groups, Floats]
    for model, kept in ((floats, False), (native, True)):
        for number, layer in enumerate(model.layers):
            parts = layer.query_key_value.matrix.dense(torch.float32).split([64, 32, 32])
            stored = [form(part) for form, part in zip(forms, parts, strict=True)]
            if not kept:
                stored = [Floats(one.dense(torch.float32)) for one in stored]
            linear = replace(layer.query_key_value, matrix=Stacked(tuple(stored)))
            model.layers[number] = replace(layer, query_key_value=linear)
    pieces = [1, 7, 16, 40, 3]
    found = told(NativeModel(native, workers), TOKENS[:67], pieces)
    assert difference(found, told(floats, TOKENS[:67], pieces)) < 2e-4


def adapted(matrix: Stored, rank: int) -> Adapted:
    """With a random delta of numbers that bfloat16 holds."""
    dice = torch.Generator().manual_seed(rank)
    rows, columns = matrix.shape
    a, b = (
        torch.randn(shape, generator=dice).bfloat16().float() for shape in ((rank, columns), (rows, rank))
    )
    return Adapted(matrix, a, b, 0.05)


def test_a_delta_is_packed_beside_its_matrix(workers: c.Workers) -> None:
    matrix = adapted(QUANTISED["Q4_1"](), 5)
    together = packed(workers, LargePages(), matrix)
    assert isinstance(together, PackedAdapted)
    expected = matrix.dense(torch.float32)
    assert difference(together.dense(torch.float32), expected) < 1e-6
    picked = torch.tensor([5, 47, 0])
    assert difference(together[picked].dense(torch.float32), expected[picked]) < 1e-6
    x = torch.randn(20, 256, generator=torch.Generator().manual_seed(2))
    assert difference(together(x), x @ expected.T) < 1e-6
    assert together.nbytes == together.matrix.nbytes + 2 * 5 * (48 + 256)
    with pytest.raises(NotBuilt, match="join it"):
        packed(workers, LargePages(), adapted(Floats(torch.ones(16, 32)), 2))


@pytest.mark.parametrize("ranks", [(5, 29, 1), (16, 0, 3)])
def test_deltas_of_stacked_parts_are_computed_beside_them(ranks: tuple[int, ...], workers: c.Workers) -> None:
    floats, native = model_of(LLAMA), model_of(LLAMA)
    for model, kept in ((floats, False), (native, True)):
        for number, layer in enumerate(model.layers):
            parts = layer.query_key_value.matrix.dense(torch.float32).split([64, 32, 32])
            stored: list[Stored] = [int8_rows(part) for part in parts]
            stored = [adapted(one, rank) if rank else one for one, rank in zip(stored, ranks, strict=True)]
            down: Stored = adapted(int4_groups(layer.down.matrix.dense(torch.float32)), 7)
            if not kept:
                stored = [Floats(one.dense(torch.float32)) for one in stored]
                down = Floats(down.dense(torch.float32))
            model.layers[number] = replace(
                layer,
                query_key_value=replace(layer.query_key_value, matrix=Stacked(tuple(stored))),
                down=replace(layer.down, matrix=down),
            )
    pieces = [1, 2, 7, 16, 40, 3]
    found = told(NativeModel(native, workers), TOKENS[:69], pieces)
    assert difference(found, told(floats, TOKENS[:69], pieces)) < 2e-4


@pytest.mark.parametrize("kind", ["tied, biases", "one key head", "gemma 3", "not gated"])
@pytest.mark.parametrize("form", ["float", "int8"])
def test_rows_of_a_pass_have_each_its_own_adapter(workers: c.Workers, kind: str, form: Form) -> None:
    """As torch computes them, and to the bit as each is alone."""
    arch = KINDS[kind]
    kinds = tuple(kind for kind in lora.KINDS if arch.gated or not kind.endswith("gate"))
    variants = [
        Variant(),
        *(
            Variant(str(rank), Deltas.of(random_adapter(arch, shape, rank), arch, torch.bfloat16))
            for rank in (3, 8)
            for shape in [lora.LoraConfig(rank, 2.0 * rank, targets=kinds[:: 1 if rank == 3 else 2])]
        ),
    ]
    model = Model(arch, random_weights(arch).items(), torch.float32, form)
    expected = [model.hidden([(TOKENS[:5], cached(model, variant))]) for variant in variants]
    native = NativeModel(model, workers)
    found = [native.hidden([(TOKENS[:5], cached(native, variant))]) for variant in variants]
    for one, other in zip(found, expected, strict=True):
        assert difference(one, other) < (EXACT if form == "float" else 1e-3)
    assert difference(found[0], found[1]) > 0.1
    pool = PagePool(arch, torch.float32, 8)
    order = [1, 0, 2]
    caches = [PagedCache(pool, arch.context, variants[place]) for place in order]
    together = native.hidden([(TOKENS[:5], cache) for cache in caches])
    for place, rows in zip(order, together.split(5), strict=True):
        assert torch.equal(rows, found[place])


def cached(model: Model | NativeModel, variant: Variant) -> PagedCache:
    cache = model.new_cache()
    cache.variant = variant
    return cache


def test_forms_that_are_not_read_are_said(workers: c.Workers) -> None:
    raw = torch.zeros(16, TensorKind.Q3_K.block_bytes, dtype=torch.uint8)
    with pytest.raises(NotBuilt, match="Q3_K"):
        packed(workers, LargePages(), Blocks(TensorKind.Q3_K, raw))
    with pytest.raises(NotBuilt, match="17 rows"):
        packed(workers, LargePages(), Int8Rows(torch.zeros(17, 32, dtype=torch.int8), torch.ones(17)))
    bad = blocks_of(TensorKind.Q8_0, 16, 32)
    bad.raw[3, 0:2] = torch.tensor([0x00, 0x7C], dtype=torch.uint8)  # infinity
    with pytest.raises(NotBuilt, match="a scale that is no half"):
        packed(workers, LargePages(), bad)


def read(model: NativeModel, pieces: Sequence[int]) -> Tensor:
    """The hidden states of the first tokens, read in pieces."""
    cache, rows, at = model.new_cache(), [], 0
    for size in pieces:
        rows.append(model.hidden([(TOKENS[at : at + size], cache)]))
        at += size
    assert cache.length == at
    return torch.cat(rows)


@pytest.mark.parametrize(("form", "same"), [("int8", True), ("int4", True), ("float", False)])
def test_a_longer_piece_of_a_quantised_model_takes_several_calls(
    form: Form, same: bool, workers: c.Workers
) -> None:
    """And has the same bits as token by token; with floats it is torch's from the seventeenth token on."""
    native = NativeModel(Model(LLAMA, random_weights(LLAMA).items(), torch.float32, form), workers)
    assert torch.equal(read(native, [45]), read(native, [1] * 45)) is same


def test_several_sequences_share_calls_and_keep_their_order(workers: c.Workers) -> None:
    native = NativeModel(Model(LLAMA, random_weights(LLAMA).items(), torch.float32, "int8"), workers)
    pool = PagePool(LLAMA, torch.float32, 60)
    sizes = (7, 20, 1, 30)
    caches = [PagedCache(pool, LLAMA.context) for _ in sizes]
    steps = [(TOKENS[size : 2 * size], cache) for size, cache in zip(sizes, caches, strict=True)]
    together = native.hidden(steps).split(sizes)
    for (tokens, _), found in zip(steps, together, strict=True):
        assert torch.equal(found, native.hidden([(tokens, native.new_cache())]))


def test_the_structures_are_those_of_the_library(workers: c.Workers) -> None:
    sizes = torch.empty(7, dtype=torch.long)
    workers.library.sizes(sizes.data_ptr())
    structures = (c.Matrix, c.Layer, c.Decoder, c.Call, c.Delta, c.Beside, c.Asking)
    assert sizes.tolist() == [ctypes.sizeof(one) for one in structures]


@pytest.mark.timeout(400)  # without vectors the compiler takes one to three minutes
@pytest.mark.parametrize("variant", ["avx2", "plain"])
def test_every_variant_computes_the_same(variant: str, workers: c.Workers) -> None:
    other = c.Workers(c.Library(built_library(built_dir(), variant)), 2)
    assert other.library.isa == variant
    pieces = [1, 2, 5, 16, 3]
    for dtype, form, cache in (
        (torch.float32, "float", "float"),
        (torch.bfloat16, "float", "float"),
        (torch.float32, "int4", "float"),
        (torch.float32, "int8", "float"),
        (torch.float32, "float", "int8"),
    ):
        arch = replace(LLAMA, tied_head=True)
        expected, found = (
            told(NativeModel(one, by), TOKENS[:27], pieces)
            for by in (workers, other)
            for one in [Model(arch, random_weights(arch).items(), dtype, form, cache=cache)]
        )
        # a last bit that differs turns a rounding: of bfloat16, of the fifteen bits of activations, of a key
        bound = 1e-2 if dtype == torch.bfloat16 else EXACT if form == cache == "float" else 1e-3
        assert difference(found, expected) < bound


def text_of(engine: Engine, prompt: str, most: int = 24) -> str:
    (*_, done) = engine.generate(engine.tokenizer.encode(prompt), Sampling(max_tokens=most))
    assert isinstance(done, Completion)
    return done.text


def test_an_engine_says_what_its_small_steps_are(smollm2_path: Path) -> None:
    engine = Engine.load(smollm2_path)
    assert (engine.native, engine.why_not_native) != ("", "")
    assert engine.native
    torchs = Engine.load(smollm2_path, native=False)
    assert (torchs.native, torchs.why_not_native) == ("", "it was not wanted")


def test_the_real_model_writes_the_same_in_float32(smollm2_path: Path) -> None:
    prompt = "The capital of France is"
    native = Engine.load(smollm2_path, dtype="float32")
    assert native.native
    assert text_of(native, prompt) == text_of(
        Engine.load(smollm2_path, dtype="float32", native=False), prompt
    )


def test_a_file_is_read_with_the_bits_it_has(smollm2_path: Path) -> None:
    """Q4_1 and Q8_0 are packed as they are, so the real model writes what its float32 numbers do."""
    prompt = "Once upon a time"
    blocks = Engine.load(smollm2_path, dtype="float32", precision="file")
    assert blocks.native
    floats = Engine.load(smollm2_path, dtype="float32", native=False)
    assert text_of(blocks, prompt) == text_of(floats, prompt)
