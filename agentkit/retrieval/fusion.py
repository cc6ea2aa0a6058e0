"""Several rankings made into one."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

Key = TypeVar("Key", bound=Hashable)
Fusion: TypeAlias = Literal["minmax", "rrf"]
"""By scores, or by ranks alone."""

DEPTH = 100
"""How many of each leg count."""
RRF = 60
"""What is added to a rank before it divides: the customary number."""


def minmax(scores: Sequence[float], depth: int = DEPTH) -> list[float]:
    """Scores, the best first, from 1 down to 0.

    Where there are fewer than were asked for, whatever was not found would have had 0 at most, and so the
    last one that was found keeps more than nothing.

    >>> minmax([9.0, 3.0]), minmax([9.0, 6.0, 3.0], 3)
    ([1.0, 0.3333333333333333], [1.0, 0.5, 0.0])
    """
    if not scores:
        return []
    least = scores[-1] if len(scores) >= depth else min(0.0, scores[-1])
    span = scores[0] - least
    return [(score - least) / span if span > 0 else 1.0 for score in scores]


def fused(
    legs: Mapping[str, Sequence[tuple[Key, float]]],
    weights: Mapping[str, float],
    how: Fusion = "minmax",
    depth: int = DEPTH,
) -> list[tuple[Key, float]]:
    """What the legs found, the best first.

    Args:
        legs: By name what each found, with its own scores, the best first.
        weights: What a leg counts; one that is not named counts 1, and one of weight 0 not at all.
        how: The weighted mean of scores, from 1 for the best of a leg down to 0 for its last, or the sum of
            1 / (60 + rank).
        depth: How many each leg was asked for.
    """
    total: dict[Key, float] = {}
    share = 1.0
    if how == "minmax":
        share = 1 / (sum(weights.get(name, 1.0) for name in legs) or 1.0)
    for name, found in legs.items():
        weight = weights.get(name, 1.0)
        if not weight:
            continue
        if how == "minmax":
            parts = minmax([score for _, score in found], depth)
        else:
            parts = [1 / (RRF + rank) for rank in range(1, len(found) + 1)]
        for (key, _), part in zip(found, parts, strict=True):
            total[key] = total.get(key, 0.0) + share * weight * part
    # sorting keeps the order of equals: what the first leg found stands first
    return sorted(total.items(), key=lambda pair: -pair[1])
