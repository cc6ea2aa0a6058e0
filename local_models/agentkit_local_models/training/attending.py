"""How a pack's tokens attend: in plain steps, or by a kernel that never holds all scores.

A pack's tokens lie flat as [P + N·L]: P that all conversations begin with, then N padded conversations of L.
Each conversation sees the prefix and itself. Shapes: T = P + N·L tokens, H query heads, K key and value
heads, D numbers a head.
"""

from __future__ import annotations

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

Attend = Callable[[Tensor, Tensor, Tensor, Sight], Tensor]
"""Of a pack's queries [T, H, D], keys and values [T, K, D], all rotated, by what is seen: [T, H·D]."""

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
    del config, dtype  # of masks, and there are none
    prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
    first = [prefix] if prefix else []
    packed = Packed.of(
        [*first, *[length] * count], [*first, *[prefix + length] * count], device=pack.ids.device
    )

    def whole(part: Tensor) -> Tensor:  # [T, K, D] to [P + N (P + L), K, D]
        if not prefix:
            return part
        shared, own = _split(part, prefix, count * length)
        repeated = shared.unsqueeze(0).expand(count, *shared.shape)
        joined = torch.cat((repeated, own.view(count, length, *own.shape[1:])), dim=1)
        return torch.cat((shared, joined.flatten(0, 1)))

    def attend(query: Tensor, key: Tensor, value: Tensor, sight: Sight) -> Tensor:
        return operation(query, whole(key), whole(value), packed, sight).flatten(1)

    return attend


def plain(pack: Pack, config: Arch, dtype: torch.dtype) -> Attend:
    """In three kernels of torch with all scores between; on a processor half the time of its fused one."""
    prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
    kv_heads, width = config.kv_heads, config.head_width
    group = config.heads // kv_heads
    device = pack.ids.device
    made: dict[int, tuple[Tensor, Tensor]] = {}

    def masks(sight: Sight) -> tuple[Tensor, Tensor]:  # layers share one or two
        if id(sight) not in made:
            own = _mask(sight, prefix, length, kv_heads, group, dtype, device)
            if len(own) > 1:  # of each head its own
                own = own.repeat(count, 1, 1)
            own = own.expand(count * kv_heads, -1, -1)  # [N·K, H/K·L, P + L]
            first = _mask(sight, 0, prefix, kv_heads, group, dtype, device)
            made[id(sight)] = own, first.expand(kv_heads, -1, -1)  # [K, H/K·P, P]
        return made[id(sight)]

    def attend(query: Tensor, key: Tensor, value: Tensor, sight: Sight) -> Tensor:
        own_mask, prefix_mask = masks(sight)
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
        mixed = _mix(rows, whole(first_key, own_key), whole(first_value, own_value), own_mask, sight)
        mixed = mixed.view(count, kv_heads, group, length, width).permute(0, 3, 1, 2, 4)
        mixed = mixed.reshape(count * length, -1)
        if not prefix:
            return mixed
        rows = first_query.view(prefix, kv_heads, group, width).permute(1, 2, 0, 3)
        rows = rows.reshape(kv_heads, group * prefix, width)
        first = _mix(rows, first_key.transpose(0, 1), first_value.transpose(0, 1), prefix_mask, sight)
        first = first.view(kv_heads, group, prefix, width).permute(2, 0, 1, 3).reshape(prefix, -1)
        return torch.cat((first, mixed))

    return attend


def _mask(
    sight: Sight,
    before: int,
    length: int,
    kv_heads: int,
    group: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """What is added to the scores of `length` tokens after others, for all query heads of a key head at once.

    [1, H/K·L, before + L], or [K, H/K·L, before + L] where distance costs each head another penalty.
    """
    bias = sight.bias(before, length, 0, before + length, dtype)  # [1 or H, L, before + L]
    bias = (
        bias.repeat(1, group, 1) if len(bias) == 1 else bias.view(kv_heads, group * length, before + length)
    )
    return bias.to(device)


def _split(x: Tensor, first: int, second: int) -> tuple[Tensor, Tensor]:
    """Two parts of a tensor's rows. Split rather than sliced: gradients of slices are padded and added up."""
    one, two = torch.split(x, [first, second])
    return one, two


def _mix(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, sight: Sight) -> Tensor:
    """Scaled dot-product attention with all scores."""
    if sight.cap:
        scores = sight.cap * torch.tanh(torch.bmm(query, key.transpose(1, 2)) * (sight.scale / sight.cap))
        scores = scores + mask
    else:
        scores = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=sight.scale)
    return torch.bmm(scores.softmax(dim=-1), value)
