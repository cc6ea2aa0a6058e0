"""Adapters that work beside the weights: the rows of one pass can each have another.

A sequence whose adapter is (B, A) gets `W x + scale · B (A x)` (LoRA, Hu et al. 2021), with W shared by all.
The rows of one adapter are multiplied together, segments of the batch (Punica, Chen et al. 2023), so that a
batch of many adapters costs two thin products for each adapter in it, and the weights are still read once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.lora import Adapter
from agentkit_local_models.weights import stack_of, weight_shapes

STACKS = ("query_key_value", "output", "up", "down")
"""The matrices of a layer as the model has them, which parts of an adapter lie beside."""
_STACK_OF = {"query": "query_key_value", "gate": "up"}  # by the first part; others have their own name


@dataclass(frozen=True, slots=True)
class Part:
    """A delta of some rows of a matrix.

    Attributes:
        first: the matrix's row that is its first.
        a: [rank, columns].
        b: [rows, rank].
    """

    first: int
    a: Tensor
    b: Tensor


@dataclass(frozen=True, slots=True)
class Delta:
    """What lies beside one matrix [rows, columns]: `scale · b a`.

    Attributes:
        parts: of the matrices that lie on top of each other in it, in the order of their rows.
        a: [ranks, columns], those of the parts on top of each other.
        b: [rows, ranks], zero but for each part's rows and ranks.
        scale: alpha / rank.
    """

    parts: tuple[Part, ...]
    a: Tensor
    b: Tensor
    scale: float

    @classmethod
    def of(cls, parts: Sequence[Part], rows: int, scale: float) -> Delta:
        """The delta of a matrix with so many rows; its parts are views of it: nothing is there twice."""
        a = torch.cat([part.a for part in parts])
        b = a.new_zeros(rows, len(a))
        views: list[Part] = []
        rank = 0
        for part in parts:
            ranks = slice(rank, rank + len(part.a))
            own = b[part.first : part.first + len(part.b), ranks]
            own.copy_(part.b)
            views.append(Part(part.first, a[ranks], own))
            rank = ranks.stop
        return cls(tuple(views), a, b, scale)


LayerDeltas = Mapping[str, Delta]
"""By name out of `STACKS`; one that an adapter has nothing for is missing."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Deltas:
    """An adapter as a model of fused matrices adds it: for each layer what lies beside its matrices."""

    layers: tuple[LayerDeltas, ...]

    @classmethod
    def of(
        cls, adapter: Adapter, arch: Arch, dtype: torch.dtype, device: torch.device | None = None
    ) -> Deltas:
        """The deltas of an adapter that fits the model.

        Args:
            adapter: its pairs have the shapes of the model's weights.
            arch: of the model.
            dtype: that a and b are kept in.
            device: that they are kept on; the adapter's own where None.
        """
        if device is not None:
            adapter = adapter.to(device)
        shapes = weight_shapes(arch)
        parts: list[dict[str, list[Part]]] = [{} for _ in range(arch.layers)]
        rows: dict[str, int] = {}
        for name in shapes:  # in the order of rows
            if (pair := adapter.pairs.get(name)) is None:
                continue
            names = stack_of(name, shapes)
            first = names[0].split(".")[-2]
            stack = _STACK_OF.get(first, first)
            above = sum(shapes[one][0] for one in names[: names.index(name)])
            rows[stack] = sum(shapes[one][0] for one in names)
            layer = int(name.split(".")[1])
            part = Part(above, pair.a.detach().to(dtype), pair.b.detach().to(dtype))
            parts[layer].setdefault(stack, []).append(part)
        scale = adapter.config.scale
        return cls(
            tuple(
                {stack: Delta.of(found, rows[stack], scale) for stack, found in layer.items()}
                for layer in parts
            )
        )


class RowDeltas:
    """Which rows of one pass have which deltas."""

    def __init__(self, rows: Sequence[tuple[Deltas | None, int]], device: torch.device | None = None) -> None:
        """For sequences that lie one after another.

        Args:
            rows: for each sequence its deltas, or None for the base alone, and how many rows it has.
            device: of the rows; the processor where None.
        """
        places: dict[Deltas, list[int]] = {}
        row = 0
        for deltas, count in rows:
            if deltas is not None:
                places.setdefault(deltas, []).extend(range(row, row + count))
            row += count
        self._groups = [
            (deltas, None if len(found) == row else torch.tensor(found, device=device))
            for deltas, found in places.items()
        ]

    def __bool__(self) -> bool:
        """Whether any row has some."""
        return bool(self._groups)

    def add(self, y: Tensor, x: Tensor, layer: int, stack: str) -> Tensor:
        """Add what lies beside a matrix to its products, in place.

        Args:
            y: `W x` [T, rows].
            x: [T, columns].
            layer: its number.
            stack: which of its matrices, out of `STACKS`.
        """
        for deltas, rows in self._groups:
            delta = deltas.layers[layer].get(stack)
            if delta is None:
                continue
            a, b = delta.a.to(x.dtype), delta.b.to(x.dtype)
            if rows is None:
                y.addmm_(F.linear(x, a), b.T, alpha=delta.scale)
            else:
                places = rows.to(x.device)
                y.index_add_(0, places, F.linear(F.linear(x[places], a), b), alpha=delta.scale)
        return y
