"""The forward pass of training: a whole pack at once, with gradients.

The same arithmetic as `decoder`, written for many short sequences that share their beginning: tokens
lie flat as [P + N·L] (the prefix, then N padded conversations), linear layers see them all, and
attention lets each conversation see the prefix and itself. Shapes in comments: T = P + N·L tokens,
H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.training.packs import Pack
from agentkit_local_models.training.pieces import Pieces

Projection = Callable[[Tensor], Tensor]
"""A linear layer: [T, in] to [T, out]."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block as training sees it."""

    attention_norm: Tensor
    query_key_value: Projection
    output: Projection
    feed_forward_norm: Tensor
    gate_up: Projection
    down: Projection


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder's parts, with whatever is trained joined into them."""

    config: Arch
    embed: Tensor
    blocks: tuple[Block, ...]
    norm: Tensor
    head: Tensor
    pieces: Pieces


def hidden_states(model: Model, pack: Pack) -> Tensor:
    """The normalised last hidden state of every token: [P + N·L, width].

    Padding is computed like any other token; nothing that counts attends to it.
    """
    config, pieces = model.config, model.pieces
    layout = _Layout.of(pack, config, model.embed.dtype)
    x = F.embedding(torch.cat((pack.prefix, pack.ids.flatten())), model.embed)
    for block in model.blocks:
        heads = block.query_key_value(pieces.normalised(x, block.attention_norm, config.norm_epsilon))
        heads = heads.view(-1, config.heads + 2 * config.kv_heads, config.head_width)
        x = x + block.output(_attend(heads, layout, model))
        inner = block.gate_up(pieces.normalised(x, block.feed_forward_norm, config.norm_epsilon))
        x = x + block.down(pieces.gated(inner))
    return pieces.normalised(x, model.norm, config.norm_epsilon)


def learnt_states(model: Model, pack: Pack) -> Tensor:
    """Hidden states only where there is something to learn: [M, width]."""
    return hidden_states(model, pack)[pack.sources]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Positions and masks of a pack."""

    prefix: int
    count: int
    length: int
    cosines: Tensor  # [T, 1, D/2]
    sines: Tensor  # [T, 1, D/2]
    own_mask: Tensor  # [N·K, H/K·L, P + L]
    prefix_mask: Tensor  # [K, H/K·P, P]

    @classmethod
    def of(cls, pack: Pack, config: Arch, dtype: torch.dtype) -> _Layout:
        prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
        device = pack.ids.device
        after = torch.arange(prefix, prefix + length, device=device)
        positions = torch.cat((torch.arange(prefix, device=device), after.repeat(count)))
        cosines, sines = rotation(positions, config, dtype)
        group, kv_heads = config.heads // config.kv_heads, config.kv_heads
        own = _causal(length, prefix, dtype, device).repeat(group, 1)
        return cls(
            prefix,
            count,
            length,
            cosines,
            sines,
            own.expand(count * kv_heads, -1, -1),
            _causal(prefix, 0, dtype, device).repeat(group, 1).expand(kv_heads, -1, -1),
        )


def rotation(positions: Tensor, config: Arch, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of positions [T]: [T, 1, D/2] each."""
    halves = torch.arange(0, config.head_width, 2, dtype=torch.float32, device=positions.device)
    frequencies = 1.0 / config.rope_base ** (halves / config.head_width)
    angles = torch.outer(positions.float(), frequencies).unsqueeze(1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _causal(length: int, before: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[length, before + length]: 0 where a token may look, -inf at later tokens."""
    mask = torch.full((length, before + length), -math.inf, dtype=dtype, device=device)
    return mask.triu_(before + 1)


def _attend(heads: Tensor, layout: _Layout, model: Model) -> Tensor:
    """Attention of every token over its conversation: [T, H + 2 K, D] to [T, H·D]."""
    config = model.config
    kv_heads, width = config.kv_heads, config.head_width
    group = config.heads // kv_heads
    prefix, count, length = layout.prefix, layout.count, layout.length
    # split rather than sliced: the gradients of slices are padded with zeros and added up
    turned, value = _split(heads, config.heads + kv_heads, kv_heads, dim=1)
    turned = model.pieces.rotated(turned, layout.cosines, layout.sines)
    query, key = _split(turned, config.heads, kv_heads, dim=1)
    (first_query, own_query), (first_key, own_key), (first_value, own_value) = (
        _split(part, prefix, count * length) for part in (query, key, value)
    )

    def whole(first: Tensor, own: Tensor) -> Tensor:  # [N·K, P + L, D]
        own = own.view(count, length, kv_heads, width).transpose(1, 2)
        shared = first.transpose(0, 1).unsqueeze(0).expand(count, -1, -1, -1)
        return torch.cat((shared, own), dim=2).view(count * kv_heads, prefix + length, width)

    # query heads that share a key head are rows of one query, so keys are never repeated
    rows = own_query.view(count, length, kv_heads, group, width).permute(0, 2, 3, 1, 4)
    rows = rows.reshape(count * kv_heads, group * length, width)
    mixed = _mix(rows, whole(first_key, own_key), whole(first_value, own_value), layout.own_mask)
    mixed = mixed.view(count, kv_heads, group, length, width).permute(0, 3, 1, 2, 4)
    mixed = mixed.reshape(count * length, -1)
    if not prefix:
        return mixed
    rows = first_query.view(prefix, kv_heads, group, width).permute(1, 2, 0, 3)
    rows = rows.reshape(kv_heads, group * prefix, width)
    first = _mix(rows, first_key.transpose(0, 1), first_value.transpose(0, 1), layout.prefix_mask)
    first = first.view(kv_heads, group, prefix, width).permute(2, 0, 1, 3).reshape(prefix, -1)
    return torch.cat((first, mixed))


def _split(x: Tensor, first: int, second: int, dim: int = 0) -> tuple[Tensor, Tensor]:
    """Two parts of a tensor along a dimension."""
    one, two = torch.split(x, [first, second], dim)
    return one, two


def _mix(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot-product attention in three kernels; on a processor half the time of the fused one."""
    scores = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5)
    return torch.bmm(scores.softmax(dim=-1), value)
