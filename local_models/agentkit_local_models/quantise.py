"""Round weights to few bits, nearest first: 8 bits with a scale a row, 4 bits with a scale a group of 32."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.matrices import GROUP, Blocks, Int4Groups, Int8Rows

# The smallest number of float16: what is divided by where a scale is rounded to none.
_LEAST_SCALE: Final = 2.0**-24


def int8_rows(weight: Tensor) -> Int8Rows:
    """Each row in steps of its largest number / 127, rounded to the nearest.

    Args:
        weight: floats [rows, columns].
    """
    exact = weight.float()
    scales = exact.abs().amax(dim=1) / 127
    steps = exact / scales.clamp_min(torch.finfo(torch.float32).tiny).unsqueeze(1)
    return Int8Rows(steps.round_().clamp_(-127, 127).to(torch.int8), scales)


def int8_heads(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Keys or values in steps of each one's largest number / 127, rounded to the nearest.

    The scale is rounded first, so that codes are chosen for the values that they will stand for.

    Args:
        heads: floats [..., D].

    Returns:
        int8 [..., D], -127 to 127, and float16 [...].
    """
    exact = heads.to(torch.promote_types(heads.dtype, torch.float32))
    scales = (exact.abs().amax(dim=-1) / 127).to(torch.float16)
    steps = exact / scales.to(exact.dtype).clamp_min(_LEAST_SCALE).unsqueeze(-1)
    return steps.round_().clamp_(-127, 127).to(torch.int8), scales


def heads_of_int8(codes: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """What int8 [..., D] and float16 [...] stand for, computed in float32 or better and rounded once."""
    exact = torch.promote_types(dtype, torch.float32)
    return codes.to(exact).mul_(scales.to(exact).unsqueeze(-1)).to(dtype)


def has_four_bits(name: str, columns: int) -> bool:
    """Whether int4 keeps a matrix in 4 bits: not the ends, to which few bits do most harm, nor broken groups.

    Args:
        name: canonical, of a matrix.
        columns: that it has.

    >>> has_four_bits("layers.0.attention.query.weight", 64), has_four_bits("embed.weight", 64)
    (True, False)
    """
    return columns % GROUP == 0 and not name.startswith(("embed.", "head."))


def int4_groups(weight: Tensor) -> Int4Groups:
    """Each group in 15 steps from its lowest number to its highest, rounded to the nearest.

    Args:
        weight: floats [rows, columns]; columns are whole groups.
    """
    groups = weight.float().view(len(weight), -1, GROUP)
    scales, lows = grid(groups)
    codes = nearest(groups, scales.unsqueeze(-1), lows.unsqueeze(-1))
    return Int4Groups(pack(codes), scales, lows)


def grid(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Scales and lowest values: float32 [..., GROUP] to float16 [...] twice.

    What is stored is rounded first, so that codes are chosen for the values that they will stand for.
    """
    lows, highs = groups.aminmax(dim=-1)
    lows = lows.to(torch.float16)
    return ((highs - lows.float()) / 15).to(torch.float16), lows


def nearest(values: Tensor, scales: Tensor, lows: Tensor) -> Tensor:
    """The codes 0 to 15 that stand for the numbers nearest to these: float32, as whole numbers."""
    steps = (values - lows.float()) / scales.float().clamp_min(torch.finfo(torch.float16).tiny)
    return steps.round_().clamp_(0, 15)


def pack(codes: Tensor) -> Tensor:
    """Two codes a byte: whole numbers 0 to 15 [rows, groups, GROUP] to uint8 [rows, groups * GROUP / 2]."""
    halves = codes.to(torch.uint8)
    return (halves[..., : GROUP // 2] | (halves[..., GROUP // 2 :] << 4)).flatten(1)


def int4_from_blocks(blocks: Blocks) -> Int4Groups | None:
    """The same numbers as blocks of 4 bits, Q4_0 or Q4_1, which lose nothing; None for other kinds.

    Q4_0 counts its codes from -8: its lowest value is -8 scales, which float16 holds exactly unless the
    scale is above 8,188. No trained weight is near that; such a file is not taken apart here either.
    """
    head = {TensorKind.Q4_0: 2, TensorKind.Q4_1: 4}.get(blocks.kind)
    if head is None:
        return None
    rows = len(blocks.raw)
    parts = blocks.raw.view(rows, -1, blocks.kind.block_bytes)
    numbers = parts[..., :head].contiguous().view(torch.float16)  # scale, and lowest value with Q4_1
    scales = numbers[..., 0].contiguous()
    lows = -8 * scales if blocks.kind is TensorKind.Q4_0 else numbers[..., 1].contiguous()
    if not bool(lows.isfinite().all()):
        return None
    return Int4Groups(parts[..., head:].flatten(1), scales, lows)
