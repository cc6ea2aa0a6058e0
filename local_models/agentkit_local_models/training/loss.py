"""What training makes smaller.

Logits are the largest thing in a training of a small model: 49,152 numbers a token. Here they exist for
`ROWS` tokens at a time, which give their part of the loss and of its gradient at once and are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor
from torch.autograd import Function

from agentkit_local_models.model import capped
from agentkit_local_models.training.forward import Model, learnt_states
from agentkit_local_models.training.packs import Pack

ROWS = 64
"""Tokens whose logits are there at once."""


def cross_entropy(model: Model, pack: Pack) -> Tensor:
    """The summed cross entropy of the tokens to be learnt, in nats."""

    def part(logits: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        places = pack.targets[rows].unsqueeze(1)
        said = logits.gather(1, places)
        loss = (logits.logsumexp(dim=-1, keepdim=True) - said).sum()
        gradient = logits.softmax(dim=-1)
        return loss, gradient.scatter_add_(1, places, torch.full_like(said, -1))

    return _summed(model, pack, part)


def divergence(model: Model, base: Model, pack: Pack) -> Tensor:
    """The summed Kullback-Leibler divergence of the model from the base over the pack's tokens, in nats.

    It keeps the model where it was on text that it is not to learn anything from.
    """
    with torch.no_grad():
        states = learnt_states(base, pack)

    def part(logits: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        now = logits.log_softmax(dim=-1)
        kept = F.linear(states[rows], base.head).float()
        if cap := base.config.logit_cap:
            kept = capped(kept, cap)
        kept = kept.log_softmax(dim=-1)
        wanted = kept.exp()
        return wanted.mul(kept - now).sum(), now.exp_().sub_(wanted)

    return _summed(model, pack, part)


_Part = Callable[[Tensor, slice], tuple[Tensor, Tensor]]
"""Of float32 logits [n, vocabulary_size] and the rows that they are: their loss, and its gradient."""


def _summed(model: Model, pack: Pack, part: _Part) -> Tensor:
    apply = cast("Any", _Summed.apply)  # pyright: ignore[reportUnknownMemberType]
    return apply(learnt_states(model, pack), model.head, _with_cap(part, model.config.logit_cap))


def _with_cap(part: _Part, cap: float) -> _Part:
    """The part of logits that are squeezed first, where there is a cap; its gradient goes through that."""
    if not cap:
        return part

    def squeezed(logits: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        within = capped(logits, cap)
        loss, gradient = part(within, rows)
        return loss, gradient.mul_(1 - (within / cap).square_())

    return squeezed


class _Summed(Function):
    """The sum of a loss over rows of logits, with its gradient made on the way."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, head: Tensor, part: _Part) -> Tensor:
        total = torch.zeros((), device=states.device)
        to_states = torch.empty_like(states)
        to_head = torch.zeros_like(head, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for rows in _rows(len(states)):
            loss, exact = part(F.linear(states[rows], head).float(), rows)
            total += loss
            gradient = exact.to(head.dtype)
            torch.mm(gradient, head, out=to_states[rows])
            if to_head is not None:
                to_head += gradient.T.mm(states[rows])
        ctx.save_for_backward(to_states, to_head)
        ctx.kind = head.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (share,) = grad_outputs
        to_states, to_head = ctx.saved_tensors
        return to_states * share, None if to_head is None else (to_head * share).to(ctx.kind), None


def _rows(count: int) -> Iterator[slice]:
    return (slice(start, start + ROWS) for start in range(0, count, ROWS))
