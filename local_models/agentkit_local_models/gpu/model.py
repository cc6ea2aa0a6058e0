"""A model on a GPU: what the scheduler asks of one, by our own kernels and without waiting for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight
from agentkit_local_models.deltas import RowDeltas
from agentkit_local_models.draws import Draw
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.gpu.draw import draw, sent
from agentkit_local_models.gpu.graphs import BUCKETS, Capture, CudaCapture, Graphs
from agentkit_local_models.gpu.over_pages import PagedAttention
from agentkit_local_models.gpu.paged import PagedRows, paged_attention
from agentkit_local_models.gpu.passes import Pass
from agentkit_local_models.gpu.step import Attend, Inputs, Step
from agentkit_local_models.gpu.triton_here import require_triton
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Row
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.precision import CacheForm


def why_not(arch: Arch, dtype: torch.dtype) -> str:
    """What of a model no kernel computes; empty for nothing."""
    differences = {
        "a prompt that is seen whole": arch.prefix is not None,
        f"{arch.position} positions": arch.position == "rope-2d",
        f"heads of {arch.head_width} numbers": arch.head_width > 256 or bool(arch.head_width % 2),
        f"computation in {dtype}": dtype not in (torch.float32, torch.bfloat16, torch.float16),
    }
    return ", ".join(what for what, differs in differences.items() if differs)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Tokens on their way here; see `overlap.Drawn`."""

    tokens: Tensor
    arrived: torch.cuda.Event | None

    def read(self) -> list[int]:
        if self.arrived is not None:
            self.arrived.synchronize()
        return cast("list[int]", self.tokens.tolist())  # pyright: ignore[reportUnknownMemberType]


def attending(operation: PagedAttention) -> Attend:
    """The attention of a step by an operation over pages."""

    def attend(query: Tensor, pages: Tensor, inputs: Inputs, sight: Sight) -> Tensor:
        rows = PagedRows(
            inputs.starts,
            inputs.lengths,
            inputs.tables,
            None,
            len(query),
            inputs.most_tokens,
            inputs.most_length,
        )
        return operation(query, pages, rows, sight).flatten(1)

    return attend


