"""Weights of 8 bits that are multiplied by numbers of 8 bits: integers are added up, and scales come last.

Each token's numbers are rounded in steps of its largest / 127 while it is computed (dynamic W8A8: vector-wise
quantisation, Dettmers et al. 2022, LLM.int8). A sum of integers is exact, so a token's has the same bits
whatever is computed beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import torch
from torch import Tensor

from agentkit_local_models.matrices import Int8Rows, multiply_in_slices, shape_of
from agentkit_local_models.quantise import int8_rows

EXACT: Final = 1_024
"""Columns whose products float32 adds up without a loss: so many times 127² is below 2^24."""
# Rows and columns of what is tried to see whether sums are exact: enough for the kernels of large products.
_TRIED = (16, 256)


@dataclass(frozen=True, slots=True)
class Int8Both:
    """8 bits a number and a scale a row, for inputs that are rounded to 8 bits: `w = scale * code`.

    Attributes:
        codes: int8 [rows, columns], -127 to 127; up to 133,000 columns, whose products int32 can add up.
        scales: float32 [rows].
    """

    codes: Tensor
    scales: Tensor

    @classmethod
    def of(cls, rows: Int8Rows) -> Int8Both:
        """The same numbers."""
        return cls(rows.codes, rows.scales)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return shape_of(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.codes.nbytes + self.scales.nbytes

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """`x Wᵀ + bias` of x rounded a token at a time: see `matrices.Matrix`."""
        rounded = int8_rows(x)
        added = sums(rounded.codes.contiguous(), self.codes, integers=adds_up_integers())
        y = (added * self.scales).mul_(rounded.scales.unsqueeze(1))  # int32 by float32 is float32
        return (y if bias is None else y.add_(bias)).to(x.dtype)

    def dense(self, dtype: torch.dtype) -> Tensor:
        """See `matrices.Matrix`."""
        return Int8Rows(self.codes, self.scales).dense(dtype)

    def __getitem__(self, rows: slice | Tensor) -> Int8Both:
        """See `matrices.Stored`."""
        return Int8Both(self.codes[rows], self.scales[rows])


def sums(x: Tensor, w: Tensor, *, integers: bool) -> Tensor:
    """`x wᵀ` of codes: int8 [T, columns] and [rows, columns] to whole numbers [T, rows].

    Args:
        x: of tokens.
        w: of weights.
        integers: whether torch multiplies and adds integers; else the codes are made float32 first, which is
            right on any processor, and no faster than floats are.

    Returns:
        int32.
    """
    if integers:
        return _integer_products()(x, w.T)
    added = torch.zeros(len(x), len(w), dtype=torch.int32)
    for start in range(0, w.shape[1], EXACT):
        own, others = w[:, start : start + EXACT], x[:, start : start + EXACT].float()
        added += multiply_in_slices(shape_of(own), partial(_floats_of, own), others, None).to(torch.int32)
    return added


def _floats_of(codes: Tensor, rows: slice) -> Tensor:
    return codes[rows].float()


@cache
def adds_up_integers() -> bool:
    """Whether torch's integer products are exact on this processor.

    Without VNNI oneDNN adds pairs of products up in 16 bits, which are too few for codes of 8: they saturate
    (its manual, "Nuances of int8 computations").
    """
    largest = torch.full(_TRIED, 127, dtype=torch.int8)
    expected = 127 * 127 * _TRIED[1]
    found = [_integer_products()(sign * largest, largest.T) * sign for sign in (1, -1)]
    return all(bool((one == expected).all()) for one in found)


def _integer_products() -> Any:
    """Of int8 [T, columns] and [columns, rows]: int32 [T, rows]."""
    return torch.ops.aten._int_mm.default  # noqa: SLF001 - torch has no other name for it
