"""Where a model is computed, and what decides on its steps: room for its cache, how much at once."""

from __future__ import annotations

from typing import Final, Protocol

import torch

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.overlap import Device, Overlapped
from agentkit_local_models.pages import PagePool, pages_for, token_bytes
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.scheduler import Runs, Scheduler

# What the cache may grow to where nothing else is asked for: so many bytes, but at most so many contexts,
# and at least one.
_CACHE_BYTES: Final = 1 << 30
_CACHE_CONTEXTS: Final = 16
# The same on a GPU: this share of the memory that the weights left.
_CACHE_SHARE: Final = 0.8
# Requests computed at once on a GPU, as many as `gpu.graphs` has a bucket for, and tokens of a step: enough
# to keep it busy with a prompt, few enough for answers not to falter.
_GPU_RUNNING: Final = 256
_GPU_BUDGET: Final = 4096


def device_of(name: str) -> torch.device:
    """The device of that name.

    Raises:
        ValueError: it is neither the processor nor a GPU of the kind that there are kernels for.
        LocalModelError: it is not there.
    """
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise ValueError(f"no device {name!r}; cpu, cuda and cuda:NUMBER are")
    if kind == "cuda":
        there = torch.cuda.device_count()
        if int(number or 0) >= there:
            raise LocalModelError(
                f"{name} is not there: torch {torch.__version__} sees {there} GPUs; device='cpu' works"
            )
    return torch.device(name)


class _Computes(Protocol):
    """A model, wherever it is."""

    @property
    def arch(self) -> Arch: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def cache(self) -> CacheForm: ...


def pool_of(model: _Computes, cache_tokens: int | None) -> PagePool:
    """The pages of a model's sequences, where it computes.

    Args:
        model: a `Device`, or one on the processor.
        cache_tokens: how many tokens they hold; None for as many as there is room for.

    Raises:
        ValueError: they would not hold one context.
    """
    arch, dtype = model.arch, model.dtype
    if not isinstance(model, Device):
        return PagePool(arch, dtype, _pages(arch, dtype, cache_tokens, form=model.cache), form=model.cache)
    room = model.room()
    free = _CACHE_BYTES if room is None else int(_CACHE_SHARE * room)
    pages = _pages(arch, dtype, cache_tokens, free, _GPU_RUNNING)
    return PagePool(arch, dtype, pages, device=model.device, fixed=True)


def scheduler_of(runs: Runs, pool: PagePool) -> Scheduler:
    """What decides on the steps of a model; they overlap where a device computes."""
    if isinstance(runs, Device):
        return Overlapped(runs, pool, budget=_GPU_BUDGET, most_running=_GPU_RUNNING)
    return Scheduler(runs, pool)


def _pages(
    arch: Arch,
    dtype: torch.dtype,
    tokens: int | None,
    cache_bytes: int = _CACHE_BYTES,
    contexts: int = _CACHE_CONTEXTS,
    form: CacheForm = "float",
) -> int:
    """How many pages the cache may have.

    Args:
        arch: of the model.
        dtype: of keys and values.
        tokens: that were asked for, or None.
        cache_bytes: that it may take where none were.
        contexts: that it holds at most then.
        form: that they are kept in.

    Raises:
        ValueError: it would not hold one context.
    """
    if tokens is None:
        kept = cache_bytes // token_bytes(arch, dtype.itemsize, form)
        tokens = min(max(arch.context, kept), contexts * arch.context)
    if tokens < arch.context:
        raise ValueError(
            f"a cache of {tokens} tokens does not hold the model's context; {arch.context} or more works"
        )
    # one more, for the copy of a page that a whole context begins with
    return pages_for(tokens) + 1
