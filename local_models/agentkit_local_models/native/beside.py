"""An adapter's deltas as the native step reads them."""

from __future__ import annotations

import ctypes
from typing import Any

import torch

from agentkit_local_models.deltas import STACKS, Delta, Deltas
from agentkit_local_models.native import library as c
from agentkit_local_models.native.packed import by_block


class NativeDeltas:
    """Deltas in bfloat16, sixteen rows of b together.

    Attributes:
        address: of what lies beside each stack of each layer.
        ranks: the most that lie beside one.
    """

    def __init__(self, deltas: Deltas) -> None:
        """Lay them out; what they were made of may go."""
        self._kept: list[Any] = []  # what the library points at
        self.ranks = max((len(delta.a) for layer in deltas.layers for delta in layer.values()), default=0)
        every = [self._beside(layer.get(stack)) for layer in deltas.layers for stack in STACKS]
        self._stacks = (c.Beside * len(every))(*every)
        self.address = ctypes.addressof(self._stacks)

    def _beside(self, delta: Delta | None) -> c.Beside:
        if delta is None:
            return c.Beside(deltas=None, count=0)
        parts: list[c.Delta] = []
        for part in delta.parts:
            a, b = part.a.to(torch.bfloat16).contiguous(), by_block(part.b.to(torch.bfloat16))
            self._kept += [a, b]
            parts.append(
                c.Delta(
                    a=a.data_ptr(),
                    b=b.data_ptr(),
                    first=part.first,
                    rows=len(part.b),
                    rank=len(a),
                    columns=a.shape[1],
                    scale=delta.scale,
                )
            )
        array = (c.Delta * len(parts))(*parts)
        self._kept.append(array)
        return c.Beside(deltas=ctypes.addressof(array), count=len(parts))
