"""What tokens of a prompt go through between two products, in C++: several steps at once, rounded once."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.layers import Norm, is_rms
from agentkit_local_models.native.library import Workers
from agentkit_local_models.pointwise import Pointwise

LANES: Final = 16
ACTIVATIONS: Final = ("silu", "gelu-tanh")
"""In the order of `pointwise.h`."""


class NativePointwise(Pointwise):
    """Bfloat16 whose sizes 16 divides, where nobody asks for a gradient; the rest as torch does."""

    def __init__(self, arch: Arch, workers: Workers) -> None:
        """Of one model.

        Args:
            arch: of it.
            workers: that compute it.
        """
        super().__init__(arch)
        self._workers = workers

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        """See `Pointwise`."""
        width = x.shape[-1]
        exact = norm.weight.dtype == torch.float32
        if not (x.ndim == 2 and exact and is_rms(self._arch, norm) and _fits(x, width)):
            return super().norm(x, norm)
        y = torch.empty_like(x)
        self._workers.library.norm_many(
            self._workers.handle, len(x), width, x.data_ptr(), x.stride(0),
            norm.weight.data_ptr(), self._arch.norm_epsilon, y.data_ptr(), y.stride(0),
        )  # fmt: skip
        return y

    def rotate(self, heads: Tensor, cosines: Tensor, sines: Tensor) -> None:
        """See `rotary.rotate`."""
        rotated = cosines.shape[-1]
        if not (_fits(heads, rotated // 2) and cosines.dtype == torch.bfloat16):
            return super().rotate(heads, cosines, sines)
        tokens, count, width = heads.shape
        self._workers.library.turn_many(
            self._workers.handle, tokens, count, width, rotated,
            heads.data_ptr(), heads.stride(0), cosines.data_ptr(), sines.data_ptr(),
        )  # fmt: skip
        return None

    def activated(self, hidden: Tensor) -> Tensor:
        """See `Pointwise`."""
        width = hidden.shape[-1] // 2
        known = self._arch.gated and self._arch.activation in ACTIVATIONS
        if not (known and _fits(hidden, width)):
            return super().activated(hidden)
        self._workers.library.gate_many(
            self._workers.handle, len(hidden), width, ACTIVATIONS.index(self._arch.activation),
            hidden.data_ptr(), hidden.stride(0),
        )  # fmt: skip
        return hidden[:, :width]


def _fits(x: Tensor, width: int) -> bool:
    """Rows of whole vectors, or rows of heads that lie side by side."""
    packed = x.stride(-1) == 1 and (x.ndim == 2 or x.stride(1) == x.shape[2])
    return packed and x.dtype == torch.bfloat16 and not width % LANES and torch.is_inference_mode_enabled()
