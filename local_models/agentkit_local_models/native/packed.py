"""Quantised matrices in the order that the native step reads them in: no more and no fewer bits."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.large_pages import LargePages
from agentkit_local_models.matrices import (
    GROUP,
    PACKED_SLICE,
    Adapted,
    Blocks,
    Floats,
    Int4Groups,
    Int8Rows,
    Stored,
    beside,
    filled,
    multiply_in_slices,
)
from agentkit_local_models.native import library as c
from agentkit_local_models.native.build import NotBuilt
from agentkit_local_models.native.tiled import TiledFloats, fill_by_tiles, may_tile, scratch

BLOCK: Final = 16
"""Rows that lie together."""
# Of blocks of GGUF files: how many bits a code takes here, columns to a scale, and whether there are lows.
_OF_BLOCKS: Final = {
    TensorKind.Q4_0: (c.I4, GROUP, False),
    TensorKind.Q4_1: (c.I4, GROUP, True),
    TensorKind.Q4_K: (c.I4, GROUP, True),
    TensorKind.Q5_0: (c.I8, GROUP, False),
    TensorKind.Q5_1: (c.I8, GROUP, True),
    TensorKind.Q5_K: (c.I8, GROUP, True),
    TensorKind.Q6_K: (c.I8, 16, False),
    TensorKind.Q8_0: (c.I8, GROUP, False),
}


class Packed:
    """A quantised matrix of which sixteen rows lie together: a `Stored` form."""

    def __init__(
        self,
        workers: c.Workers,
        shape: tuple[int, int],
        kind: int,
        group: int,
        codes: Tensor,
        scales: Tensor | None = None,
        lows: Tensor | None = None,
        row_scales: Tensor | None = None,
    ) -> None:
        """What `matrix.h` says of each.

        Args:
            workers: that make numbers of it.
            shape: rows and columns.
            kind: `I8` or `I4`.
            group: columns that share a scale.
            codes: bytes.
            scales: float16 [rows / 16, columns / group, 16], or none.
            lows: the same.
            row_scales: float32 [rows], or none.
        """
        self.shape = shape
        self._workers = workers
        self._tensors = [one for one in (codes, scales, lows, row_scales) if one is not None]
        self._matrix = c.Matrix(
            kind=kind,
            group=group,
            rows=shape[0],
            columns=shape[1],
            codes=codes.data_ptr(),
            scales=_address(scales),
            lows=_address(lows),
            row_scales=_address(row_scales),
        )

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(one.nbytes for one in self._tensors)

    def description(self, bias: Tensor | None) -> c.Matrix:
        """As the library reads it, with a bias of float32 [rows]; good as long as both of them."""
        copy = c.Matrix.from_buffer_copy(self._matrix)
        copy.bias = _address(bias)
        return copy

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`; made for many rows of x."""
        if self.fills(x):
            return filled(self, self.shape[0], x, bias)
        passing = torch.is_inference_mode_enabled()  # else a gradient may be asked of what they were
        return multiply_in_slices(
            self.shape, lambda rows: self._values(rows, x.dtype, passing), x, bias, BLOCK, PACKED_SLICE
        )

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        return self._values(slice(0, self.shape[0]), dtype)

    def __getitem__(self, rows: slice | Tensor) -> Floats:
        """The values of some rows, which are too few to be packed."""
        if isinstance(rows, slice):
            rows = torch.arange(*rows.indices(self.shape[0]))
        values = torch.empty(len(rows), self.shape[1])
        wanted = rows.contiguous()
        self._workers.library.read_rows(
            ctypes.byref(self._matrix), len(rows), wanted.data_ptr(), values.data_ptr()
        )
        return Floats(values)

    def fills(self, x: Tensor) -> bool:
        """See `Fills`."""
        return may_tile(self._workers, x)

    def fill(self, x: Tensor, y: Tensor) -> None:
        """See `Fills`; what is made of codes for it never leaves the core."""
        fill_by_tiles(self._workers, self._matrix, x, y)

    def _values(self, rows: slice, dtype: torch.dtype, passing: bool = False) -> Tensor:
        """Whole blocks of rows as numbers; `passing` ones are good until this thread asks again."""
        kind = torch.bfloat16 if dtype == torch.bfloat16 else torch.float32
        shape = (rows.stop - rows.start, self.shape[1])
        values = scratch(kind, *shape) if passing else torch.empty(shape, dtype=kind)
        self._workers.library.unpack(
            self._workers.handle,
            ctypes.byref(self._matrix),
            rows.start,
            rows.stop,
            values.data_ptr(),
            kind == torch.bfloat16,
        )
        return values.to(dtype)


