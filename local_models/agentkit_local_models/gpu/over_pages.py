"""The attention of a step of `model.Model` as one call for all its sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from agentkit_local_models.attention import Sight
from agentkit_local_models.gpu.backends import EngineBackend, NoBackend, chosen
from agentkit_local_models.gpu.libraries import by_flashinfer
from agentkit_local_models.gpu.paged import PagedRows, paged_attention
from agentkit_local_models.spans import Span

Step = Callable[[Tensor, Tensor, int, Sight, Sequence[Span]], Tensor]
"""Of new tokens' queries [T, H, D], their keys and values [T, 2 K, D], the layer's number, what is seen, and
whose tokens they are: stores the keys and values, and gives [T, H·D]."""


PagedAttention = Callable[[Tensor, Tensor, PagedRows, Sight], Tensor]
"""An operation like `paged.paged_attention`: queries, pages, whose they are, what is seen; to [T, H, D]."""


def step_by(name: EngineBackend, device: torch.device) -> Step | None:
    """What computes the attention of a `model.Model`'s steps; None for torch, a sequence at a time.

    Args:
        name: see `backends.chosen`.
        device: of the model.

    Raises:
        NoTriton: Triton is named and cannot run there.
        NoBackend: FlashInfer is named and is not here, or there is no GPU.
    """
    match chosen(name, device):
        case "triton":
            return OverPages(paged_attention)
        case "flashinfer":
            return OverPages(by_flashinfer())
        case _:
            return None


def attend_by(
    name: EngineBackend, device: torch.device, *, installed: frozenset[str] | None = None
) -> PagedAttention | None:
    """What computes the attention of a `gpu.model.GpuModel` instead of its own kernel; None for that.

    Args:
        name: "auto" is its own kernel, in Triton.
        device: a GPU.
        installed: the libraries that are here; None looks.

    Raises:
        NoTriton: Triton is named and cannot run there.
        NoBackend: FlashInfer is named and is not here, or torch is named.
    """
    if name == "auto":
        return None
    backend = chosen(name, device, installed=installed)
    if backend == "torch":
        raise NoBackend(f"torch does not read pages on {device}; triton does, and torch on the processor")
    return by_flashinfer() if backend == "flashinfer" else None


class OverPages:
    """Keys and values are read where they lie."""

    def __init__(self, operation: PagedAttention) -> None:
        """Compute by an operation like `paged.paged_attention`."""
        self._operation = operation
        # Of the last step, whose layers share it; threads that compute at once make it more often, not wrong.
        self._last: tuple[Sequence[Span], PagedRows] | None = None

    def __call__(
        self, query: Tensor, stored: Tensor, layer: int, sight: Sight, spans: Sequence[Span]
    ) -> Tensor:
        """See `Step`."""
        row = 0
        for span in spans:
            span.store(layer, stored[row : row + span.count])
            row += span.count
        pages = spans[0].cache.pool.layers[layer]
        return self._operation(query, pages, self._rows(spans, query.device), sight).flatten(1)

    def _rows(self, spans: Sequence[Span], device: torch.device) -> PagedRows:
        last = self._last
        if last is not None and last[0] is spans:
            return last[1]
        prompts = [span.cache.prompt for span in spans]
        rows = PagedRows.of(
            [span.count for span in spans],
            [span.end for span in spans],
            [span.cache.pages for span in spans],
            prefixes=[0 if one is None else one.end for one in prompts] if any(prompts) else None,
            device=device,
        )
        self._last = (spans, rows)
        return rows
