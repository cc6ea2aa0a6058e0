"""The forms a weight matrix is kept in: floats, quantised rows or groups, blocks of a file, deltas beside.

Each is frozen data that multiplies by itself. A quantised matrix is dequantised a slice of rows at a time,
so that a multiplication needs scratch memory of `SLICE` numbers, not a second copy of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.dequantise import dequantise_rows
from agentkit_local_models.gguf import TensorKind

GROUP: Final = 32
"""Columns of a row that share a scale in `Int4Groups`."""
SLICE: Final = 1 << 20
"""Numbers that are dequantised at once: 4 MiB of float32."""
PACKED_SLICE: Final = 1 << 23
"""The same by the native step's threads, which hand over to torch's each time: 16 MiB of bfloat16.

Each thread that asks for products keeps room for one."""


class Matrix(Protocol):
    """A matrix [rows, columns] that rows of numbers are multiplied by."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (out) and columns (in)."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        ...

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """`x Wᵀ + bias`: [T, columns] to [T, rows], in the dtype of x."""
        ...

    def dense(self, dtype: torch.dtype) -> Tensor:
        """Its values: [rows, columns]; computed in float32 and rounded once."""
        ...


class Stored(Matrix, Protocol):
    """A matrix whose rows can be picked."""

    def __getitem__(self, rows: slice | Tensor) -> Stored:
        """The same form with these rows: a slice, or their numbers as int64."""
        ...


@runtime_checkable
class Fills(Protocol):
    """A matrix whose product can be put where it is wanted."""

    def fills(self, x: Tensor) -> bool:
        """Whether it can now, for rows of this kind."""
        ...

    def fill(self, x: Tensor, y: Tensor) -> None:
        """Put `x Wᵀ` into y [T, rows], whose rows may lie apart; x is [T, columns]."""
        ...


def filled(matrix: Fills, rows: int, x: Tensor, bias: Tensor | None) -> Tensor:
    """`x Wᵀ + bias` of a matrix with so many rows that fills: [T, rows], in the dtype of x."""
    y = x.new_empty(len(x), rows)
    matrix.fill(x, y)
    return y if bias is None else y.add_(bias)


@dataclass(frozen=True, slots=True)
class Floats:
    """A matrix of float32, bfloat16 or float16.

    Attributes:
        weight: [rows, columns].
    """

    weight: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return shape_of(self.weight)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.weight.nbytes

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        if x.shape[0] == 1:
            # One row is bound by reading the weights once. Torch's matrix-vector kernel reads them
            # at the speed of the memory; in bfloat16 its matrix kernel takes 1.4 to 1.9 times as long.
            row = torch.mv(self.weight, x[0])
            return (row if bias is None else row.add_(bias)).unsqueeze(0)
        return F.linear(x, self.weight, bias)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """Its values; the weight itself where it has this dtype."""
        return self.weight.to(dtype)

    def __getitem__(self, rows: slice | Tensor) -> Floats:
        """See `Stored`."""
        return Floats(self.weight[rows])


