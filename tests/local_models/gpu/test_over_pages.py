"""A model's steps with one attention for all sequences, beside one sequence after another."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from agentkit_local_models.arch import Arch, PrefixLM
from agentkit_local_models.attention import Sight, slopes
from agentkit_local_models.gpu.backends import NoBackend
from agentkit_local_models.gpu.libraries import by_flash_attn, by_flashinfer
from agentkit_local_models.gpu.over_pages import OverPages, Step, attend_by, step_by
from agentkit_local_models.gpu.paged import PagedRows, paged_attention
from agentkit_local_models.gpu.triton_here import interpreted
from agentkit_local_models.gpu.varlen import Packed
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PAGE, PagedCache, PagePool
from agentkit_local_models.tuned_prefix import TunedPrefix
from agentkit_local_models.variants import BASE, Variant

from ..oracle import random_weights  # noqa: TID252
from ..tiny import tiny_arch  # noqa: TID252
from .definition import defined


def over_pages(query: Tensor, pages: Tensor, rows: PagedRows, sight: Sight) -> Tensor:
    """`paged_attention` by its definition."""
    lengths, kv_heads = rows.lengths.tolist(), pages.shape[1] // 2
    stored = torch.cat(
        [
            pages[table.long()].transpose(1, 2).flatten(0, 1)[:length]
            for table, length in zip(rows.tables, lengths, strict=True)
        ]
    )
    queries = rows.query_starts.diff().tolist()
    prefixes = None if rows.prefixes is None else rows.prefixes.tolist()
    return defined(query, *stored.split(kv_heads, dim=1), queries, lengths, sight, prefixes).to(query.dtype)


def over_packed(query: Tensor, key: Tensor, value: Tensor, packed: Packed, sight: Sight) -> Tensor:
    """`flash_attention` by its definition."""
    lengths = [starts.diff().tolist() for starts in (packed.query_starts, packed.key_starts)]
    prefixes = None if packed.prefixes is None else packed.prefixes.tolist()
    return defined(query, key, value, *lengths, sight, prefixes).to(query.dtype)


def steps(arch: Arch, step: Step | None, variant: Variant = BASE) -> list[Tensor]:
    """Hidden states: of two prompts, then an answer beside a chunk, then both and a third sequence."""
    model = Model(arch, random_weights(arch).items(), torch.float32, attention=step)
    pool = PagePool(arch, torch.float32, 20)
    first, second, third = (PagedCache(pool, arch.context, variant) for _ in range(3))
    start = [] if arch.prefix is None else [arch.prefix.masks[0], arch.prefix.start]

    def tokens(count: int) -> Sequence[int]:
        return [(7 * place + count) % 90 for place in range(count)]

    return [
        model.hidden([([*tokens(20), *start], first), ([*tokens(3), *start], second)]),
        model.hidden([(tokens(1), first), (tokens(18), second)]),
        model.hidden([(tokens(1), first), (tokens(2), second), ([*tokens(5), *start], third)]),
    ]


KINDS = {
    "grouped": tiny_arch(),
    "window": tiny_arch(window=6, windowed=(True, False)),
    "penalised": tiny_arch(position="alibi"),
    "prefix": tiny_arch(position="rope-2d", prefix=PrefixLM(start=96, masks=(95,))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_one_sequence_after_another(kind: str) -> None:
    step = OverPages(over_pages)
    for found, wanted in zip(steps(KINDS[kind], step), steps(KINDS[kind], None), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.triton
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not interpreted(), reason="the model is on the processor")
def test_the_kernel_computes_a_models_steps() -> None:
    for found, wanted in zip(
        steps(tiny_arch(), OverPages(paged_attention)), steps(tiny_arch(), None), strict=True
    ):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_a_model_on_the_processor_keeps_to_torch_unless_another_is_named() -> None:
    assert step_by("auto", torch.device("cpu")) is None
    assert step_by("torch", torch.device("cuda")) is None
    with pytest.raises(NoBackend, match="pip install flashinfer-python"):
        step_by("flashinfer", torch.device("cpu"))


def test_a_sequence_with_learnt_keys_which_lie_in_no_page_goes_the_other_way() -> None:
    arch = tiny_arch()
    keys = torch.ones(2 * arch.kv_heads, 3, arch.head_width)
    tuned = Variant("tuned", prefix=TunedPrefix((keys,) * arch.layers))
    for found, wanted in zip(
        steps(arch, OverPages(over_pages), tuned), steps(arch, None, tuned), strict=True
    ):
        assert torch.equal(found, wanted)


class Wrapper:
    """FlashInfer's, as far as it is used."""

    def __init__(self, memory: Tensor, order: str) -> None:
        assert (memory.dtype, order) == (torch.uint8, "HND")
        self.plans: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def plan(self, *given: object, **named: object) -> None:
        self.plans.append((given, named))

    def run(self, query: Tensor, pages: Tensor) -> Tensor:
        """What was planned, from pages [P, 2, K, 16, D]."""
        (starts, page_starts, pages_held, last, heads, kv_heads, width, page), named = self.plans[-1]
        assert (heads, kv_heads, width, page) == (query.shape[1], pages.shape[2], query.shape[2], PAGE)
        held = [pages_held[one:other] for one, other in pairwise(page_starts)]
        lengths = [(len(one) - 1) * PAGE + int(rest) for one, rest in zip(held, last, strict=True)]
        table = torch.nn.utils.rnn.pad_sequence([one.long() for one in held], batch_first=True)
        rows = PagedRows.of(starts.diff().tolist(), lengths, table.tolist())
        sight = Sight(named["sm_scale"], window=named["window_left"] + 1, cap=named["logits_soft_cap"] or 0.0)
        return over_pages(query, pages.flatten(1, 2), rows, sight)


