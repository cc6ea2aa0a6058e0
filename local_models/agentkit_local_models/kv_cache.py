"""The keys and values of one sequence in one piece, for the readable reference and training."""

from __future__ import annotations

import torch

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import PromptTooLong

# The first capacity of a cache, in tokens; it doubles when it is full.
_FIRST_CAPACITY = 512


class KVCache:
    """Keys and values of the first `length` tokens of one sequence; grows up to the context."""

    def __init__(self, arch: Arch, dtype: torch.dtype) -> None:
        self.length = 0
        self.context = arch.context
        # A layer's keys and values lie in one tensor [2 K, capacity, D], so one copy stores both.
        self.layers = [
            torch.empty(2 * arch.kv_heads, 0, arch.head_width, dtype=dtype) for _ in range(arch.layers)
        ]

    def reserve(self, length: int) -> None:
        """Make room for `length` tokens in all.

        Raises:
            PromptTooLong: the context holds fewer.
        """
        if length > self.context:
            raise PromptTooLong(f"{length} tokens; the model's context holds {self.context}")
        for place, old in enumerate(self.layers):
            if length <= old.shape[1]:
                continue
            capacity = min(max(length, 2 * old.shape[1], _FIRST_CAPACITY), self.context)
            new = torch.empty(old.shape[0], capacity, old.shape[2], dtype=old.dtype)
            new[:, : self.length] = old[:, : self.length]
            self.layers[place] = new

    def truncate(self, length: int) -> None:
        """Forget all tokens but the first `length`."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot keep {length} tokens of {self.length}")
        self.length = length
