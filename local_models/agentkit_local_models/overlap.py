"""Steps that a device need not wait for: the next is under way before the last one's tokens are read.

The tokens that a step chooses stay on the device, where the next step finds them (as in mini-sglang). While
it computes, the text of the last ones is made here, their grammars are followed, and what was asked anew is
planned. What is known a step late is that an answer has ended: the token that was computed after its end
is dropped. Everything is launched in one order, so a page that was given back can be written to at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from agentkit_local_models.draws import Draw
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.queueing import cache_of
from agentkit_local_models.request import Request
from agentkit_local_models.scheduler import Runs, Scheduler, logits_wanted, next_tokens


@dataclass(frozen=True, slots=True)
class Row:
    """The next tokens of a sequence.

    Attributes:
        tokens: known ones.
        source: where among the tokens that were drawn last the one is that follows them; None for none.
        cache: with pages for all of them, which they join.
        wanted: after how many of the last of them logits are wanted.
    """

    tokens: Sequence[int]
    source: int | None
    cache: PagedCache
    wanted: int

    @property
    def count(self) -> int:
        """How many tokens."""
        return len(self.tokens) + (self.source is not None)


class Drawn(Protocol):
    """Tokens that are being chosen."""

    def read(self) -> list[int]:
        """Wait until they are, and return them; -1 where logits are broken."""
        ...


@runtime_checkable
class Device(Runs, Protocol):
    """A model that computes what it is told without being waited for."""

    @property
    def dtype(self) -> torch.dtype:
        """Of keys and values."""
        ...

    @property
    def cache(self) -> CacheForm:
        """What these are kept as."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its pages must be."""
        ...

    def room(self) -> int | None:
        """Bytes that are free there; None where pages lie in this process's memory."""
        ...

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        ...

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """As `Model.logits`, on the processor."""
        ...

    def launch(self, rows: Sequence[Row]) -> Tensor:
        """Compute rows' tokens, and the logits that are wanted of them: float32 [wanted, vocabulary_size]."""
        ...

    def draw(self, logits: Tensor, places: Sequence[int], draws: Sequence[Draw]) -> Drawn:
        """Choose tokens by some rows of logits; the next launch finds them in the order of the draws."""
        ...


@dataclass(frozen=True, slots=True)
class _Flight:
    """Who waits for which tokens."""

    requests: list[Request]
    drawn: Drawn


class Overlapped(Scheduler):
    """A scheduler whose steps overlap with what this process does."""

    def __init__(self, device: Device, pool: PagePool, **more: Any) -> None:
        """Nothing is under way; the other arguments are `Scheduler`'s."""
        super().__init__(device, pool, **more)
        self._device = device
        self._flight: _Flight | None = None

    def step(self) -> None:
        """Launch the next tokens of those whose turn it is, and read those that were launched before.

        An error of one request ends that request. One of the device ends all that were computed by it.
        """
        self.retire()
        plan = self._plan()
        before, self._flight = self._flight, None
        try:
            wanted = [logits_wanted(request, number) for request, number in plan]
            logits = self._launch(plan, wanted, before)
            if before is not None:
                self._read(before)
            if logits is not None:
                self._flight = self._draw(plan, wanted, logits)
        except BaseException as error:
            self._break([request for request, _ in plan], error)
            self._break([] if before is None else before.requests, error)
            raise

    def _launch(
        self, plan: Sequence[tuple[Request, int]], wanted: Sequence[int], before: _Flight | None
    ) -> Tensor | None:
        """Logits that are being computed; None where nothing is."""
        rows: list[Row] = []
        for (request, number), count in zip(plan, wanted, strict=True):
            tokens = next_tokens(request, number)
            source = None
            if len(tokens) < number:  # the last is not read yet
                assert before is not None
                source = before.requests.index(request)
            rows.append(Row(tokens, source, cache_of(request), count))
        return self._device.launch(rows) if rows else None

    def _read(self, flight: _Flight) -> None:
        """Tell those who waited which tokens they got."""
        for request, token in zip(flight.requests, flight.drawn.read(), strict=True):
            request.ahead = 0
            if not request.done:
                ahead = request.computed - len(request.work.known)
                self._go_on(request, [token][: max(ahead, 0)], partial(request.work.took, token))

    def _draw(
        self, plan: Sequence[tuple[Request, int]], wanted: Sequence[int], logits: Tensor
    ) -> _Flight | None:
        """Have tokens chosen by logits: on the device where it can, then here."""
        places: list[int] = []
        draws: list[Draw] = []
        waiting: list[Request] = []
        here: list[tuple[Request, slice]] = []
        end = 0
        for (request, _), count in zip(plan, wanted, strict=True):
            end += count
            if request.done or not self._reached(request):
                continue  # what was read ended it, or its grammar added more
            try:
                draw = request.work.draw if count else None
            except LocalModelError as error:
                self._fail(request, error)
                continue
            if draw is None:
                here.append((request, slice(end - count, end)))
                continue
            places.append(end - 1)
            draws.append(draw)
            waiting.append(request)
            request.ahead = int(request.work.left > 1)  # after its last token there is nothing to compute
        flight = _Flight(waiting, self._device.draw(logits, places, draws)) if draws else None
        for request, rows in here:
            self._take(request, logits[rows].cpu())
        return flight
