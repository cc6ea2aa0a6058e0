"""Matrices with biases, and the room that a checkpoint's weights are put into, in the form asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.heap import give_back
from agentkit_local_models.int8_products import Int8Both
from agentkit_local_models.large_pages import LargePages
from agentkit_local_models.matrices import (
    SLICE,
    Blocks,
    Floats,
    Int4Groups,
    Int8Rows,
    Stacked,
    Stored,
)
from agentkit_local_models.precision import Form
from agentkit_local_models.quantise import has_four_bits, int4_from_blocks, int4_groups, int8_rows
from agentkit_local_models.weights import stack_of

_HOLES = 1 << 25
"""Bytes of floats after which the heap gives back what they leave when they are in their place."""
Weight = Tensor | Stored
"""What a checkpoint gives of a weight: its values, or a matrix that is quantised already."""
_Whole = Floats | Int8Rows | Int8Both | Int4Groups


@dataclass(frozen=True, slots=True)
class Linear:
    """`y = W x + b`.

    Attributes:
        matrix: [out, in].
        bias: [out], or None.
    """

    matrix: Stored | Stacked
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """[T, in] to [T, out]."""
        return self.matrix(x, self.bias)


@dataclass(slots=True)
class _Stack:
    """Rows that lie on top of each other, as they come in."""

    rows: int
    whole: _Whole | None = None
    parts: dict[str, Stored] = field(default_factory=dict[str, Stored])


class Room:
    """Where weights are put one by one, so that a model is never held twice, nor whole in floats."""

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype, form: Form = "float"
    ) -> None:
        """Nothing is allocated yet.

        Args:
            shapes: of every canonical name.
            dtype: of vectors, and of matrices that are kept as floats.
            form: of the matrices. With "int4" those at both ends (embedding and head) and those whose rows
                are not whole groups have 8 bits: see `quantise.has_four_bits`.
        """
        self._shapes = shapes
        self._dtype = dtype
        self._form: Form = form
        self._vectors: dict[str, Tensor] = {}
        self._stacks: dict[tuple[str, ...], _Stack] = {}
        self._pages = LargePages()

    def fill(self, weights: Iterable[tuple[str, Weight]]) -> None:
        """Put each weight in its place, quantised on the way where that is asked for.

        Raises:
            CheckpointError: a weight is missing, extra, there twice, or has another shape.
        """
        wanted, passed = dict(self._shapes), 0
        for name, weight in weights:
            shape = wanted.pop(name, None)
            if shape is None:
                raise CheckpointError(f"the weight {name} {tuple(weight.shape)} is unexpected or there twice")
            if tuple(weight.shape) != shape:
                raise CheckpointError(
                    f"the weight {name} is {tuple(weight.shape)}; the config asks for {shape}"
                )
            if len(shape) == 1:
                assert isinstance(weight, Tensor)  # a matrix has two dimensions
                self._vectors[name] = weight.to(torch.promote_types(weight.dtype, self._dtype), copy=True)
            else:
                self._put(name, weight)
                if isinstance(weight, Tensor):
                    passed += weight.nbytes
                    if passed > _HOLES:  # else a model of few bits would take the room of floats
                        give_back()
                        passed = 0
        if passed:
            give_back()
        if wanted:
            raise CheckpointError(f"{len(wanted)} weights are missing: {', '.join(sorted(wanted)[:8])}")

    def vector(self, *names: str, dtype: torch.dtype | None = None) -> Tensor:
        """The numbers of vectors, one after the other."""
        return torch.cat([self._vectors[name] for name in names]).to(dtype or self._dtype)

    def rows(self, name: str) -> Stored:
        """A matrix that lies alone."""
        stack = self._stacks[stack_of(name, self._shapes)]
        return stack.parts[name] if stack.whole is None else stack.whole

    def linear(self, at: str, *parts: str) -> Linear:
        """A matrix of several parts on top of each other, with their biases where they have any."""
        names = tuple(f"{at}.{part}" for part in parts)
        stack = self._stacks[tuple(f"{name}.weight" for name in names)]
        matrix: Stored | Stacked
        if stack.whole is not None:
            matrix = stack.whole
        else:
            separate = tuple(stack.parts[f"{name}.weight"] for name in names)
            matrix = separate[0] if len(separate) == 1 else Stacked(separate)
        biased = f"{names[0]}.bias" in self._shapes
        return Linear(matrix, self.vector(*(f"{name}.bias" for name in names)) if biased else None)

    def _put(self, name: str, weight: Weight) -> None:
        names = stack_of(name, self._shapes)
        rows = [self._shapes[one][0] for one in names]
        stack = self._stacks.setdefault(names, _Stack(sum(rows)))
        form = self._form
        if form == "file" and not isinstance(weight, Tensor):
            stack.parts[name] = weight  # of any kind, so it stays apart from its neighbours
            return
        if form == "file":
            stack.parts[name] = self._encoded(name, weight)
            return
        first = sum(rows[: names.index(name)])
        count, columns = weight.shape
        step = max(1, SLICE // columns)
        for start in range(0, count, step):  # so that no whole matrix is there in float32 beside its codes
            part = self._encoded(name, weight[start : start + step])
            if stack.whole is None:
                stack.whole = self._empty(part, stack.rows)
            _write(stack.whole, part, slice(first + start, first + start + part.shape[0]))

    def _empty(self, like: _Whole, rows: int) -> _Whole:
        """The same form with so many rows, not yet written."""
        if isinstance(like, Floats):
            return Floats(self._pages.empty(rows, *like.weight.shape[1:], dtype=like.weight.dtype))
        # these may be packed elsewhere one by one, and should leave nothing behind
        tensors = [part.new_empty(rows, *part.shape[1:]) for part in _tensors(like)]
        return type(like)(*tensors)

    def _encoded(self, name: str, weight: Weight) -> _Whole:
        """A weight in the form that it is kept in."""
        if self._form in ("float", "file"):
            return Floats(weight.to(self._dtype) if isinstance(weight, Tensor) else weight.dense(self._dtype))
        if self._form == "int4" and has_four_bits(name, self._shapes[name][1]):
            if isinstance(weight, Int4Groups):
                return weight
            if isinstance(weight, Blocks) and (same := int4_from_blocks(weight)) is not None:
                return same
            return int4_groups(_values(weight))
        eight = weight if isinstance(weight, Int8Rows) else int8_rows(_values(weight))
        return Int8Both.of(eight) if self._form == "w8a8" else eight


def _values(weight: Weight) -> Tensor:
    return weight if isinstance(weight, Tensor) else weight.dense(torch.float32)


def _write(whole: _Whole, part: _Whole, place: slice) -> None:
    for target, source in zip(_tensors(whole), _tensors(part), strict=True):
        target[place].copy_(source)


def _tensors(matrix: _Whole) -> tuple[Tensor, ...]:
    match matrix:
        case Floats(weight):
            return (weight,)
        case Int8Rows(codes, scales) | Int8Both(codes, scales):
            return codes, scales
        case Int4Groups(codes, scales, lows):
            return codes, scales, lows
