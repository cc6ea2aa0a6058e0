"""What tokens go through between two products of a block, each number or each token by itself."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.layers import Norm, is_rms
from agentkit_local_models.rotary import rotate


class Pointwise:
    """As torch computes it, for every architecture and dtype."""

    def __init__(self, arch: Arch) -> None:
        """Of one model."""
        self._arch = arch

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        """RMSNorm or LayerNorm over the last dimension, in the dtype of the norm; shape and dtype of `x`."""
        exact = x.to(norm.weight.dtype)
        if is_rms(self._arch, norm):
            result = F.rms_norm(exact, norm.weight.shape, norm.weight, self._arch.norm_epsilon)
        else:
            result = F.layer_norm(exact, norm.weight.shape, norm.weight, norm.bias, self._arch.norm_epsilon)
        return result.to(x.dtype)

    def rotate(self, heads: Tensor, cosines: Tensor, sines: Tensor) -> None:
        """See `rotary.rotate`."""
        rotate(heads, cosines, sines)

    def activated(self, hidden: Tensor) -> Tensor:
        """The activation, times the second half where there is a gate; what `hidden` held may be lost.

        Args:
            hidden: [T, feed_forward_width], or twice as wide with a gate, which comes first.

        Returns:
            [T, feed_forward_width].
        """
        if not self._arch.gated:
            return self._activation(hidden)
        gate, up = hidden.chunk(2, dim=-1)
        return self._activation(gate).mul_(up)

    def _activation(self, x: Tensor) -> Tensor:
        if self._arch.activation == "silu":
            return F.silu(x, inplace=True)  # a product that nobody else reads
        return F.gelu(x, approximate="tanh" if self._arch.activation == "gelu-tanh" else "none")
