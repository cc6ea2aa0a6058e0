"""Matrices as the kernels read them: floats, int8 rows, int4 groups, with the bits of `matrices`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.linear import Linear
from agentkit_local_models.matrices import Floats, Int4Groups, Int8Rows, Matrix

Form = Literal[0, 1, 2]
"""As `products.FLOATS`, `INT8` and `INT4`."""
_FORMS: Final[tuple[type[Matrix], ...]] = (Floats, Int8Rows, Int4Groups)


@dataclass(frozen=True, slots=True)
class Packed:
    """A matrix on a device, with its bias.

    Attributes:
        form: what the tensors are.
        codes: floats or int8 [rows, columns], or bytes [rows, columns / 2].
        scales: of the codes; `codes` where there are none.
        lows: the same.
        bias: float32 [rows], or None.
        rows: out.
        columns: in.
    """

    form: Form
    codes: Tensor
    scales: Tensor
    lows: Tensor
    bias: Tensor | None
    rows: int
    columns: int

    @property
    def nbytes(self) -> int:
        """Bytes that are read when it is multiplied by once."""
        tensors = {id(one): one for one in (self.codes, self.scales, self.lows)}
        return sum(one.nbytes for one in tensors.values())

    def picked(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """Some rows as floats: int64 [T] to [T, columns]; of an embedding, which never has 4 bits."""
        if self.form == 0:
            return self.codes[rows].to(dtype)
        return (self.codes[rows].float() * self.scales[rows].unsqueeze(1)).to(dtype)


def packed(linear: Linear, device: torch.device) -> Packed:
    """A matrix put on a device.

    Raises:
        UnsupportedCheckpoint: a form that the kernels do not read.
    """
    matrix = linear.matrix
    bias = None if linear.bias is None else linear.bias.to(device, torch.float32).contiguous()
    rows, columns = matrix.shape

    def there(tensor: Tensor) -> Tensor:
        return tensor.to(device).contiguous()

    match matrix:
        case Floats(weight):
            codes = there(weight)
            return Packed(0, codes, codes, codes, bias, rows, columns)
        case Int8Rows(codes, scales):
            codes = there(codes)
            return Packed(1, codes, there(scales), codes, bias, rows, columns)
        case Int4Groups(codes, scales, lows):
            return Packed(2, there(codes), there(scales), there(lows), bias, rows, columns)
        case _:
            known = ", ".join(kind.__name__ for kind in _FORMS)
            raise UnsupportedCheckpoint(
                f"a matrix of the form {type(matrix).__name__} is not computed on a GPU; {known} are: "
                "load it with precision bfloat16, float16, float32, int8 or int4"
            )