@dataclass(frozen=True, slots=True)
class Int8Rows:
    """8 bits a number and a scale a row: `w = scale * code`.

    Attributes:
        codes: int8 [rows, columns], -127 to 127.
        scales: float32 [rows].
    """

    codes: Tensor
    scales: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return shape_of(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.codes.nbytes + self.scales.nbytes

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        return _multiply(self, x, bias)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        return self.codes.float().mul_(self.scales.unsqueeze(1)).to(dtype)

    def __getitem__(self, rows: slice | Tensor) -> Int8Rows:
        """See `Stored`."""
        return Int8Rows(self.codes[rows], self.scales[rows])


@dataclass(frozen=True, slots=True)
class Int4Groups:
    """4 bits a number, a scale and a lowest value for every `GROUP` columns: `w = scale * code + low`.

    Nibbles lie as in GGUF's Q4_1: byte j of a group's 16 holds code j (low half) and code j + 16.

    Attributes:
        codes: uint8 [rows, columns / 2], two codes of 0 to 15 a byte.
        scales: float16 [rows, columns / GROUP].
        lows: float16 [rows, columns / GROUP].
    """

    codes: Tensor
    scales: Tensor
    lows: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, half = self.codes.shape
        return rows, 2 * half

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.codes.nbytes + self.scales.nbytes + self.lows.nbytes

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        return _multiply(self, x, bias)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        packed = self.codes.view(len(self.codes), -1, GROUP // 2)
        values = torch.empty(*packed.shape[:2], GROUP)
        values[..., : GROUP // 2] = packed & 15
        values[..., GROUP // 2 :] = packed >> 4
        values.mul_(self.scales.float().unsqueeze(-1)).add_(self.lows.float().unsqueeze(-1))
        return values.flatten(1).to(dtype)

    def __getitem__(self, rows: slice | Tensor) -> Int4Groups:
        """See `Stored`."""
        return Int4Groups(self.codes[rows], self.scales[rows], self.lows[rows])


@dataclass(frozen=True, slots=True)
class Blocks:
    """Rows of a GGUF file as they lie there; a row is whole blocks.

    Attributes:
        kind: of the blocks.
        raw: uint8 [rows, bytes of a row]; mostly the file's own pages, mapped and not copied.
    """

    kind: TensorKind
    raw: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, size = self.raw.shape
        return rows, size // self.kind.block_bytes * self.kind.block_values

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.raw.nbytes

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        return _multiply(self, x, bias)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        return dequantise_rows(self.raw, self.kind, dtype)

    def __getitem__(self, rows: slice | Tensor) -> Blocks:
        """See `Stored`."""
        return Blocks(self.kind, self.raw[rows])


@dataclass(frozen=True, slots=True)
class Adapted:
    """A quantised matrix with a low-rank delta beside it: `w + scale · b a` (LoRA, Hu et al. 2021).

    Joined, the delta would make floats of the matrix, several times as many bytes to read at each step.

    Attributes:
        matrix: w, [rows, columns].
        a: [rank, columns].
        b: [rows, rank].
        scale: alpha / rank.
    """

    matrix: Stored
    a: Tensor
    b: Tensor
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.matrix.shape

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.matrix.nbytes + self.a.nbytes + self.b.nbytes

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        return beside(self.matrix(x, bias), x, self.a, self.b, self.scale)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        delta = self.b.float() @ self.a.float()
        return self.matrix.dense(torch.float32).add_(delta, alpha=self.scale).to(dtype)

    def __getitem__(self, rows: slice | Tensor) -> Adapted:
        """See `Stored`."""
        return Adapted(self.matrix[rows], self.a, self.b[rows], self.scale)


def beside(y: Tensor, x: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """`y + scale · (x aᵀ) bᵀ`: what a delta adds to a product y [T, rows] of x [T, columns]."""
    low, b = F.linear(x, a.to(x.dtype)), b.to(x.dtype)
    if y.is_contiguous():
        return torch.addmm(y, low, b.T, alpha=scale)
    return torch.addmm(y.T, b, low.T, alpha=scale).T  # see `multiply_in_slices`


@dataclass(frozen=True, slots=True)
class Stacked:
    """Matrices on top of each other that are multiplied by the same input and kept apart.

    Attributes:
        parts: one or more, of the same number of columns and of any forms.
    """

    parts: tuple[Stored, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return sum(part.shape[0] for part in self.parts), self.parts[0].shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(part.nbytes for part in self.parts)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`."""
        filling = [part for part in self.parts if isinstance(part, Fills) and part.fills(x)]
        if len(filling) == len(self.parts):
            y, above = x.new_empty(len(x), self.shape[0]), 0
            for part, (rows, _) in zip(filling, (part.shape for part in self.parts), strict=True):
                part.fill(x, y[:, above : above + rows])
                above += rows
        else:  # each is written as [rows, T] lies
            y = torch.cat([part(x).T for part in self.parts]).T
        return y if bias is None else y.add_(bias)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        return torch.cat([part.dense(dtype) for part in self.parts])


def multiply_in_slices(
    shape: tuple[int, int],
    values: Callable[[slice], Tensor],
    x: Tensor,
    bias: Tensor | None,
    block: int = 1,
    most: int = SLICE,
) -> Tensor:
    """`x Wᵀ + bias`, with a slice of rows dequantised at a time.

    Args:
        shape: rows and columns of W.
        values: of some rows, in the dtype of x.
        x: [T, columns].
        bias: [rows], or None.
        block: slices begin and end at multiples of it; it divides the rows.
        most: numbers of a slice.

    Returns:
        [T, rows].
    """
    rows, columns = shape
    step = max(1, most // columns // block) * block
    if not torch.is_inference_mode_enabled():
        result = x.new_empty(x.shape[0], rows)
        for start in range(0, rows, step):
            part = slice(start, min(start + step, rows))
            result[:, part] = F.linear(x, values(part), None if bias is None else bias[part])
        return result
    # W xᵀ: of large matrices up to 1.4 times as fast this way round, and a slice lies in one piece
    turned = x.new_empty(rows, x.shape[0])
    for start in range(0, rows, step):
        part = slice(start, min(start + step, rows))
        torch.mm(values(part), x.T, out=turned[part])
    if bias is not None:
        turned += bias[:, None]
    return turned.T


def _multiply(matrix: Stored, x: Tensor, bias: Tensor | None) -> Tensor:
    return multiply_in_slices(matrix.shape, lambda rows: matrix[rows].dense(x.dtype), x, bias)


def shape_of(values: Tensor) -> tuple[int, int]:
    """Rows and columns of what has two dimensions."""
    rows, columns = values.shape
    return rows, columns
