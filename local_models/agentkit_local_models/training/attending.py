"""How a pack's tokens attend: in plain steps, or by a kernel that never holds all scores.

A pack's tokens lie flat as [P + N·L]: P that all conversations begin with, then N padded conversations of L.
Each conversation sees the prefix and itself. Shapes: T = P + N·L tokens, H query heads, K key and value
heads, D numbers a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight
from agentkit_local_models.gpu.backends import chosen
from agentkit_local_models.gpu.flash import flash_attention
from agentkit_local_models.gpu.libraries import by_flash_attn
from agentkit_local_models.gpu.varlen import Packed
from agentkit_local_models.training.packs import Pack

TrainingBackend = Literal["auto", "torch", "triton", "flash_attn"]
"""What computes the attention of a training; FlashInfer is not among them, for it has no gradient."""

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of a pack's queries [T, H, D], keys and values [T, K, D], all rotated: [T, H·D]."""

Attending = Callable[[Pack, Arch, torch.dtype], Attend]
"""How packs attend: what is the same in all layers of one is prepared once."""

Varlen = Callable[[Tensor, Tensor, Tensor, Packed, Sight], Tensor]
"""Attention of packed sequences: queries, keys and values, where they lie, what is seen; to [T, H, D]."""


def attending_by(backend: TrainingBackend, device: torch.device) -> Attending:
    """How a training attends.

    Args:
        backend: "auto" is Triton on a GPU where it is installed, and torch elsewhere.
        device: of the training.

    Raises:
        NoTriton: Triton is asked for and cannot run there.
        NoBackend: flash-attn is asked for and cannot run there.
    """
    match chosen(backend, device):
        case "triton":
            return partial(flashed, operation=flash_attention)
        case "flash_attn":
            return partial(flashed, operation=by_flash_attn())
        case _:
            return plain


def flashed(pack: Pack, config: Arch, dtype: torch.dtype, *, operation: Varlen) -> Attend:
    """By one operation for the whole pack: the prefix is a sequence, and so is each conversation after it."""
    del dtype  # of masks, and there are none
    prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
    first = [prefix] if prefix else []
    packed = Packed.of(
        [*first, *[length] * count], [*first, *[prefix + length] * count], device=pack.ids.device
    )

    sight = Sight(config.head_width**-0.5)

    def whole(part: Tensor) -> Tensor:  # [T, K, D] to [P + N (P + L), K, D]
        if not prefix:
            return part
        shared, own = _split(part, prefix, count * length)
        repeated = shared.unsqueeze(0).expand(count, *shared.shape)
        joined = torch.cat((repeated, own.view(count, length, *own.shape[1:])), dim=1)
        return torch.cat((shared, joined.flatten(0, 1)))

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return operation(query, whole(key), whole(value), packed, sight).flatten(1)

    return attend


def plain(pack: Pack, config: Arch, dtype: torch.dtype) -> Attend:
    """In three kernels of torch with all scores between; on a processor half the time of its fused one."""
    prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
    kv_heads, width = config.kv_heads, config.head_width
    group = config.heads // kv_heads
    own_mask = _causal(length, prefix, dtype, pack.ids.device).repeat(group, 1)
    own_mask = own_mask.expand(count * kv_heads, -1, -1)  # [N·K, H/K·L, P + L]
    prefix_mask = _causal(prefix, 0, dtype, pack.ids.device).repeat(group, 1)
    prefix_mask = prefix_mask.expand(kv_heads, -1, -1)  # [K, H/K·P, P]

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
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
        mixed = _mix(rows, whole(first_key, own_key), whole(first_value, own_value), own_mask)
        mixed = mixed.view(count, kv_heads, group, length, width).permute(0, 3, 1, 2, 4)
        mixed = mixed.reshape(count * length, -1)
        if not prefix:
            return mixed
        rows = first_query.view(prefix, kv_heads, group, width).permute(1, 2, 0, 3)
        rows = rows.reshape(kv_heads, group * prefix, width)
        first = _mix(rows, first_key.transpose(0, 1), first_value.transpose(0, 1), prefix_mask)
        first = first.view(kv_heads, group, prefix, width).permute(2, 0, 1, 3).reshape(prefix, -1)
        return torch.cat((first, mixed))

    return attend


def _causal(length: int, before: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[length, before + length]: 0 where a token may look, -inf at later tokens."""
    mask = torch.full((length, before + length), -math.inf, dtype=dtype, device=device)
    return mask.triu_(before + 1)


def _split(x: Tensor, first: int, second: int) -> tuple[Tensor, Tensor]:
    """Two parts of a tensor's rows. Split rather than sliced: gradients of slices are padded and added up."""
    one, two = torch.split(x, [first, second])
    return one, two


def _mix(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot-product attention with all scores."""
    scores = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5)
    return torch.bmm(scores.softmax(dim=-1), value)
