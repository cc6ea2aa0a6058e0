"""Turn the block formats of ggml into torch tensors, exactly and without a second copy.

A block is a few scales and small integers; `value = scale * integer + minimum` in float32, with
one rounding after each operation as ggml's reference has it (ggml-quants.c, `dequantize_row_*`).
Blocks are unpacked a few hundred thousand values at a time, so the scratch memory stays in the
processor's cache and far below the size of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.gguf import TensorKind

# Values unpacked at once: 1 MiB of float32, which stays in the second-level cache.
CHUNK_VALUES: Final = 1 << 18


def dequantise(
    raw: memoryview, kind: TensorKind, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Tensor:
    """The values of one stored tensor.

    Args:
        raw: the stored bytes, `prod(shape) / kind.block_values * kind.block_bytes` of them.
        kind: how they are stored.
        shape: outermost dimension first; the last is a multiple of `kind.block_values`.
        dtype: of the result; the values are computed in float32 and rounded once.

    Returns:
        A new tensor of `shape` that shares nothing with `raw`.

    Raises:
        UnsupportedCheckpoint: a kind that is not in `UNPACK`.
    """
    rows = math.prod(shape[:-1])
    return dequantise_rows(torch.frombuffer(raw, dtype=torch.uint8).view(rows, -1), kind, dtype).view(shape)


def dequantise_rows(raw: Tensor, kind: TensorKind, dtype: torch.dtype = torch.float32) -> Tensor:
    """The values of rows of blocks: uint8 [rows, bytes of a row] to [rows, columns] of the dtype.

    Raises:
        UnsupportedCheckpoint: a kind that is not in `UNPACK`.
    """
    unpack = UNPACK.get(kind)
    if unpack is None:
        works = ", ".join(known.name for known in UNPACK)
        raise UnsupportedCheckpoint(f"tensors stored as {kind.name} are not read; {works} are")
    source = raw.reshape(-1, kind.block_bytes)
    values = torch.empty(len(source), kind.block_values, dtype=dtype)
    step = CHUNK_VALUES // kind.block_values
    for start in range(0, source.shape[0], step):
        values[start : start + step].copy_(unpack(source[start : start + step]))
    return values.view(raw.shape[0], -1)


def _half(blocks: Tensor, start: int) -> Tensor:
    """The float16 at byte `start` of each block, as float32 [blocks, 1]."""
    return blocks[:, start : start + 2].contiguous().view(torch.float16).float()


def _nibbles(packed: Tensor) -> Tensor:
    """Low then high four bits: uint8 [..., n] to float32 [..., 2, n]."""
    halves = torch.empty(*packed.shape[:-1], 2, packed.shape[-1])
    halves[..., 0, :] = packed & 15
    halves[..., 1, :] = packed >> 4
    return halves


def _f32(blocks: Tensor) -> Tensor:
    return blocks.view(torch.float32)


def _f16(blocks: Tensor) -> Tensor:
    return blocks.view(torch.float16)


def _bf16(blocks: Tensor) -> Tensor:
    return blocks.view(torch.bfloat16)


def _q4_0(blocks: Tensor) -> Tensor:
    """Scale f16, 16 bytes: 32 integers of -8..7."""
    values = _nibbles(blocks[:, 2:]).flatten(1)
    return values.sub_(8).mul_(_half(blocks, 0))


def _q4_1(blocks: Tensor) -> Tensor:
    """Scale f16, minimum f16, 16 bytes: 32 integers of 0..15."""
    values = _nibbles(blocks[:, 4:]).flatten(1)
    return values.mul_(_half(blocks, 0)).add_(_half(blocks, 2))


def _fifth_bits(packed: Tensor) -> Tensor:
    """The bits of 4 bytes, lowest first, each worth 16: uint8 [blocks, 4] to [blocks, 32]."""
    bits = packed.unsqueeze(-1) >> torch.arange(8, dtype=torch.uint8)
    return (bits & 1).mul_(16).flatten(1)


def _q5_0(blocks: Tensor) -> Tensor:
    """Scale f16, 4 bytes of fifth bits, 16 bytes: 32 integers of -16..15."""
    values = _nibbles(blocks[:, 6:]).flatten(1).add_(_fifth_bits(blocks[:, 2:6]))
    return values.sub_(16).mul_(_half(blocks, 0))


def _q5_1(blocks: Tensor) -> Tensor:
    """Scale f16, minimum f16, 4 bytes of fifth bits, 16 bytes: 32 integers of 0..31."""
    values = _nibbles(blocks[:, 8:]).flatten(1).add_(_fifth_bits(blocks[:, 4:8]))
    return values.mul_(_half(blocks, 0)).add_(_half(blocks, 2))


def _q8_0(blocks: Tensor) -> Tensor:
    """Scale f16, 32 signed bytes."""
    return blocks[:, 2:].view(torch.int8).float().mul_(_half(blocks, 0))


def _scales_and_minima(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight 6-bit scales and eight 6-bit minima: uint8 [blocks, 12] to float32 [blocks, 8] twice.

    Bytes 0-3 hold scales 0-3 and, in their top bits, those of scales 4-7; bytes 4-7 the same for
    the minima; bytes 8-11 the low four bits of scales 4-7 (low half) and minima 4-7 (high half).
    """
    first, second, rest = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = torch.cat([first & 63, (rest & 15) | ((first >> 2) & 48)], dim=1)
    minima = torch.cat([second & 63, (rest >> 4) | ((second >> 2) & 48)], dim=1)
    return scales.float(), minima.float()


