"""A model that several processes compute: the same as by one."""

import dataclasses
import gc
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import torch
from torch import Tensor

from agentkit_local_models.answer import Completion
from agentkit_local_models.arch import Arch, PrefixLM, RopeScaling
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import LocalModelError, UnsupportedCheckpoint
from agentkit_local_models.following import follow
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Row
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.parallel.launch import split_engine
from agentkit_local_models.precision import Form
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.share import Whole, arch_of, weights_of
from agentkit_local_models.split import Call, End, SplitModel
from agentkit_local_models.split_device import SplitDevice
from agentkit_local_models.tuned_prefix import TunedPrefix
from agentkit_local_models.variants import BASE, Variant

from .oracle import random_weights
from .test_adapters import random_adapter
from .test_placing import Elsewhere
from .tiny import tiny_arch
from .training.tiny import LLAMA, hub_model

KINDS = {
    "llama": tiny_arch(context=96),
    "tied, biases": tiny_arch(
        context=96, tied_head=True, qkv_bias=True, output_bias=True, feed_forward_bias=True
    ),
    "alibi, not gated": tiny_arch(context=96, position="alibi", gated=False),
    "rotated for long": tiny_arch(
        context=96, rope_scaling=RopeScaling("factors", 1.0, 4, factors=(1.0, 1.0), long_factors=(2.0, 3.0))
    ),
    "seen whole": tiny_arch(context=96, position="rope-2d", prefix=PrefixLM(3, (2,))),
}


class Meeting:
    """Two threads that stand for two processes."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=600)
        self._given: list[Tensor] = [torch.empty(0)] * 2

    def exchange(self, rank: int, x: Tensor) -> list[Tensor]:
        self._barrier.wait()
        self._given[rank] = x.clone()
        self._barrier.wait()
        return list(self._given)


@dataclasses.dataclass(frozen=True)
class Thread:
    """One of the two: a share, and the end of a line."""

    rank: int
    meeting: Meeting
    calls: SimpleQueue[Call]
    size: int = 2

    def sum(self, x: Tensor) -> Tensor:
        return sum(self.meeting.exchange(self.rank, x), torch.zeros_like(x))

    def gather(self, x: Tensor) -> Tensor:
        return torch.cat(self.meeting.exchange(self.rank, x), dim=-1)

    def spread(self, x: Tensor) -> None:
        x.copy_(self.meeting.exchange(self.rank, x)[0])

    def tell(self, call: Call) -> None:
        self.calls.put(call)

    def hear(self) -> Call:
        return self.calls.get(timeout=600)


class Split:
    """A model in two threads."""

    def __init__(self, arch: Arch, form: Form = "float") -> None:
        weights = {name: weight.double() for name, weight in random_weights(arch).items()}
        meeting, calls = Meeting(), SimpleQueue[Call]()
        first, second = (Thread(rank, meeting, calls) for rank in range(2))
        share = arch_of(arch, 2)
        models = [
            Model(share, weights_of(weights.items(), one.rank, 2), torch.float64, form, one)
            for one in (first, second)
        ]
        self.other = threading.Thread(target=follow, args=(models[1], second), daemon=True)
        self.other.start()
        self.model = SplitModel(models[0], first)
        self.whole = Model(arch, weights.items(), torch.float64, form)

    def close(self) -> None:
        self.model.close()
        self.other.join(600)
        assert not self.other.is_alive()


@pytest.mark.parametrize("kind", KINDS)
def test_two_shares_compute_what_the_whole_does(kind: str) -> None:
    arch = KINDS[kind]
    split = Split(arch)
    begin = [5, 2, 7, 3, 9] if arch.prefix else [5, 8, 7, 3, 9]
    caches = [one.new_cache() for one in (split.model, split.whole)]
    for tokens in (begin, [11], [12, 13]):
        found, expected = (
            one.logits(tokens, cache, every=True)
            for one, cache in zip((split.model, split.whole), caches, strict=True)
        )
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    split.close()


def test_pages_that_are_shared_and_copied_are_so_in_every_process() -> None:
    arch = KINDS["llama"]
    split = Split(arch)
    found, expected = (
        forked(one, PagePool(one.arch, torch.float64, 12), arch.context) for one in (split.model, split.whole)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    split.close()


def forked(model: Model | SplitModel, pool: PagePool, context: int) -> list[Tensor]:
    """A sequence whose begun page two others go on from."""
    first = PagedCache(pool, context)
    rows = [model.hidden([(list(range(20)), first)])]
    second = first.fork()
    rows.append(model.hidden([([21], first), ([22], second)]))
    rows.append(model.hidden([([23, 24], second), ([25], first)]))
    first.release()
    third = second.fork()
    rows.append(model.hidden([(list(range(30, 50)), third)]))
    assert pool.copied == 2
    return rows


def test_each_process_has_its_share_of_an_adapter() -> None:
    arch = KINDS["tied, biases"]
    split = Split(arch)
    prefix = TunedPrefix(
        tuple(torch.randn(arch.layers, 2 * arch.kv_heads, 3, arch.head_width, dtype=torch.float64))
    )
    adapters = [random_adapter(arch, LoraConfig(3, 6.0), seed) for seed in (1, 2)]
    shares = [split.model.lay(one, torch.float64) for one in (*adapters, prefix)]
    wholes = [*(Deltas.of(one, arch, torch.float64) for one in adapters), prefix]
    found, expected = mixed(split.model, shares), mixed(split.whole, wholes)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    shares.clear()  # the others let go of theirs with the next call
    gc.collect()
    split.model.logits([1], split.model.new_cache())
    assert len(split.model._adapters) == 0
    split.close()


def mixed(model: Model | SplitModel, beside: Sequence[Deltas | TunedPrefix]) -> Tensor:
    """The hidden states of a batch in which each sequence has another adapter, and the last none."""
    pool = PagePool(model.arch, torch.float64, 12)
    variants = [
        BASE if one is None else Variant(prefix=one) if isinstance(one, TunedPrefix) else Variant(deltas=one)
        for one in (*beside, None)
    ]
    caches = [PagedCache(pool, model.arch.context, variant) for variant in variants]
    first = model.hidden([([5, 6, 7], cache) for cache in caches])
    return torch.cat((first, model.hidden([([8], cache) for cache in caches])))


class Told:
    """A line to others that keeps what they are told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def tell(self, call: Call) -> None:
        self.calls.append(call)

    def hear(self) -> Call:
        raise AssertionError(self.calls)


