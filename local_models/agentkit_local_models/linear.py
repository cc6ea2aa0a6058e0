"""Matrices of a model, and the room that a checkpoint's weights are copied into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Linear:
    """`y = W x + b`.

    Attributes:
        weight: [out, in].
        bias: [out], or None.
    """

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """[T, in] to [T, out]."""
        if x.shape[0] == 1:
            # One row is bound by reading the weights once. Torch's matrix-vector kernel reads them
            # at the speed of the memory; in bfloat16 its matrix kernel takes 1.4 to 1.9 times as long.
            row = torch.mv(self.weight, x[0])
            return (row if self.bias is None else row.add_(self.bias)).unsqueeze(0)
        return F.linear(x, self.weight, self.bias)


class Room:
    """Room for weights, of which some lie on top of each other as one matrix."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> None:
        """Nothing is allocated yet.

        Args:
            shapes: of every canonical name.
            dtype: of the matrices.
        """
        self._shapes = shapes
        self._dtype = dtype
        self._places: dict[str, Tensor] = {}

    def stacked(self, *names: str, dtype: torch.dtype | None = None) -> Tensor:
        """Room for the rows of several weights on top of each other."""
        shapes = [self._shapes[name] for name in names]
        whole = torch.empty(sum(shape[0] for shape in shapes), *shapes[0][1:], dtype=dtype or self._dtype)
        end = 0
        for name, shape in zip(names, shapes, strict=True):
            start, end = end, end + shape[0]
            self._places[name] = whole[start:end]
        return whole

    def linear(self, at: str, *parts: str) -> Linear:
        """Room for a matrix of several parts, with their biases where they have any."""
        names = [f"{at}.{part}" for part in parts]
        weight = self.stacked(*(f"{name}.weight" for name in names))
        biased = f"{names[0]}.bias" in self._shapes
        return Linear(weight, self.stacked(*(f"{name}.bias" for name in names)) if biased else None)

    def fill(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Copy each weight to its place.

        Raises:
            CheckpointError: a weight is missing, extra, there twice, or has another shape.
        """
        places = self._places
        for name, weight in weights:
            place = places.pop(name, None)
            if place is None:
                raise CheckpointError(f"the weight {name} {tuple(weight.shape)} is unexpected or there twice")
            if place.shape != weight.shape:
                raise CheckpointError(
                    f"the weight {name} is {tuple(weight.shape)}; the config asks for {tuple(place.shape)}"
                )
            place.copy_(weight)
        if places:
            raise CheckpointError(f"{len(places)} weights are missing: {', '.join(sorted(places)[:8])}")
