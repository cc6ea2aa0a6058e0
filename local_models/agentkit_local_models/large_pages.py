"""Memory for weights, which are read from end to end at every step, in few large pages."""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress
from typing import Final

import torch
from torch import Tensor

SLAB: Final = 64 << 20
"""Bytes that are asked for at once; what of them is never written takes no memory."""
LINE: Final = 64
"""Bytes that begin together: a line of the cache, a vector."""


class LargePages:
    """Gives memory for the arrays of one model, one after another.

    With pages of 4 KB a processor looks up addresses for a tenth of the time in which it could read. So
    Linux may join these to pages of 2 MB (`madvise(2)`, MADV_HUGEPAGE), which small arrays share.
    """

    def __init__(self) -> None:
        """Nothing is asked for yet."""
        self._slab = torch.empty(0, dtype=torch.uint8)

    def empty(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """An array whose numbers are not set yet; it keeps its slab, so it may outlive this."""
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size > len(self._slab):
            self._slab = _slab(max(size, SLAB))
        made = self._slab[:size].view(dtype).view(shape)
        self._slab = self._slab[-(-size // LINE) * LINE :]
        return made

    def holding(self, values: Tensor) -> Tensor:
        """A copy of an array."""
        return self.empty(*values.shape, dtype=values.dtype).copy_(values)


def _slab(size: int) -> Tensor:
    if sys.platform != "linux":
        return torch.empty(size, dtype=torch.uint8)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a system without large pages: the small ones do
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.uint8)
