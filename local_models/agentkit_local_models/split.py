"""A model whose shares are in several processes: the first is asked, the others follow its calls.

Pages are numbered by the first process. The others keep the keys and values of their heads in pages of the
same numbers, and copy a page when the first does, so that the scheduler knows nothing of them.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from agentkit_local_models.deltas import Deltas
from agentkit_local_models.lora import Adapter
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.share import adapter_of, prefix_of
from agentkit_local_models.tuned_prefix import TunedPrefix
from agentkit_local_models.variants import BASE, Variant


@dataclass(frozen=True, slots=True)
class Step:
    """The next tokens of a sequence, and where those before them are."""

    tokens: tuple[int, ...]
    pages: tuple[int, ...]
    length: int
    prompt: Prompt | None
    adapter: int | None
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Hidden:
    """Compute hidden states, after some pages were copied: from, to."""

    pool: int
    copies: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Logits:
    """Compute the logits of hidden states [T, width]."""

    hidden: Tensor


@dataclass(frozen=True, slots=True)
class Load:
    """Keep one's share of an adapter by a number, LoRA in a dtype."""

    number: int
    adapter: Adapter | TunedPrefix
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Forget:
    """Let go of a pool, or of an adapter."""

    number: int
    what: Literal["pool", "adapter"]


@dataclass(frozen=True, slots=True)
class End:
    """There is nothing more to compute."""


Call: TypeAlias = Hidden | Logits | Load | Forget | End


class Line(Protocol):
    """How the first process speaks to the others; see `Group`."""

    def tell(self, call: Call) -> None:
        """Send a call to all others."""
        ...

    def hear(self) -> Call:
        """The next call."""
        ...


class SplitModel:
    """The first process's share of a model, which has the others compute with it; threads may share it."""

    def __init__(self, model: Model, line: Line) -> None:
        """Nothing is told yet.

        Args:
            model: this process's share.
            line: to the others, who `follow`.
        """
        self.arch = model.arch
        self.dtype = model.dtype
        self.cache: CacheForm = model.cache
        self._model = model
        self._line = line
        self._lock = threading.RLock()
        self._pools: weakref.WeakKeyDictionary[PagePool, int] = weakref.WeakKeyDictionary()
        self._copies: dict[int, list[tuple[int, int]]] = {}
        self._adapters: weakref.WeakKeyDictionary[Deltas | TunedPrefix, int] = weakref.WeakKeyDictionary()
        self._gone: list[Forget] = []  # of what nobody has any more, until the next call
        self._numbers = itertools.count()

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        return self._model.new_cache()

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """As `Model.logits`."""
        hidden = self.hidden([(tokens, cache)])
        return self.logits_of(hidden if every else hidden[-1:])[slice(None) if every else 0]

    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        """As `Model.hidden`; adapters of sequences were given to `lay`."""
        for tokens, cache in steps:  # what cannot be computed is refused before the others hear of it
            if self.arch.prefix is not None and cache.length == 0:
                cache.prompt = Prompt.of(tokens, self.arch.prefix)
            cache.reserve(cache.length + len(tokens))
        with self._lock:
            while self._gone:
                gone = self._gone.pop()
                self._line.tell(gone)
                self._copies.pop(gone.number, None)
            number = self._number(steps[0][1].pool)
            copies = self._copies[number]
            told = tuple(self._step(tokens, cache) for tokens, cache in steps)
            self._line.tell(Hidden(number, tuple(copies), told))
            copies.clear()
            return self._model.hidden(steps)

    def logits_of(self, hidden: Tensor) -> Tensor:
        """As `Model.logits_of`."""
        with self._lock:
            self._line.tell(Logits(hidden))
            return self._model.logits_of(hidden)

    def lay(self, adapter: Adapter | TunedPrefix, dtype: torch.dtype) -> Deltas | TunedPrefix:
        """This process's share of an adapter; the others keep theirs as long as this one is there."""
        with self._lock:
            number = next(self._numbers)
            self._line.tell(Load(number, adapter, dtype))
            share = _share_of(adapter, self._model, dtype)
            self._adapters[share] = number
            weakref.finalize(share, self._gone.append, Forget(number, "adapter"))
            return share

    def close(self) -> None:
        """Let the others go."""
        with self._lock:
            self._line.tell(End())

    def _number(self, pool: PagePool) -> int:
        """A pool as the others know it."""
        if pool not in self._pools:
            number = self._pools[pool] = next(self._numbers)
            copies = self._copies[number] = []
            pool.on_copy = lambda page, own: copies.append((page, own))
            weakref.finalize(pool, self._gone.append, Forget(number, "pool"))
        return self._pools[pool]

    def _step(self, tokens: Sequence[int], cache: PagedCache) -> Step:
        """A sequence as the others know it."""
        beside = cache.variant.deltas or cache.variant.prefix
        number = None if beside is None else self._adapters[beside]
        return Step(tuple(tokens), tuple(cache.pages), cache.length, cache.prompt, number, cache.stage)


def follow(model: Model, line: Line) -> None:
    """Compute what the first process tells, until it says that this is the end."""
    pools: dict[int, PagePool] = {}
    variants: dict[int | None, Variant] = {None: BASE}
    context = model.arch.context
    while True:
        match line.hear():
            case End():
                return
            case Load(number, adapter, dtype):
                share = _share_of(adapter, model, dtype)
                is_prefix = isinstance(share, TunedPrefix)
                variants[number] = Variant(prefix=share) if is_prefix else Variant(deltas=share)
            case Forget(number, what):
                if what == "pool":
                    del pools[number]
                else:
                    del variants[number]
            case Logits(hidden):
                model.logits_of(hidden)
            case Hidden(number, copies, steps):
                most = 1 + max(page for step in steps for page in step.pages)
                if number not in pools:
                    pools[number] = PagePool(model.arch, model.dtype, most, form=model.cache)
                pool = pools[number]
                pool.mirror(most, copies)
                begun = [(step.tokens, _cache_of(step, pool, variants, context)) for step in steps]
                model.hidden(begun)


def _share_of(adapter: Adapter | TunedPrefix, model: Model, dtype: torch.dtype) -> Deltas | TunedPrefix:
    rank, size = model.share.rank, model.share.size
    if isinstance(adapter, TunedPrefix):
        return prefix_of(adapter, rank, size)
    return Deltas.of(adapter_of(adapter, rank, size), model.arch, dtype)


def _cache_of(step: Step, pool: PagePool, variants: Mapping[int | None, Variant], context: int) -> PagedCache:
    cache = PagedCache(pool, context, variants[step.adapter])
    cache.pages, cache.length, cache.prompt = list(step.pages), step.length, step.prompt
    cache.stage = step.stage
    return cache
