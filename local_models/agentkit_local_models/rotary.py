"""Rotary position embedding (RoPE; Su et al. 2021): frequencies with their scalings, and the rotation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch, RopeScaling


def frequencies(width: int, base: float, scaling: RopeScaling | None, length: int = 0) -> Tensor:
    """Radians a position of each plane that a head is rotated in: float32 [width / 2].

    Args:
        width: numbers of a head that are rotated.
        base: of the unscaled frequencies.
        scaling: of them.
        length: the longest sequence that they are for, where that matters (`Arch.stages`).
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float32) / width
    plain = 1.0 / base**exponents
    if scaling is None:
        return plain
    if scaling.kind == "linear":
        return plain / scaling.factor
    if scaling.kind == "factors":
        is_long = bool(scaling.long_factors) and length > scaling.original_context
        factors = scaling.long_factors if is_long else scaling.factors
        return 1.0 / (torch.tensor(factors, dtype=torch.float32) * base**exponents)
    if scaling.kind == "dynamic":
        # NTK-aware: a greater base slows long waves by the factor and leaves the shortest as they are
        times = max(length, scaling.original_context) / scaling.original_context
        grown = scaling.factor * times - (scaling.factor - 1)
        return 1.0 / (base * grown ** (width / (width - 2))) ** exponents
    if scaling.kind == "llama3":
        return _llama3(plain, scaling)
    return _yarn(plain, width, base, scaling)


def _llama3(plain: Tensor, scaling: RopeScaling) -> Tensor:
    """Long waves are slowed by the factor, short ones kept, those between mixed (Llama 3.1)."""
    waves = 2 * math.pi / plain
    kept = (scaling.original_context / waves - scaling.low) / (scaling.high - scaling.low)
    kept = kept.clamp(0, 1)
    return (1 - kept) * plain / scaling.factor + kept * plain


def _yarn(plain: Tensor, width: int, base: float, scaling: RopeScaling) -> Tensor:
    """Planes that turn often are kept, those that turn less than once slowed (Peng et al. 2023, part 3.2)."""

    def plane(turns: float) -> float:
        """Which plane turns so often within the original context."""
        return width * math.log(scaling.original_context / (turns * 2 * math.pi)) / (2 * math.log(base))

    first, last = plane(scaling.high), plane(scaling.low)
    if scaling.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, width - 1)
    if first == last:
        last += 0.001
    slowed = ((torch.arange(width // 2, dtype=torch.float32) - first) / (last - first)).clamp(0, 1)
    return plain / scaling.factor * slowed + plain * (1 - slowed)


class Rotation:
    """The rotation of one kind of layers.

    Attributes:
        frequencies: radians a position of each plane: float32 [rotated / 2], half of them where heads are
            rotated by two positions; those of the first stage.
        factor: what cosines and sines are multiplied by.
    """

    def __init__(self, arch: Arch, base: float, scaling: RopeScaling | None) -> None:
        """Prepare the frequencies.

        Args:
            arch: whose heads are rotated.
            base: of the frequencies.
            scaling: of the frequencies.
        """
        self._two = arch.position == "rope-2d"
        width = arch.rotated // 2 if self._two else arch.rotated
        self._stages = torch.stack([frequencies(width, base, scaling, length) for length in arch.stages])
        self.frequencies = self._stages[0]
        self.factor = scaling.attention_factor if scaling else 1.0

    def table(
        self, positions: Tensor, dtype: torch.dtype, stages: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cosines, and sines signed for `rotate`: [T, 1, rotated] each.

        Args:
            positions: [T], or [2, T] where heads are rotated by two.
            dtype: of the result; angles are computed in float32.
            stages: [T], the stage of each token's sequence; None where all are in the first.
        """
        if self._two:
            angles = torch.cat([torch.outer(one.float(), self.frequencies) for one in positions], dim=-1)
        elif stages is None:
            angles = torch.outer(positions.float(), self.frequencies)
        else:
            angles = positions.float().unsqueeze(1) * self._stages[stages]
        cosines, sines = angles.cos() * self.factor, angles.sin() * self.factor
        return (
            torch.cat((cosines, cosines), dim=-1).unsqueeze(1).to(dtype),
            torch.cat((-sines, sines), dim=-1).unsqueeze(1).to(dtype),
        )


def rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> None:
    """Turn the first numbers of each head by their position, in place: [T, any, D].

    The first half (a) and second half (b) of what is rotated are one point each in its planes:
    a' = a cos - b sin, b' = b cos + a sin. Rolling by half puts b beside a; the minus is in the sines.
    """
    turned = heads[..., : cosines.shape[-1]]
    partners = turned.roll(turned.shape[-1] // 2, dims=-1)
    turned.mul_(cosines).addcmul_(partners, sines)
