"""The keys and values of a sequence, so that a token is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from agentkit_local_models.arch import Arch, PrefixLM
from agentkit_local_models.errors import PromptTooLong


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of a prefix language model, all of which is seen by all of it.

    Attributes:
        end: the place of the token that begins the answer; all before it is the prompt.
        mask: the place of the mask that stands for the answer.
    """

    end: int
    mask: int

    @staticmethod
    def of(tokens: Sequence[int], prefix: PrefixLM) -> Prompt:
        """The prompt that the first tokens of a sequence hold.

        Raises:
            ValueError: no token that begins an answer, or no mask before it.
        """
        if prefix.start not in tokens:
            raise ValueError(f"the prompt lacks the token {prefix.start}, which begins the answer")
        end = list(tokens).index(prefix.start)
        before = tokens[:end]
        masks = [mask for mask in prefix.masks if mask in before]
        if not masks:
            raise ValueError(f"the prompt has none of the mask tokens {list(prefix.masks)} before its end")
        return Prompt(end, list(before).index(masks[-1]))


# The first capacity of a cache, in tokens; it doubles when it is full.
_FIRST_CAPACITY = 512


class KVCache:
    """Keys and values of the first `length` tokens of one sequence; grows up to the context."""

    def __init__(self, arch: Arch, dtype: torch.dtype) -> None:
        self.length = 0
        self.prompt: Prompt | None = None
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
