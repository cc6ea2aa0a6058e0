"""A whole model by our kernels against the plain decoder: every step of an engine, in float32."""

import dataclasses
from collections.abc import Sequence

import pytest
import torch

from agentkit_local_models.arch import Arch, PrefixLM, RopeScaling
from agentkit_local_models.decoder import Decoder
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.draws import Draw
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.gpu.model import GpuModel
from agentkit_local_models.lora import KINDS as KINDS_OF_PARTS
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Row
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.variants import BASE, Variant

from ..oracle import random_weights  # noqa: TID252
from ..test_adapters import random_adapter  # noqa: TID252
from ..tiny import tiny_arch  # noqa: TID252
from .other_share import Again

pytestmark = [pytest.mark.triton, pytest.mark.timeout(1800)]
CPU = torch.device("cpu")
GREEDY = Sampling()
# float32 sums in another order
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def plain(arch: Arch, form: str = "float") -> Model:
    return Model(arch, random_weights(arch).items(), torch.float32, form)


def on_gpu(arch: Arch, form: str = "float", **more) -> GpuModel:
    return GpuModel(plain(arch, form), CPU, vocabulary_size=arch.vocabulary_size, **more)


def caches(arch: Arch, count: int, *, fixed: bool = True) -> list[PagedCache]:
    pool = PagePool(arch, torch.float32, 200, fixed=fixed)
    return [PagedCache(pool, arch.context) for _ in range(count)]


def row(tokens: Sequence[int], cache: PagedCache, *, source: int | None = None, wanted: int = 1) -> Row:
    cache.reserve(cache.length + len(tokens) + (source is not None))
    return Row(tokens, source, cache, wanted)


def test_a_mixed_batch_gives_the_logits_of_the_reference_decoder() -> None:
    arch = tiny_arch(qkv_bias=True)
    reference = Decoder(arch, random_weights(arch).items(), torch.float32)
    model, own = on_gpu(arch), caches(arch, 3)
    prompts = [list(range(3, 24)), [7], list(range(50, 68))]
    theirs = [reference.new_cache() for _ in prompts]
    # a whole prompt, a single token, and the first part of a prompt beside them
    first = model.launch(
        [row(prompts[0], own[0]), row(prompts[1], own[1]), row(prompts[2][:9], own[2], wanted=0)]
    )
    expected = [reference.logits(prompts[0], theirs[0]), reference.logits(prompts[1], theirs[1])]
    torch.testing.assert_close(first, torch.stack(expected), **CLOSE)
    # the tokens drawn from these never leave the device; the rest of the prompt comes beside them
    draws = [Draw(GREEDY, 0, 0), Draw(GREEDY, 0, 0)]
    drawn = model.draw(first, [1, 0], draws)
    second = model.launch([row([], own[0], source=1), row(prompts[2][9:], own[2]), row([], own[1], source=0)])
    tokens = drawn.read()
    assert tokens == [int(expected[1].argmax()), int(expected[0].argmax())]
    reference.logits(prompts[2][:9], theirs[2])
    expected = [
        reference.logits([tokens[1]], theirs[0]),
        reference.logits(prompts[2][9:], theirs[2]),
        reference.logits([tokens[0]], theirs[1]),
    ]
    torch.testing.assert_close(second, torch.stack(expected), **CLOSE)
    assert [cache.length for cache in own] == [22, 2, 18]


KINDS = {
    "window and scores that are capped": tiny_arch(
        window=5, windowed=(True, False), attention_cap=2.0, logit_cap=3.0
    ),
    "ALiBi and LayerNorm": tiny_arch(
        position="alibi", norm="layer", norm_bias=True, gated=False, activation="gelu",
        feed_forward_bias=True, output_bias=True, embed_norm=True,
    ),
    "heads normed, and norms after": tiny_arch(
        query_key_norm=True, post_norms=True, norm_offset=1.0, embed_scale=4.0
    ),
    "blocks in parallel": tiny_arch(
        parallel="one", norm="layer", norm_bias=True, gated=False, activation="gelu"
    ),
    "half of a head turned": tiny_arch(head_width=8, rope_width=4, kv_heads=1, tied_head=True),
}  # fmt: skip


