"""How large a model is: its parameters, and the memory that it takes in a precision with so much context."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agentkit_local_models.arch import Arch
from agentkit_local_models.weights import weight_shapes

BYTES: Mapping[str, int] = {"float32": 4, "bfloat16": 2}
"""The precisions that the engine computes in, and the bytes of a number."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a loaded model takes; Python, torch and what is being computed come on top.

    Attributes:
        weights: each parameter once.
        cache: keys and values of the context.
    """

    weights: int
    cache: int

    @property
    def total(self) -> int:
        """Both."""
        return self.weights + self.cache


def parameters(arch: Arch) -> int:
    """How many numbers the weights have; a head that is the embedding counts once."""
    return sum(math.prod(shape) for shape in weight_shapes(arch).values())


def cache_bytes(arch: Arch, precision: str) -> int:
    """The bytes of one token's keys and values in all layers."""
    return 2 * arch.layers * arch.kv_heads * arch.head_width * BYTES[precision]


def memory(arch: Arch, precision: str, context: int) -> Memory:
    """What a model takes.

    Args:
        arch: of the model.
        precision: one of `BYTES`.
        context: tokens that are kept, no more than `arch.context`.
    """
    return Memory(parameters(arch) * BYTES[precision], context * cache_bytes(arch, precision))
