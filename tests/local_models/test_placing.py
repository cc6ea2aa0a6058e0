"""Where a model is computed."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.invariant import OneByOne
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Overlapped
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.placing import device_of, pool_of, scheduler_of
from agentkit_local_models.scheduler import Scheduler

from .oracle import random_weights
from .tiny import tiny_arch

ARCH = tiny_arch()


def test_a_device_that_is_none_or_is_not_there_is_told_from_one_that_works() -> None:
    assert device_of("cpu") == torch.device("cpu")
    for name in ("gpu", "cuda:first", "cpu:1", "mps"):
        with pytest.raises(ValueError, match="cpu, cuda and cuda:NUMBER are"):
            device_of(name)
    with pytest.raises(LocalModelError, match=r"cuda:99 is not there: torch .* device='cpu' works"):
        device_of("cuda:99")


class Elsewhere:
    """A device that is asked nothing."""

    arch = ARCH
    dtype = torch.float32
    cache = "float"
    device = torch.device("cpu")

    def __init__(self, room: int | None = None) -> None:
        self._room = room

    def room(self) -> int | None:
        return self._room

    def new_cache(self) -> PagedCache:
        return PagedCache(PagePool(ARCH, self.dtype, 1), ARCH.context)

    def hidden(self, steps: Any) -> torch.Tensor:
        raise AssertionError(steps)

    def logits_of(self, hidden: torch.Tensor) -> torch.Tensor:
        raise AssertionError(hidden)

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> torch.Tensor:
        raise AssertionError(tokens)

    def launch(self, rows: Any) -> torch.Tensor:
        raise AssertionError(rows)

    def draw(self, logits: torch.Tensor, places: Any, draws: Any) -> Any:
        raise AssertionError(draws)


def test_steps_overlap_on_a_device_but_not_where_each_token_is_computed_by_itself() -> None:
    here, there = Model(ARCH, random_weights(ARCH).items(), torch.float32), Elsewhere()
    pool = pool_of(there, None)
    assert type(scheduler_of(here, pool)) is Scheduler
    assert type(scheduler_of(there, pool)) is Overlapped
    assert type(scheduler_of(OneByOne(there), pool)) is Scheduler


def test_a_cache_holds_one_context_at_least_wherever_it_is() -> None:
    for model in (Model(ARCH, random_weights(ARCH).items(), torch.float32), Elsewhere()):
        assert pool_of(model, ARCH.context).most == pages_for(ARCH.context) + 1
        with pytest.raises(ValueError, match=f"{ARCH.context} or more works"):
            pool_of(model, ARCH.context - 1)


def test_a_model_on_a_gpu_and_its_scheduler_need_torch_and_nothing_else() -> None:
    """So that a benchmark runs on a bare machine; Triton is imported when a kernel is first run."""
    code = """
import sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"triton", "tokenizers", "llguidance", "safetensors", "jinja2", "msgspec"}:
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Bare())
import agentkit_local_models.gpu.model, agentkit_local_models.placing
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