@pytest.mark.parametrize("arch", KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_decoder_is_computed_as_on_the_processor(arch: Arch) -> None:
    model, exact = on_gpu(arch), plain(arch)
    (own,), theirs = caches(arch, 1), exact.new_cache()
    for tokens in ([5, 9, 2, 40, 11, 3, 8], [6]):
        found = model.launch([row(tokens, own, wanted=len(tokens))])
        torch.testing.assert_close(found, exact.logits(tokens, theirs, every=True), **CLOSE)


@pytest.mark.parametrize("form", ["int8", "int4"])
def test_quantised_weights_are_multiplied_by_as_they_are(form: str) -> None:
    arch = tiny_arch(width=32, feed_forward_width=64, heads=4, head_width=8)
    model, exact = on_gpu(arch, form), plain(arch, form)
    (own,), theirs = caches(arch, 1), exact.new_cache()
    for tokens in ([5, 9, 2], [6]):
        found = model.launch([row(tokens, own)])[0]
        torch.testing.assert_close(found, exact.logits(tokens, theirs), **CLOSE)


# rows that only fill a bucket are attended to by nobody, and computed from whatever lay in memory
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_bucket_is_replayed_over_its_own_memory_with_rows_that_only_fill_it() -> None:
    arch, capture = tiny_arch(context=64), Again()
    model, exact = on_gpu(arch, capture=capture), plain(arch)
    own, theirs = caches(arch, 3), [exact.new_cache() for _ in range(3)]
    prompts = [[1, 2, 3], list(range(20)), [4]]
    logits = model.launch([row(prompt, cache) for prompt, cache in zip(prompts, own, strict=True)])
    expected = [exact.logits(prompt, cache) for prompt, cache in zip(prompts, theirs, strict=True)]
    running = [0, 1, 2]
    for step in range(4):
        drawn = model.draw(logits, range(len(running)), [Draw(GREEDY, 0, step)] * len(running))
        sources = {one: place for place, one in enumerate(running)}
        if step == 2:
            running = [2, 0]  # one has ended, and the others changed places
        logits = model.launch([row([], own[one], source=sources[one]) for one in running])
        tokens = drawn.read()
        expected = [exact.logits([tokens[sources[one]]], theirs[one]) for one in running]
        torch.testing.assert_close(logits, torch.stack(expected), **CLOSE)
    # three rows fill a bucket of four: launched once, then replayed; two have one of their own
    assert (model.captured, capture.replays) == ([2, 4], 2)


def test_a_prompt_and_pages_that_move_are_never_replayed() -> None:
    arch, capture = tiny_arch(context=64, layers=1), Again()
    model = on_gpu(arch, capture=capture)
    for tokens, fixed in (([1, 2], True), ([1], False)):
        (own,) = caches(arch, 1, fixed=fixed)
        for _ in range(3):
            model.launch([row(tokens, own)])
    assert (model.captured, capture.replays) == ([], 0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"prefix": PrefixLM(start=3, masks=(1,))}, "seen whole"),
        ({"head_width": 258}, "heads of 258"),
    ],
)
def test_what_no_kernel_computes_is_refused_by_its_name(changes, named: str) -> None:
    arch = tiny_arch(**changes)
    with pytest.raises(UnsupportedCheckpoint, match=named):
        GpuModel(plain(arch), CPU, vocabulary_size=arch.vocabulary_size)


def test_a_model_whose_frequencies_change_with_the_length_has_its_first_context() -> None:
    scaled = on_gpu(tiny_arch(rope_scaling=RopeScaling("dynamic", 4.0, 100)))
    assert (scaled.arch.context, on_gpu(tiny_arch()).arch.context) == (100, 400)


@pytest.mark.parametrize("form", ["float", "int8"])
@pytest.mark.parametrize("changes", [{}, {"gated": False, "parallel": "one"}, {"query_key_norm": True}])
def test_each_row_has_its_own_adapter_as_on_the_processor(changes: dict[str, object], form: str) -> None:
    arch = tiny_arch(**changes)
    kinds = KINDS_OF_PARTS if arch.gated else tuple(k for k in KINDS_OF_PARTS if not k.endswith("gate"))
    found = [random_adapter(arch, LoraConfig(rank, 4.0, targets=kinds), rank) for rank in (2, 3)]
    variants = [
        BASE,
        *(Variant(str(place), Deltas.of(one, arch, torch.float32)) for place, one in enumerate(found)),
    ]
    model, exact = on_gpu(arch, form), plain(arch, form)
    pool = PagePool(arch, torch.float32, 200, fixed=True)
    own = [PagedCache(pool, arch.context, one) for one in variants]
    theirs = [PagedCache(exact.new_cache().pool, arch.context, one) for one in variants]
    for steps in ([[5, 9, 2], [5, 9, 2, 40], list(range(3, 21))], [[6], [6], [6]]):
        logits = model.launch([row(tokens, cache) for tokens, cache in zip(steps, own, strict=True)])
        expected = [exact.logits(tokens, cache) for tokens, cache in zip(steps, theirs, strict=True)]
        torch.testing.assert_close(logits, torch.stack(expected), **CLOSE)


def test_beams_and_whole_logits_are_read_on_the_processor() -> None:
    arch = tiny_arch()
    model, exact = on_gpu(arch), plain(arch)
    tokens = [3, 1, 4, 1, 5]
    found = model.logits(tokens, model.new_cache(), every=True)
    torch.testing.assert_close(found, exact.logits(tokens, exact.new_cache(), every=True), **CLOSE)
    assert dataclasses.asdict(arch) == dataclasses.asdict(model.arch)