class Releasing(Elsewhere):
    """A share that looks, as it is let go of, whether another thread could compute meanwhile."""

    share = Whole()

    def watch(self, lock: Any) -> None:
        self._lock, self.was_free = lock, list[bool]()

    def release(self) -> None:
        other = threading.Thread(target=self._look)
        other.start()
        other.join()

    def _look(self) -> None:
        self.was_free.append(self._lock.acquire(blocking=False))
        if self.was_free[-1]:
            self._lock.release()


def test_what_was_captured_is_forgotten_while_no_thread_computes() -> None:
    part = Releasing()
    model = SplitDevice(part, Told())
    part.watch(model._lock)
    model.close()
    assert part.was_free == [False]


def test_who_asks_a_model_that_was_closed_is_told_so_and_not_kept_waiting() -> None:
    part, line = Releasing(), Told()
    model = SplitDevice(part, line)
    part.watch(model._lock)
    model.close()
    model.close()
    for ask in (
        lambda: model.draw(torch.empty(0), [], []),
        lambda: model.launch([Row((1,), None, model.new_cache(), 0)]),
        lambda: model.logits([1], model.new_cache()),
        lambda: model.logits_of(torch.empty(0)),
    ):
        with pytest.raises(LocalModelError, match=r"were let go; another `split_engine`"):
            ask()
    assert line.calls == [End()]


def test_heads_that_cannot_be_split_are_refused_with_what_works() -> None:
    with pytest.raises(UnsupportedCheckpoint, match=r"2 key heads, 24 .* over 3 processes; 1, 2 work"):
        arch_of(KINDS["llama"], 3)


def test_two_processes_answer_as_one_does(tmp_path: Path) -> None:
    path = hub_model(tmp_path / "model", LLAMA)
    prompt = list(range(40, 80))
    alone = Engine.load(path, dtype="float32", native=False)
    with split_engine(path, 2, dtype="float32") as engine:
        torch.testing.assert_close(engine.logits(prompt), alone.logits(prompt), atol=1e-5, rtol=0)
        assert written(engine, prompt) == written(alone, prompt)
        assert written(engine, prompt) == written(alone, prompt)  # from what is kept
        assert engine._pool.layers[0].shape[1] * 2 == alone._pool.layers[0].shape[1]
    with pytest.raises(ValueError, match="cannot be split; float32"):
        split_engine(path, 2, precision="file").__enter__()
    with pytest.raises(ValueError, match=r"w8a8 rounds by .* int8 and int4 can be split"):
        split_engine(path, 2, precision="w8a8").__enter__()


def written(engine: Engine, prompt: Sequence[int]) -> tuple[int, ...]:
    *_, done = engine.generate(prompt, Sampling(max_tokens=8))
    assert isinstance(done, Completion)
    return done.token_ids


SCRIPT = """
import sys
from pathlib import Path
from agentkit_local_models.parallel.launch import split_engine
from agentkit_local_models.sampling import Sampling

with split_engine(Path(sys.argv[1]), 2, dtype="float32") as engine:
    *_, done = engine.generate(list(range(40, 80)), Sampling(max_tokens=8))
Path(sys.argv[2]).write_text(str(done.token_ids))
"""


@pytest.mark.slow
def test_processes_that_torchrun_began_share_a_model(tmp_path: Path) -> None:
    path = hub_model(tmp_path / "model", LLAMA)
    (tmp_path / "script.py").write_text(SCRIPT)
    begin = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*begin, tmp_path / "script.py", path, tmp_path / "ids"], check=True)
    alone = Engine.load(path, dtype="float32", native=False)
    assert (tmp_path / "ids").read_text() == str(written(alone, list(range(40, 80))))
