"""A model whose shares are in several processes: the first is asked, the others follow its calls.

Pages are numbered by the first process. The others keep the keys and values of their heads in pages of the
same numbers, and copy a page when the first does, so that the scheduler knows nothing of them.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from agentkit_local_models.deltas import Deltas
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.lora import Adapter
from agentkit_local_models.overlap import Device
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.scheduler import Runs
from agentkit_local_models.share import Share, adapter_of, prefix_of
from agentkit_local_models.tuned_prefix import TunedPrefix


@dataclass(frozen=True, slots=True)
class Step:
    """The next tokens of a sequence, and where those before them are; the last two as in `overlap.Row`."""

    tokens: tuple[int, ...]
    pages: tuple[int, ...]
    length: int
    prompt: Prompt | None
    adapter: int | None
    stage: int = 0
    source: int | None = None
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """Have a pool whose pages are there from the beginning, and never moved."""

    number: int
    pages: int


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
class Launch:
    """Have a device compute, after some pages were copied, what `overlap.Device.launch` does."""

    pool: int
    copies: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Have the tokens on the device that the first process draws on its own."""

    count: int


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


Call: TypeAlias = Open | Hidden | Logits | Launch | Drawn | Load | Forget | End


class Part(Runs, Protocol):
    """A process's share of a model: `Model`, or `gpu.model.GpuModel`."""

    @property
    def dtype(self) -> torch.dtype:
        """Of keys and values."""
        ...

    @property
    def cache(self) -> CacheForm:
        """What these are kept as."""
        ...

    @property
    def share(self) -> Share:
        """Which share it is."""
        ...

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        ...


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

    def __init__(self, model: Part, line: Line) -> None:
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
        self._closed = False

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
            number, copies = self._known(steps[0][1].pool)
            told = tuple(self._step(tokens, cache) for tokens, cache in steps)
            self._tell(Hidden(number, copies, told))
            return self._model.hidden(steps)

    def logits_of(self, hidden: Tensor) -> Tensor:
        """As `Model.logits_of`."""
        with self._lock:
            self._tell(Logits(hidden.cpu()))  # where the others can have it, too
            return self._model.logits_of(hidden)

    def lay(self, adapter: Adapter | TunedPrefix, dtype: torch.dtype) -> Deltas | TunedPrefix:
        """This process's share of an adapter; the others keep theirs as long as this one is there."""
        with self._lock:
            number = next(self._numbers)
            self._tell(Load(number, adapter, dtype))
            share = share_of(adapter, self._model, dtype)
            self._adapters[share] = number
            weakref.finalize(share, self._gone.append, Forget(number, "adapter"))
            return share

    def close(self) -> None:
        """Let the others go; nothing can be computed afterwards."""
        with self._lock:
            closed, self._closed = self._closed, True
            if not closed:
                self._line.tell(End())

    def _tell(self, call: Call) -> None:
        """Have the others do something, as long as they are there."""
        if self._closed:
            raise LocalModelError(
                "the processes of this model were let go; another `split_engine` begins some"
            )
        self._line.tell(call)

    def _known(self, pool: PagePool) -> tuple[int, tuple[tuple[int, int], ...]]:
        """A pool's number, by which the others know it now, and what was copied since the last call."""
        while self._gone:
            gone = self._gone.pop()
            self._tell(gone)
            self._copies.pop(gone.number, None)
        if pool not in self._pools:
            number = self._pools[pool] = next(self._numbers)
            copies = self._copies[number] = []
            pool.on_copy = lambda page, own: copies.append((page, own))
            weakref.finalize(pool, self._gone.append, Forget(number, "pool"))
            if pool.fixed:
                self._tell(Open(number, pool.most))
        number = self._pools[pool]
        told = tuple(self._copies[number])
        self._copies[number].clear()
        return number, told

    def _step(
        self, tokens: Sequence[int], cache: PagedCache, source: int | None = None, wanted: int = 0
    ) -> Step:
        """A sequence as the others know it."""
        beside = cache.variant.deltas or cache.variant.prefix
        number = None if beside is None else self._adapters[beside]
        pages, prompt = tuple(cache.pages), cache.prompt
        return Step(tuple(tokens), pages, cache.length, prompt, number, cache.stage, source, wanted)


def share_of(adapter: Adapter | TunedPrefix, model: Part, dtype: torch.dtype) -> Deltas | TunedPrefix:
    """A process's share of an adapter, where its share of the model is; LoRA in a dtype."""
    rank, size = model.share.rank, model.share.size
    if isinstance(adapter, TunedPrefix):
        return prefix_of(adapter, rank, size)
    device = model.device if isinstance(model, Device) else None
    return Deltas.of(adapter_of(adapter, rank, size), model.arch, dtype, device)
