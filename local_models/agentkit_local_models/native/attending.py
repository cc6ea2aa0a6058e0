"""Attention of a prompt's tokens over their sequence, in C++."""

from __future__ import annotations

import ctypes
from typing import Final

from torch import Tensor

from agentkit_local_models.attention import Sight, attend
from agentkit_local_models.native import library as c
from agentkit_local_models.native.tiled import TOKENS, may_tile, scratch

COLUMNS: Final = 32
"""That heads are divided into."""
KEYS: Final = 128
"""Of a portion, as in `prompt_attention.h`."""


class NativeAttention:
    """Bfloat16 of whose heads 32 is a divisor, where nobody asks for a gradient; the rest as torch does."""

    def __init__(self, workers: c.Workers) -> None:
        """Of any model; `workers` compute it."""
        self._workers = workers

    def __call__(self, query: Tensor, keys: Tensor, values: Tensor, start: int, sight: Sight) -> Tensor:
        """See `attention.attend`."""
        if not (self._fits(query, keys, values) and not sight.prefix and not sight.cap):
            return attend(query, keys, values, start, sight)
        if sight.window:  # what no token sees is not looked at; portions begin where they did
            unseen = max(start - sight.window + 1, 0) // KEYS * KEYS
            keys, values, start = keys[:, unseen:], values[:, unseen:], start - unseen
        tokens, heads, width = query.shape
        key_heads, seen, _ = keys.shape
        result = query.new_empty(tokens, heads * width)
        slopes = sight.slopes if sight.slopes is None else sight.slopes.float().contiguous()
        asking = c.Asking(
            query=query.data_ptr(),
            keys=keys.data_ptr(),
            values=values.data_ptr(),
            to=result.data_ptr(),
            slopes=None if slopes is None else slopes.data_ptr(),
            tokens=tokens,
            start=start,
            seen=seen,
            heads=heads,
            key_heads=key_heads,
            head_width=width,
            query_apart=query.stride(0),
            key_apart=keys.stride(1),
            head_apart=keys.stride(0),
            window=sight.window,
            scale=sight.scale,
        )
        room = scratch(query.dtype, 2 * key_heads, -(-seen // TOKENS) * TOKENS * width)
        self._workers.library.attend_many(self._workers.handle, ctypes.byref(asking), room.data_ptr())
        return result

    def _fits(self, query: Tensor, keys: Tensor, values: Tensor) -> bool:
        packed = query.stride(2) == 1 and query.stride(1) == query.shape[2] and keys.stride(2) == 1
        alike = packed and keys.stride() == values.stride() and not query.shape[2] % COLUMNS
        return alike and len(query) > 1 and may_tile(self._workers, query)
