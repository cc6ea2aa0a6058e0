"""The residual and the norm after it at once: RMSNorm (Zhang & Sennrich 2019), LayerNorm (Ba et al. 2016).

A token's row is read once, and the sum and its norm are written. In plain steps the sum is written, read for
its mean square, read again to be scaled, and every step is a launch.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from agentkit_local_models.gpu.blocks import blocks_of, power_of_two, rows_at_once


def add_norm(
    x: Tensor,
    added: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    epsilon: float,
    *,
    layer: bool,
    kept: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """The norm of `x + added`, and what the block after it adds to.

    Args:
        x: [T, width], contiguous.
        added: [T, width], what a block returned; None for nothing.
        weight: [width], float32.
        bias: [width] or None.
        epsilon: added to the mean square, or to the variance.
        layer: LayerNorm; else RMSNorm.
        kept: the second result is the norm times this instead of the sum (ChatGLM-6B); 0 for the sum.

    Returns:
        The norm and the sum, each [T, width] in the dtype of x; the sum is rounded before it is normed, as
        it is in plain steps.
    """
    from agentkit_local_models.gpu import norm_kernels

    kernels = cast("Any", norm_kernels)  # what Triton makes of its functions
    count, width = x.shape
    normed, total = torch.empty_like(x), torch.empty_like(x)
    padded = power_of_two(width)
    rows = rows_at_once(x)
    kernels.add_norm[(blocks_of(count, rows),)](
        x, x if added is None else added, weight, weight if bias is None else bias, normed, total,
        count, width, epsilon, kept,
        rows=rows, padded=padded, adds=added is not None, biased=bias is not None,
        layer=layer, keeps=bool(kept), num_warps=min(16, max(1, padded // 512)),
    )  # fmt: skip
    return normed, total