def _scaled_groups(blocks: Tensor, values: Tensor) -> Tensor:
    """Scale and shift eight groups of 32 values by the head of a Q4_K or Q5_K block."""
    scales, minima = _scales_and_minima(blocks[:, 4:16])
    values = values.view(-1, 8, 32)
    values.mul_(scales.mul_(_half(blocks, 0)).unsqueeze(-1))
    return values.sub_(minima.mul_(_half(blocks, 2)).unsqueeze(-1)).flatten(1)


def _q4_k(blocks: Tensor) -> Tensor:
    """Scale f16, minimum f16, 12 bytes of group scales, 4 times 32 bytes: 256 values."""
    return _scaled_groups(blocks, _nibbles(blocks[:, 16:].view(-1, 4, 32)))


def _q5_k(blocks: Tensor) -> Tensor:
    """As Q4_K, with 32 bytes of fifth bits (bit g of byte i is of value i of group g) before."""
    values = _nibbles(blocks[:, 48:].view(-1, 4, 32)).view(-1, 8, 32)
    bits = blocks[:, None, 16:48] >> torch.arange(8, dtype=torch.uint8).view(8, 1)
    return _scaled_groups(blocks, values.add_((bits & 1).mul_(16)))


def _q6_k(blocks: Tensor) -> Tensor:
    """128 bytes of low four bits, 64 of high two, 16 signed group scales, scale f16: 256 values."""
    low = _nibbles(blocks[:, :128].view(-1, 2, 64)).view(-1, 2, 4, 32)
    high = blocks[:, 128:192].view(-1, 2, 32)
    for quarter in range(4):
        # Two bits of each byte, worth 16 and 32; the subtraction makes the range -32..31.
        two = (high << (4 - 2 * quarter) if quarter < 2 else high >> (2 * quarter - 4)) & 48
        low[:, :, quarter].add_(two)
    values = low.sub_(32).view(-1, 16, 16)
    scales = blocks[:, 192:208].view(torch.int8).float().mul_(_half(blocks, 208))
    return values.mul_(scales.unsqueeze(-1)).flatten(1)


UNPACK: Final[Mapping[TensorKind, Callable[[Tensor], Tensor]]] = {
    TensorKind.F32: _f32,
    TensorKind.F16: _f16,
    TensorKind.BF16: _bf16,
    TensorKind.Q4_0: _q4_0,
    TensorKind.Q4_1: _q4_1,
    TensorKind.Q5_0: _q5_0,
    TensorKind.Q5_1: _q5_1,
    TensorKind.Q8_0: _q8_0,
    TensorKind.Q4_K: _q4_k,
    TensorKind.Q5_K: _q5_k,
    TensorKind.Q6_K: _q6_k,
}

FLOATS: Final[Mapping[TensorKind, torch.dtype]] = {
    TensorKind.F32: torch.float32,
    TensorKind.F16: torch.float16,
    TensorKind.BF16: torch.bfloat16,
}
"""Kinds that are torch's own numbers, one after the other."""
