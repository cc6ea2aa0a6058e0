"""Products of many rows by tiles, in AMX or in vectors: of packed codes, and of bfloat16 where it lies."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from agentkit_local_models.matrices import PACKED_SLICE, Floats, filled
from agentkit_local_models.native import library as c

TOKENS: Final = 32
"""That tiles take at once."""


class _Scratch(threading.local):
    """Memory that is written again and again: the system takes long to give new."""

    def __init__(self) -> None:
        self.of: dict[torch.dtype, Tensor] = {}


_SCRATCH: Final = _Scratch()


def scratch(dtype: torch.dtype, rows: int, columns: int) -> Tensor:
    """Room for a slice of a matrix, [rows, columns], that this thread has until it asks again.

    More than a slice is not kept: a long conversation's keys would be held for ever.
    """
    if rows * columns > PACKED_SLICE:
        return torch.empty(rows, columns, dtype=dtype)
    room = _SCRATCH.of.get(dtype)
    if room is None:
        room = _SCRATCH.of[dtype] = torch.empty(PACKED_SLICE, dtype=dtype)
    return room[: rows * columns].view(rows, columns)


def may_tile(workers: c.Workers, x: Tensor) -> bool:
    """Whether rows can be multiplied so: by this processor, in bfloat16, and with no gradient asked for."""
    many = workers.library.tiles_by != "nothing"
    return many and x.dtype == torch.bfloat16 and torch.is_inference_mode_enabled()


def fill_by_tiles(workers: c.Workers, matrix: c.Matrix, x: Tensor, y: Tensor) -> None:
    """Put `x Wᵀ` into y [T, rows], whose rows may lie apart; x is [T, columns]. Both are bfloat16."""
    x = x if x.stride(1) == 1 else x.contiguous()
    room = scratch(x.dtype, -(-len(x) // TOKENS) * TOKENS, x.shape[1])
    workers.library.multiply_many(
        workers.handle,
        ctypes.byref(matrix),
        len(x),
        x.data_ptr(),
        x.stride(0),
        room.data_ptr(),
        y.data_ptr(),
        y.stride(0),
    )


@dataclass(frozen=True, slots=True)
class TiledFloats(Floats):
    """Bfloat16, of whose sizes 16 and 32 are divisors: prompts are multiplied in tiles where there are any.

    Attributes:
        workers: that multiply.
    """

    workers: c.Workers = field(repr=False)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        if self.fills(x):
            return filled(self, self.shape[0], x, bias)
        return Floats.__call__(self, x, bias)

    def fills(self, x: Tensor) -> bool:
        """See `Fills`."""
        return len(x) > 1 and may_tile(self.workers, x)

    def fill(self, x: Tensor, y: Tensor) -> None:
        """See `Fills`."""
        rows, columns = self.shape
        as_it_lies = c.Matrix(kind=c.BF16, rows=rows, columns=columns, codes=self.weight.data_ptr())
        fill_by_tiles(self.workers, as_it_lies, x, y)
