"""What the other processes of a split model do: compute what the first one tells, in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from agentkit_local_models.overlap import Device, Row
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.split import (
    Drawn,
    End,
    Forget,
    Hidden,
    Launch,
    Line,
    Load,
    Logits,
    Open,
    Part,
    Step,
    share_of,
)
from agentkit_local_models.tuned_prefix import TunedPrefix
from agentkit_local_models.variants import BASE, Variant


class DevicePart(Device, Protocol):
    """A share of a model on a device; see `split_device.SplitDevice`."""

    def take_drawn(self, count: int) -> None:
        """Have the tokens that the first process draws meanwhile, where the next launch finds them."""
        ...


def follow(model: Part, line: Line) -> None:
    """Compute what the first process tells, until it says that this is the end.

    Args:
        model: this process's share; on a device where that of the first process is.
        line: to the first process.
    """
    pools: dict[int, PagePool] = {}
    variants: dict[int | None, Variant] = {None: BASE}

    def pool_of(number: int, copies: tuple[tuple[int, int], ...], steps: tuple[Step, ...]) -> PagePool:
        """A pool with every page that the steps have, copied as the first process copied them."""
        most = 1 + max(page for step in steps for page in step.pages)
        if number not in pools:
            pools[number] = _pool(model, most)
        pools[number].mirror(most, copies)
        return pools[number]

    while True:
        match line.hear():
            case End():
                return
            case Load(number, adapter, dtype):
                share = share_of(adapter, model, dtype)
                is_prefix = isinstance(share, TunedPrefix)
                variants[number] = Variant(prefix=share) if is_prefix else Variant(deltas=share)
            case Forget(number, what):
                if what == "pool":
                    del pools[number]
                else:
                    del variants[number]
            case Open(number, pages):
                pools[number] = _pool(model, pages, fixed=True)
            case Logits(hidden):
                model.logits_of(hidden)
            case Hidden(number, copies, steps):
                pool = pool_of(number, copies, steps)
                model.hidden([(step.tokens, _cache_of(step, pool, variants, model)) for step in steps])
            case Launch(number, copies, steps):
                pool = pool_of(number, copies, steps)
                caches = [_cache_of(step, pool, variants, model) for step in steps]
                cast("DevicePart", model).launch(
                    [
                        Row(step.tokens, step.source, cache, step.wanted)
                        for step, cache in zip(steps, caches, strict=True)
                    ]
                )
            case Drawn(count):
                cast("DevicePart", model).take_drawn(count)


def _pool(model: Part, pages: int, *, fixed: bool = False) -> PagePool:
    """Pages where a share computes."""
    device = model.device if isinstance(model, Device) else "cpu"
    return PagePool(model.arch, model.dtype, pages, device=device, fixed=fixed, form=model.cache)


def _cache_of(step: Step, pool: PagePool, variants: Mapping[int | None, Variant], model: Part) -> PagedCache:
    cache = PagedCache(pool, model.arch.context, variants[step.adapter])
    cache.pages, cache.length, cache.prompt = list(step.pages), step.length, step.prompt
    cache.stage = step.stage
    return cache
