"""Attention as it is defined: every score at once, in float64, with autograd's own gradient."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from agentkit_local_models.attention import Sight


def defined(
    query: Tensor, key: Tensor, value: Tensor, queries: Sequence[int], keys: Sequence[int], sight: Sight,
    prefixes: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """[T, H, D] of sequences that lie one after another."""
    pieces, asked, there = [], 0, 0
    for number, (count, total) in enumerate(zip(queries, keys, strict=True)):
        prefix = prefixes[number] if prefixes else sight.prefix
        one = query[asked : asked + count].double()
        mine, taken = (
            part[there : there + total].double().repeat_interleave(query.shape[1] // key.shape[1], 1)
            for part in (key, value)
        )
        scores = torch.einsum("qhd,khd->hqk", one, mine) * sight.scale
        if sight.cap:
            scores = sight.cap * torch.tanh(scores / sight.cap)
        distance = torch.arange(total - count, total)[:, None] - torch.arange(total)
        if sight.slopes is not None:
            scores = scores - sight.slopes.double()[:, None, None] * distance.clamp_min(0)
        hidden = (distance < 0) & (torch.arange(total) >= prefix)
        if sight.window:
            hidden |= distance >= sight.window
        weights = scores.masked_fill(hidden, -math.inf).softmax(-1)
        pieces.append(torch.einsum("hqk,khd->qhd", weights, taken))
        asked, there = asked + count, there + total
    return torch.cat(pieces)
