"""Attention of a sequence's last tokens over all of it: causal, grouped, windowed, penalised by distance.

Shapes: T tokens that ask, S that are there, H query heads, K key and value heads, D numbers a head.
Queries are taken `TILE` at a time, and what they see is found before it is computed, so memory grows
with S and not with its square. Where torch has a fused kernel for the case it is used; `tiled` is the
algorithm itself, with the online softmax of Milakov & Gimelshein (2018) that flash attention (Dao et al.
2022) is built on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

# Queries computed at once, and in `tiled` keys.
TILE = 256


@dataclass(frozen=True, slots=True)
class Sight:
    """What a token sees, and how.

    Attributes:
        scale: of the scores.
        window: how many positions a token sees, itself included; 0 for all before it.
        prefix: the positions before this one are seen by every token.
        slopes: [H], the penalty a position of distance; None for none.
        cap: scores are squeezed into ±cap by tanh; 0 for no cap.
    """

    scale: float
    window: int = 0
    prefix: int = 0
    slopes: Tensor | None = None
    cap: float = 0.0

    def range(self, first: int, last: int) -> tuple[int, int]:
        """From which position on, and up to which, the tokens from first to last see anything."""
        start = max(0, first - self.window + 1) if self.window and not self.prefix else 0
        return start, max(last + 1, self.prefix)

    def bias(self, first: int, rows: int, start: int, end: int, dtype: torch.dtype) -> Tensor:
        """What is added to the scores of `rows` tokens from `first` on: [1 or H, rows, end - start]."""
        distance = torch.arange(first, first + rows).unsqueeze(1) - torch.arange(start, end)
        hidden = distance < 0
        if self.prefix:
            hidden &= torch.arange(start, end) >= self.prefix
        if self.window:
            hidden |= distance >= self.window
        if self.slopes is None:
            bias = torch.zeros(1, *distance.shape, dtype=dtype)
        else:
            bias = -self.slopes.to(dtype)[:, None, None] * distance.clamp_min(0).to(dtype)
        return bias.masked_fill_(hidden, -math.inf)


def slopes(heads: int, most: float = 8.0) -> Tensor:
    """ALiBi's slopes (Press et al. 2022): float32 [heads].

    Powers of `2 ** (-most / p)` for the greatest power of two p that is no more than `heads`; the heads over
    that many take every other slope of twice as many.
    """
    power = 1 << (heads.bit_length() - 1)
    steps = [most / power * (head + 1) for head in range(power)]
    steps += [most / (2 * power) * (2 * head + 1) for head in range(heads - power)]
    return torch.tensor([2.0**-step for step in steps], dtype=torch.float32)


def attend(
    query: Tensor, keys: Tensor, values: Tensor, start: int, sight: Sight, *, tile: int = TILE
) -> Tensor:
    """Scaled dot-product attention.

    Args:
        query: [T, H, D], of the tokens from `start` on.
        keys: [K, S, D].
        values: [K, S, D].
        start: the position of the first query.
        sight: what each token sees.
        tile: how many queries are computed at once.

    Returns:
        [T, H * D].
    """
    if sight.cap:
        return tiled(query, keys, values, start, sight, tile=tile)
    count = query.shape[0]
    everything = not (sight.window or sight.prefix) and sight.slopes is None
    if everything and count == 1:
        # Heads that share a key are rows of one query: keys and values are read once a group.
        grouped = query.view(1, keys.shape[0], -1, query.shape[2])
        return F.scaled_dot_product_attention(
            grouped, keys.unsqueeze(0), values.unsqueeze(0), scale=sight.scale
        ).reshape(1, -1)
    if everything and start == 0:
        mixed = F.scaled_dot_product_attention(
            query.transpose(0, 1).unsqueeze(0),
            keys.unsqueeze(0),
            values.unsqueeze(0),
            is_causal=True,
            scale=sight.scale,
            enable_gqa=True,
        )
        return mixed[0].transpose(0, 1).reshape(count, -1)
    pieces: list[Tensor] = []
    for row in range(0, count, tile):
        asked = query[row : row + tile]
        first = start + row
        seen, end = sight.range(first, first + asked.shape[0] - 1)
        mixed = F.scaled_dot_product_attention(
            asked.transpose(0, 1).unsqueeze(0),
            keys[:, seen:end].unsqueeze(0),
            values[:, seen:end].unsqueeze(0),
            attn_mask=sight.bias(first, asked.shape[0], seen, end, query.dtype).unsqueeze(0),
            scale=sight.scale,
            enable_gqa=True,
        )
        pieces.append(mixed[0].transpose(0, 1).reshape(asked.shape[0], -1))
    return torch.cat(pieces)


def tiled(
    query: Tensor, keys: Tensor, values: Tensor, start: int, sight: Sight, *, tile: int = TILE
) -> Tensor:
    """The same in plain steps: a tile of queries against a tile of keys, never all against all.

    The largest score so far and the sum of exponentials are carried from tile to tile; what was summed under
    a smaller largest score is scaled down when a larger one is met.
    """
    count, heads, width = query.shape
    groups = heads // keys.shape[0]
    exact = torch.float64 if query.dtype == torch.float64 else torch.float32
    pieces: list[Tensor] = []
    for row in range(0, count, tile):
        asked = query[row : row + tile].to(exact) * sight.scale  # [t, H, D]
        rows, first = asked.shape[0], start + row
        asked = asked.view(rows, -1, groups, width).permute(1, 2, 0, 3)  # [K, groups, t, D]
        largest = torch.full((*asked.shape[:3], 1), -math.inf, dtype=exact)
        total = torch.zeros_like(largest)
        mixed = torch.zeros_like(asked)
        seen, end = sight.range(first, first + rows - 1)
        for column in range(seen, end, tile):
            last = min(column + tile, end)
            scores = asked @ keys[:, None, column:last].to(exact).transpose(-1, -2)
            if sight.cap:
                scores = sight.cap * torch.tanh(scores / sight.cap)
            bias = sight.bias(first, rows, column, last, exact)
            scores = scores + (bias if bias.shape[0] == 1 else bias.view(-1, groups, rows, last - column))
            higher = torch.maximum(largest, scores.amax(-1, keepdim=True))
            # a token that has seen nothing yet has no largest score: it stays at nothing
            base = higher.masked_fill(higher == -math.inf, 0)
            weights = torch.exp(scores - base)
            shrunk = torch.exp(largest - base)
            total = total * shrunk + weights.sum(-1, keepdim=True)
            mixed = mixed * shrunk + weights @ values[:, None, column:last].to(exact)
            largest = higher
        pieces.append((mixed / total).permute(2, 0, 1, 3).reshape(rows, -1).to(query.dtype))
    return torch.cat(pieces)
