"""Choosing tokens where the logits are: temperature, top-k, top-p, min-p and a mask, as `sampling` does.

A program chooses one token, and nothing is sorted. What top-k and top-p leave is all that lies no further
below the likeliest than some distance; the least such distance is found four bits at a time, by counting
(or summing) in one pass how much lies within each of 16 distances. Among what is left the token is drawn by
the Gumbel-max trick (Gumbel 1954; Maddison et al. 2014): the greatest logit plus noise, whose random numbers
are Philox (Salmon et al. 2011) of the answer's seed, the draw's number and the token. So a draw does not
depend on what is drawn beside it. Tokens exactly as likely as the last that is kept are kept too.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from agentkit_local_models.draws import Draw
from agentkit_local_models.gpu.blocks import power_of_two

_TILE = 1024
# in the interpreter, where a step takes as long whatever its size
_HERE = 1 << 14


def draw(logits: Tensor, draws: Sequence[Draw], vocabulary_size: int, tokens: Tensor) -> None:
    """Choose a token for each row.

    Args:
        logits: float32 [rows, at least vocabulary_size], contiguous.
        draws: of the rows.
        vocabulary_size: ids from here on are rows of padding.
        tokens: int64 [at least rows]; written to. -1 where a row has no token, or numbers that are none.
    """
    if not draws:
        return
    from agentkit_local_models.gpu import draw_kernels

    kernels = cast("Any", draw_kernels)  # what Triton makes of its functions
    masks: list[Tensor] = []
    fields: list[int] = []
    for one in draws:
        fields += _fields(one, -1 if one.allowed is None else len(masks))
        masks += [] if one.allowed is None else [one.allowed]
    described = sent(torch.tensor(fields, dtype=torch.int32), logits.device)
    bits = sent(torch.stack(masks), logits.device) if masks else described
    kernels.draw[(len(draws),)](
        logits, described, bits, tokens, vocabulary_size, logits.stride(0),
        bits.shape[1] if masks else 0,
        tile=min(_TILE if logits.is_cuda else _HERE, power_of_two(vocabulary_size)), num_warps=8,
    )  # fmt: skip


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Values of this process on a device, without waiting for it: they go from memory that is not moved."""
    if device.type == "cpu":
        return values
    return values.pin_memory().to(device, non_blocking=True)


def _fields(one: Draw, mask: int) -> list[int]:
    sampling = one.sampling
    least = math.log(sampling.min_p) if sampling.min_p > 0 else -math.inf
    return [
        _bits(0.0 if sampling.is_greedy else sampling.temperature),
        sampling.top_k or 0,
        _bits(sampling.top_p),
        _bits(least),
        _signed(one.seed & 0xFFFFFFFF),
        _signed(one.seed >> 32 & 0xFFFFFFFF),
        one.number,
        mask,
    ]


def _bits(number: float) -> int:
    """A float32's bits as an int32."""
    return struct.unpack("<i", struct.pack("<f", number))[0]


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number