class GpuModel:
    """A decoder whose weights are on a GPU; see `overlap.Device`."""

    def __init__(
        self,
        model: Model,
        device: torch.device,
        *,
        vocabulary_size: int,
        attention: PagedAttention | None = None,
        capture: Capture | None = None,
    ) -> None:
        """Move a model's weights; it has none afterwards.

        Args:
            model: on the processor.
            device: a GPU, or the processor where Triton interprets.
            vocabulary_size: of the tokenizer; ids from here on are never drawn.
            attention: over pages, by another library, which plans on the processor: no step is captured
                then. None is our own.
            capture: of decoding steps; None is CUDA graphs on a GPU, and no capturing elsewhere.

        Raises:
            NoTriton: Triton is not here, or there is neither a GPU nor its interpreter.
            UnsupportedCheckpoint: the model has something that no kernel computes.
        """
        require_triton(device)
        if missing := why_not(model.arch, model.dtype):
            raise UnsupportedCheckpoint(
                f"on a GPU there is no {missing}; the processor computes it (device='cpu')"
            )
        # its kernels have one table of frequencies, so it computes what the first stage is long enough for
        self.arch = replace(model.arch, context=model.arch.stages[0])
        self.dtype = model.dtype
        self.cache: CacheForm = model.cache
        self.share = model.share
        self.device = device
        self._step = Step(model, device, attending(attention or paged_attention))
        self._vocabulary_size = vocabulary_size
        self._drawn = torch.zeros(BUCKETS[-1], dtype=torch.int64, device=device)
        if capture is None and attention is None and device.type == "cuda":
            capture = CudaCapture()
        self._capture = capture
        self._pool: PagePool | None = None
        self._graphs: Graphs | None = None

    @property
    def captured(self) -> list[int]:
        """For how many sequences at once decoding is replayed and not launched; see `graphs`."""
        return [] if self._graphs is None else self._graphs.captured

    @property
    def weight_bytes(self) -> int:
        """Bytes of matrices that a step of decoding reads."""
        return self._step.weight_bytes

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        pool = PagePool(self.arch, self.dtype, pages_for(self.arch.context), device=self.device)
        return PagedCache(pool, self.arch.context)

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """As `Model.logits`, on the processor."""
        hidden = self.hidden([(tokens, cache)])
        return self.logits_of(hidden if every else hidden[-1:])[slice(None) if every else 0]

    @torch.inference_mode()
    def logits_of(self, hidden: Tensor) -> Tensor:
        """The logits of normed hidden states, on the processor: float32 [T, vocabulary_size]."""
        with self._current():
            return self._step.logits(hidden.to(self.device).contiguous()).cpu()

    @torch.inference_mode()
    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        """As `Model.hidden`, on the device."""
        rows = [Row(tokens, None, cache, 0) for tokens, cache in steps]
        for row in rows:
            row.cache.reserve(row.cache.length + row.count)
        with self._current():
            inputs = Pass.of(rows).inputs(self.device)
            pages = steps[0][1].pool.layers
            hidden = self._step.hidden(inputs, self._drawn, pages, self._deltas_of(rows))
        self._joined(rows)
        return hidden

    @torch.inference_mode()
    def launch(self, rows: Sequence[Row]) -> Tensor:
        """See `overlap.Device`; the logits are good until the next launch."""
        one = Pass.of(rows)
        graphs = self._graphs_of(rows[0].cache.pool)
        with self._current():
            deltas = self._deltas_of(rows)
            # a captured step knows its adapters no more than it knows its sequences
            logits = graphs.run(one) if deltas is None else None
            if logits is None:
                logits = self._compute(one.inputs(self.device), deltas)
        self._joined(rows)
        return logits

    @torch.inference_mode()
    def draw(self, logits: Tensor, places: Sequence[int], draws: Sequence[Draw]) -> _Drawn:
        """See `overlap.Device`."""
        with self._current():
            if list(places) != list(range(len(logits))):
                logits = logits[sent(torch.tensor(places), self.device)]
            draw(logits, draws, self._vocabulary_size, self._drawn)
            tokens = self._drawn[: len(draws)]
            self.share.spread(tokens)
            if self.device.type != "cuda":
                return _Drawn(tokens.clone(), None)
            here = torch.empty(len(draws), dtype=torch.int64, pin_memory=True)
            here.copy_(tokens, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        return _Drawn(here, arrived)

    @torch.inference_mode()
    def take_drawn(self, count: int) -> None:
        """Have the tokens that the first process draws meanwhile, where the next launch finds them."""
        with self._current():
            self.share.spread(self._drawn[:count])

    def release(self) -> None:
        """Forget what was captured; decoding is launched again, and captured anew."""
        self._graphs = self._pool = None

    def room(self) -> int | None:
        """See `overlap.Device`."""
        return torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else None

    def _current(self) -> AbstractContextManager[object]:
        """The device as that of this thread, where Triton launches."""
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    def _deltas_of(self, rows: Sequence[Row]) -> RowDeltas | None:
        """What lies beside the weights for these rows; None where nothing does."""
        if all(row.cache.variant.deltas is None for row in rows):
            return None
        return RowDeltas([(row.cache.variant.deltas, row.count) for row in rows], self.device)

    def _compute(self, inputs: Inputs, deltas: RowDeltas | None = None) -> Tensor:
        """The logits that a pass wants."""
        assert self._pool is not None  # `launch` knows it
        hidden = self._step.hidden(inputs, self._drawn, self._pool.layers, deltas)
        if not len(inputs.wanted):
            return torch.empty(0, self.arch.vocabulary_size, device=self.device)
        if inputs.wanted.shape != inputs.ids.shape:
            hidden = hidden[inputs.wanted.long()]
        return self._step.logits(hidden)

    def _graphs_of(self, pool: PagePool) -> Graphs:
        """The graphs over a pool's pages, whose addresses are in them; none where pages are moved."""
        if self._graphs is None or self._pool is not pool:
            self._pool = pool
            capture = self._capture if pool.fixed else None
            self._graphs = Graphs(self._compute, self.device, self.arch.context, capture)
        return self._graphs

    def _joined(self, rows: Sequence[Row]) -> None:
        for row in rows:
            row.cache.length += row.count
