"""A linear layer with its delta, joined into the weight or beside it, and gradients for the delta alone."""

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


def beside_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
) -> Tensor:
    """The same layer with the delta beside the weight: x Wᵀ + scale · (x Aᵀ) Bᵀ.

    No weight is made, so that a large model needs less memory and time; where a few thousand tokens share
    a pass, making the joined weights of a model with a billion of them takes a fifth of it. It is also what
    quantised weights do in use, which cannot be joined.
    """
    apply = cast("Any", _BesideLinear.apply)  # pyright: ignore[reportUnknownMemberType]
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
        return to_x, None, None, *_to_delta(x, gradient.mm(b), gradient, a, ctx.scale), None


class _BesideLinear(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, a, b)
        ctx.scale = scale
        return F.linear(x, weight, bias).addmm_(F.linear(x, a), b.T, alpha=scale)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = grad_outputs
        x, weight, a, b = ctx.saved_tensors
        thin = gradient.mm(b)
        to_x = gradient.mm(weight).addmm_(thin, a, alpha=ctx.scale) if ctx.needs_input_grad[0] else None
        return to_x, None, None, *_to_delta(x, thin, gradient, a, ctx.scale), None


def _to_delta(x: Tensor, thin: Tensor, gradient: Tensor, a: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The gradients of A and B; `thin` is G B, [T, rank]."""
    return (thin * scale).T.mm(x), gradient.T.mm(F.linear(x, a) * scale)
