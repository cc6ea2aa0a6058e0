"""What is told of a draw to where it is made, when that is not where the answer is written."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agentkit_local_models.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Draw:
    """One token to be chosen.

    Attributes:
        sampling: temperature, top_k, top_p and min_p count; nothing else of it may be set but what ends an
            answer.
        seed: of the answer's random numbers, 64 bits.
        number: which draw of the answer it is; with the seed it fixes the random numbers.
        allowed: bits of the tokens that are allowed, the lowest first: int32 [words]; None for all.
    """

    sampling: Sampling
    seed: int
    number: int
    allowed: Tensor | None = None
