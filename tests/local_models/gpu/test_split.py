"""A model whose shares two processes compute by our kernels: the same as by one on the processor."""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.draws import Draw
from agentkit_local_models.engine import Engine
from agentkit_local_models.gpu.model import GpuModel
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.parallel.group import Group
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.split_device import SplitDevice
from agentkit_local_models.variants import BASE, Variant

from ..oracle import random_weights  # noqa: TID252
from ..test_adapters import random_adapter  # noqa: TID252
from ..tiny import tiny_arch, tiny_checkpoint  # noqa: TID252
from .other_share import Again, share_on_kernels
from .test_engine import together
from .test_model import row

pytestmark = [pytest.mark.triton, pytest.mark.timeout(1800)]
CPU = torch.device("cpu")
CLOSE = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Generator[Group]:
    """The first of two processes that meet by gloo."""
    meeting = f"file://{tmp_path_factory.mktemp('meeting')}/here"
    script = Path(__file__).with_name("other_share.py")
    with subprocess.Popen([sys.executable, script, meeting]) as other:
        try:
            group = Group(0, 2, meeting)
            yield group
            group.tell(None)
            group.close()
            assert other.wait(300) == 0
        finally:
            other.kill()


@contextmanager
def split(group: Group, arch: Arch, form: str = "float") -> Generator[tuple[SplitDevice, GpuModel, Again]]:
    """A model in both processes, and the share and the captures of this one."""
    weights = numbers(arch, form)
    group.tell((arch, weights, form))
    capture = Again()
    own = share_on_kernels(group, arch, weights, form, capture)
    model = SplitDevice(own, group)
    try:
        yield model, own, capture
    finally:
        model.close()


def whole(arch: Arch, form: str = "float") -> Model:
    return Model(arch, numbers(arch, form).items(), torch.float32, form)


def numbers(arch: Arch, form: str) -> dict[str, torch.Tensor]:
    """Weights that are rounded to themselves, whole or in halves: a scale follows from its extremes."""
    weights = random_weights(arch)
    least, most, unit = {"float": (0, 0, 0.0), "int8": (-127, 127, 1e-3), "int4": (0, 15, 2e-2)}[form]
    for name, weight in weights.items():
        if unit and weight.dim() == 2:
            codes = torch.randint(least, most + 1, weight.shape, generator=torch.Generator().manual_seed(3))
            codes[:, ::32], codes[:, 1::32] = least, most
            weights[name] = (codes - (least + most) / 2) * unit
    return weights


KINDS = {
    "llama": (tiny_arch(context=64, qkv_bias=True), "float"),
    "tied, biases": (tiny_arch(tied_head=True, output_bias=True, feed_forward_bias=True), "float"),
    "alibi, not gated, in parallel": (tiny_arch(position="alibi", gated=False, parallel="one"), "float"),
    **{form: (tiny_arch(width=32, feed_forward_width=64, head_width=16), form) for form in ("int8", "int4")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_give_the_logits_of_one(group: Group, kind: str) -> None:
    arch, form = KINDS[kind]
    exact = whole(arch, form)
    with split(group, arch, form) as (model, _, _):
        (own,), theirs = caches(model, 1), exact.new_cache()
        for tokens in (list(range(5, 24)), [6]):
            found = model.launch([row(tokens, own, wanted=len(tokens))])
            expected = exact.logits(tokens, theirs, every=True)
            torch.testing.assert_close(found, expected, **CLOSE)


def caches(model: SplitDevice, count: int) -> list[PagedCache]:
    pool = PagePool(model.arch, torch.float32, 100, fixed=True)
    return [PagedCache(pool, model.arch.context) for _ in range(count)]


# rows that only fill a bucket are attended to by nobody, and computed from whatever lay in memory
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_tokens_that_the_first_process_drew_are_where_the_others_replay_the_next_step(group: Group) -> None:
    arch, _ = KINDS["llama"]
    exact = whole(arch)
    with split(group, arch) as (model, own, capture):
        mine, theirs = caches(model, 3), [exact.new_cache() for _ in range(3)]
        prompts = [[1, 2, 3], list(range(20)), [4]]
        logits = model.launch([row(prompt, cache) for prompt, cache in zip(prompts, mine, strict=True)])
        for prompt, cache in zip(prompts, theirs, strict=True):
            exact.logits(prompt, cache)
        for step in range(4):
            drawn = model.draw(logits, range(3), [Draw(Sampling(temperature=1.0), 7, step)] * 3)
            logits = model.launch([row([], cache, source=place) for place, cache in enumerate(mine)])
            expected = [
                exact.logits([token], cache) for token, cache in zip(drawn.read(), theirs, strict=True)
            ]
            torch.testing.assert_close(logits, torch.stack(expected), **CLOSE)
        assert (own.captured, capture.replays) == ([4], 3)
        own.release()  # as it is before NCCL parts
        assert own.captured == []


def test_each_process_has_its_share_of_an_adapter_beside_its_weights(group: Group) -> None:
    arch, _ = KINDS["llama"]
    exact = whole(arch)
    adapters = [random_adapter(arch, LoraConfig(rank, 4.0), rank) for rank in (2, 3)]
    with split(group, arch) as (model, _, _):
        found = logits_with(model, [model.lay(one, torch.float32) for one in adapters])
    expected = []
    for deltas in (None, *(Deltas.of(one, arch, torch.float32) for one in adapters)):
        cache = PagedCache(exact.new_cache().pool, arch.context, Variant(deltas=deltas) if deltas else BASE)
        expected.append(exact.logits([5, 9, 2], cache))
    torch.testing.assert_close(found, torch.stack(expected), **CLOSE)


def logits_with(model: SplitDevice, beside: Sequence) -> torch.Tensor:
    """The logits of one batch, whose first sequence has no adapter."""
    pool = PagePool(model.arch, torch.float32, 100, fixed=True)
    variants = [BASE, *(Variant(deltas=one) for one in beside)]
    return model.launch([row([5, 9, 2], PagedCache(pool, model.arch.context, one)) for one in variants])


def test_an_engine_of_two_processes_writes_what_one_on_the_processor_writes(
    group: Group, smollm2_path: Path
) -> None:
    """Steps that overlap, with a grammar, a penalty, pages that are shared, and whole logits."""
    checkpoint: Checkpoint = tiny_checkpoint(
        smollm2_path, layers=1, feed_forward_width=32, context=96, kv_heads=2
    )
    plain = Engine(checkpoint, whole(checkpoint.config))
    with split(group, checkpoint.config) as (model, _, _):
        engine = Engine(checkpoint, model)
        assert together(engine) == together(plain)
        prompt = [1_000, 23, 4, 7]
        torch.testing.assert_close(engine.logits(prompt), plain.logits(prompt), **CLOSE)
        assert engine._pool.layers[0].shape[1] * 2 == plain._pool.layers[0].shape[1]
