"""A linear layer with its delta joined into the weight, and gradients for the delta alone."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor
from torch.autograd import Function


def joined_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
) -> Tensor:
    """A linear layer of the weight W + scale · B A, rounded once; gradients reach x, A and B.

    Autograd would first make the gradient of the joined weight, a third of all the arithmetic. With G the
    gradient of the result, that of A is scale · (G B)ᵀ x and that of B is scale · Gᵀ (x Aᵀ): the same
    numbers from thin matrices.

    Args:
        x: [T, in].
        weight: W, [out, in].
        bias: [out] or none.
        a: A, [rank, in].
        b: B, [out, rank].
        scale: alpha / rank.

    Returns:
        [T, out].
    """
    apply = cast("Any", _JoinedLinear.apply)  # pyright: ignore[reportUnknownMemberType]
    return apply(x, weight, bias, a, b, scale)


class _JoinedLinear(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        joined = torch.addmm(weight, b, a, alpha=scale)
        ctx.save_for_backward(x, joined, a, b)
        ctx.scale = scale
        return F.linear(x, joined, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = grad_outputs
        x, joined, a, b = ctx.saved_tensors
        to_x = gradient.mm(joined) if ctx.needs_input_grad[0] else None
        to_a = (gradient.mm(b) * ctx.scale).T.mm(x)
        to_b = gradient.T.mm(F.linear(x, a) * ctx.scale)
        return to_x, None, None, to_a, to_b, None
