"""P-tuning v2 (Liu et al. 2022): keys and values that every token sees before the first."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TunedPrefix:
    """What a prefix is to each layer; it takes no position, and tokens are placed as without it.

    Attributes:
        layers: [2 K, P, D] each, keys' heads before those of values; keys are not rotated.
    """

    layers: tuple[Tensor, ...]

    @property
    def length(self) -> int:
        """Its places, P."""
        return self.layers[0].shape[1]