@dataclass(frozen=True, slots=True)
class PackedAdapted:
    """A packed matrix with a delta beside it, in bfloat16: the packed form of `Adapted`.

    Attributes:
        matrix: w.
        a: [rank, columns].
        b: [rows / 16, rank, 16].
        scale: w + scale · b a.
    """

    matrix: Packed
    a: Tensor
    b: Tensor
    scale: float

    @classmethod
    def of(cls, matrix: Packed, adapted: Adapted) -> PackedAdapted:
        """Beside a packed matrix, what lay beside it before."""
        a, b = adapted.a.to(torch.bfloat16).contiguous(), adapted.b.to(torch.bfloat16)
        return cls(matrix, a, by_block(b), adapted.scale)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.matrix.shape

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.matrix.nbytes + self.a.nbytes + self.b.nbytes

    def description(self, bias: Tensor | None) -> c.Matrix:
        """As `Packed.description`."""
        whole = self.matrix.description(bias)
        whole.a, whole.b = self.a.data_ptr(), self.b.data_ptr()
        whole.rank, whole.delta_scale = len(self.a), self.scale
        return whole

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `Matrix`; made for many rows of x."""
        return beside(self.matrix(x, bias), x, self.a, self._rows(), self.scale)

    def fills(self, x: Tensor) -> bool:
        """See `Fills`."""
        return self.matrix.fills(x)

    def fill(self, x: Tensor, y: Tensor) -> None:
        """See `Fills`."""
        self.matrix.fill(x, y)
        y.addmm_(F.linear(x, self.a), self._rows().T, alpha=self.scale)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `Matrix`."""
        return self._plain().dense(dtype)

    def __getitem__(self, rows: slice | Tensor) -> Adapted:
        """Some rows, which are too few to be packed."""
        return self._plain()[rows]

    def _plain(self) -> Adapted:
        return Adapted(self.matrix, self.a, self._rows(), self.scale)

    def _rows(self) -> Tensor:
        return self.b.transpose(1, 2).flatten(0, 1)


def packed(workers: c.Workers, pages: LargePages, matrix: Stored) -> Stored:
    """A quantised matrix packed, with the delta that may lie beside it; floats stay where they are.

    Args:
        workers: that pack it.
        pages: where it will lie.
        matrix: as it is stored.

    Raises:
        NotBuilt: a form that is not written in C++, or sizes that do not divide.
    """
    if isinstance(matrix, Adapted):
        alone = packed(workers, pages, matrix.matrix)
        if not isinstance(alone, Packed):
            raise NotBuilt("a delta beside floats; join it into them")
        return PackedAdapted.of(alone, matrix)
    rows, columns = matrix.shape
    if rows % BLOCK or columns % GROUP:
        raise NotBuilt(f"a matrix of {rows} rows and {columns} columns; 16 and 32 must divide them")
    match matrix:
        case Blocks(kind, raw):
            return _of_blocks(workers, pages, matrix.shape, kind, raw.contiguous())
        case Int8Rows(codes, scales):
            together = pages.holding(codes.view(-1, BLOCK, columns // 4, 4).transpose(1, 2))
            return Packed(workers, matrix.shape, c.I8, GROUP, together, row_scales=scales.contiguous())
        case Int4Groups(codes, scales, lows):
            parts = [pages.holding(one) for one in (_nibbles(codes), by_block(scales), by_block(lows))]
            return Packed(workers, matrix.shape, c.I4, GROUP, *parts)
        case Floats(weight) if weight.dtype == torch.bfloat16:
            return TiledFloats(weight.contiguous(), workers)
        case _:
            return matrix


def _of_blocks(
    workers: c.Workers, pages: LargePages, shape: tuple[int, int], kind: TensorKind, raw: Tensor
) -> Packed:
    if kind not in _OF_BLOCKS:
        raise NotBuilt(f"the native step does not read {kind.name}")
    rows, columns = shape
    code, group, has_lows = _OF_BLOCKS[kind]
    groups = (rows // BLOCK, columns // group, BLOCK)
    codes = pages.empty(rows * columns // (2 if code == c.I4 else 1), dtype=torch.uint8)
    scales = pages.empty(*groups, dtype=torch.float16)
    lows = pages.empty(*groups, dtype=torch.float16) if has_lows else None
    whole = Packed(workers, shape, code, group, codes, scales, lows)
    wrong = workers.library.pack(workers.handle, kind, raw.data_ptr(), ctypes.byref(whole.description(None)))
    if wrong:
        raise NotBuilt(f"a block of {kind.name} has a scale that is no half")
    return whole


def _nibbles(codes: Tensor) -> Tensor:
    """Byte (j, row, i) of a group of 32 holds the codes 8 j + i (lower half) and 8 j + 4 + i."""
    rows = len(codes)
    halves = codes.view(rows, -1, GROUP // 2)
    apart = torch.cat((halves & 15, halves >> 4), dim=-1)  # [rows, groups, 32]
    apart = apart.view(rows // BLOCK, BLOCK, -1, 4, 2, 4).permute(0, 2, 3, 4, 1, 5)
    return (apart[:, :, :, 0] | apart[:, :, :, 1] << 4).contiguous()


def by_block(values: Tensor) -> Tensor:
    """Sixteen rows together: [rows, columns] to [rows / 16, columns, 16]."""
    return values.view(-1, BLOCK, values.shape[1]).transpose(1, 2).contiguous()


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