@pytest.mark.parametrize("kind", ["grouped", "window"])
def test_flashinfer_is_told_where_pages_lie_and_plans_once_for_layers_that_see_the_same(kind: str) -> None:
    made: list[Wrapper] = []

    def wrapper(memory: Tensor, order: str) -> Wrapper:
        made.append(Wrapper(memory, order))
        return made[-1]

    found = steps(KINDS[kind], OverPages(by_flashinfer(wrapper)))
    for one, wanted in zip(found, steps(KINDS[kind], None), strict=True):
        torch.testing.assert_close(one, wanted, atol=1e-5, rtol=1e-5)
    assert len(made) == 1
    assert len(made[0].plans) == {"grouped": 3, "window": 6}[kind]  # steps, and layers that see differently


def test_flash_attn_is_told_the_same_in_its_words() -> None:
    def theirs(query, key, value, starts, key_starts, most, most_keys, **named) -> Tensor:
        assert named.pop("causal")
        left, right = named["window_size"]
        assert right in (-1, 0)
        sight = Sight(
            named["softmax_scale"], window=left + 1, cap=named["softcap"], slopes=named["alibi_slopes"]
        )
        packed = Packed.of(starts.diff().tolist(), key_starts.diff().tolist())
        assert (most, most_keys) == (packed.most_queries, packed.most_keys)
        return over_packed(query, key, value, packed, sight)

    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(9, heads, 8, generator=generator) for heads in (4, 2, 2))
    for sight in (Sight(0.3), Sight(0.3, window=2), Sight(0.3, slopes=slopes(4)), Sight(0.3, cap=2.0)):
        found = by_flash_attn(theirs)(query, key, value, Packed.of([4, 5]), sight)
        wanted = defined(query, key, value, [4, 5], [4, 5], sight)
        torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-5)


def test_what_a_library_does_not_know_is_refused() -> None:
    part = torch.zeros(3, 1, 8)
    for packed, sight in ((Packed.of([3]), Sight(1.0, prefix=2)), (Packed.of([3], prefixes=[2]), Sight(1.0))):
        with pytest.raises(NoBackend, match="flash-attn knows no prefix"):
            by_flash_attn(over_packed)(part, part, part, packed, sight)
    for kind in ("prefix", "penalised"):
        with pytest.raises(NoBackend, match="torch and triton compute both"):
            steps(KINDS[kind], OverPages(by_flashinfer(Wrapper)))


def test_a_model_on_a_gpu_attends_by_its_own_kernel_or_by_flashinfer() -> None:
    cuda, here = torch.device("cuda"), frozenset({"triton", "flashinfer"})
    assert attend_by("auto", cuda, installed=here) is None
    assert attend_by("triton", cuda, installed=here) is None
    assert attend_by("flashinfer", cuda, installed=here) is not None
    with pytest.raises(NoBackend, match="torch does not read pages on cuda"):
        attend_by("torch", cuda, installed=here)
    with pytest.raises(NoBackend, match="pip install flashinfer-python"):
        attend_by("flashinfer", cuda, installed=frozenset({"triton"}))


def test_an_engine_is_told_what_computes_its_attention(smollm2_path) -> None:
    from agentkit_local_models.engine import Engine

    with pytest.raises(NoBackend, match="pip install flashinfer-python"):
        Engine.load(smollm2_path, attention="flashinfer")
