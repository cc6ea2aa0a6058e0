"""How large a model is: its parameters, and the memory that it takes in a precision with so much context."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from agentkit_local_models.arch import Arch
from agentkit_local_models.matrices import GROUP, SLICE
from agentkit_local_models.pages import token_bytes
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.quantise import has_four_bits
from agentkit_local_models.weights import weight_shapes

PlannedPrecision = Literal["float32", "bfloat16", "float16", "int8", "int4"]
PRECISIONS: Final[tuple[PlannedPrecision, ...]] = get_args(PlannedPrecision)
"""The precisions of weights whose memory is known before a file is there."""
_BYTES: Mapping[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}

CHUNK: Final = 512
"""Tokens of a prompt that are computed at once."""
LIBRARIES: Final = 155_000_000
"""Bytes of Python, torch and the engine's code in a fresh process; measured, `benchmarks/model_memory.py`."""
TOKEN_BYTES: Final = 760
"""Bytes that a tokenizer takes for an entry of its vocabulary; measured there too."""
_KEPT_TEMPORARIES: Final = 3
"""How many times over what one layer computes is held: what is live, and what the allocator keeps of it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a loaded model takes.

    Attributes:
        weights: each parameter once.
        cache: keys and values of the context.
        computation: what a chunk of a prompt is computed in, and what weights are dequantised to.
        process: libraries and tokenizer.
    """

    weights: int
    cache: int
    computation: int
    process: int

    @property
    def model(self) -> int:
        """Weights and cache."""
        return self.weights + self.cache

    @property
    def total(self) -> int:
        """All of it: the most memory of a process of its own."""
        return self.model + self.computation + self.process


def parameters(arch: Arch) -> int:
    """How many numbers the weights have; a head that is the embedding counts once."""
    return sum(math.prod(shape) for shape in weight_shapes(arch).values())


def weight_bytes(arch: Arch, precision: PlannedPrecision, dtype: str) -> int:
    """The bytes of the weights: matrices in the precision, norms in float32, biases in the dtype.

    With "int4" embedding and head have 8 bits, as `linear.Room` keeps them.
    """
    total = 0
    for name, shape in weight_shapes(arch).items():
        numbers = math.prod(shape)
        if len(shape) == 1:
            total += numbers * (4 if "norm." in name else _BYTES[dtype])
        elif precision in _BYTES:
            total += numbers * _BYTES[precision]
        elif precision == "int4" and has_four_bits(name, shape[1]):
            total += numbers // 2 + 4 * (numbers // GROUP)  # a scale and a lowest value, two bytes each
        else:
            total += numbers + 4 * shape[0]
    return total


def cache_bytes(arch: Arch, dtype: str, form: CacheForm = "float") -> int:
    """The bytes of one token's keys and values in all layers, computed in the dtype and kept in the form."""
    return token_bytes(arch, _BYTES[dtype], form)


def memory(
    arch: Arch,
    precision: PlannedPrecision,
    context: int,
    *,
    sequences: int = 1,
    dtype: str = "bfloat16",
    cache: CacheForm = "float",
) -> Memory:
    """What a model takes.

    Args:
        arch: of the model.
        precision: of the weights; floats are computed with as they are.
        context: tokens that are kept of each sequence.
        sequences: how many are kept at once.
        dtype: of the computation and the cache, where the weights are quantised.
        cache: what keys and values are kept as.
    """
    kind = precision if precision in _BYTES else dtype
    return Memory(
        weight_bytes(arch, precision, kind),
        sequences * context * cache_bytes(arch, kind, cache),
        _computation(arch, min(CHUNK, max(context, 1)), kind, quantised=precision not in _BYTES),
        LIBRARIES + TOKEN_BYTES * arch.vocabulary_size,
    )


def _computation(arch: Arch, tokens: int, dtype: str, *, quantised: bool) -> int:
    """Bytes of what a layer computes for so many tokens, and of what weights are dequantised to."""
    heads = (arch.heads + 2 * arch.kv_heads) * arch.head_width
    hidden = (4 if arch.gated else 2) * arch.feed_forward_width
    numbers = tokens * (7 * arch.width + 2 * heads + hidden)
    scratch = 4 * SLICE * 4 if quantised else 0
    return _KEPT_TEMPORARIES * numbers * _BYTES[dtype] + scratch
