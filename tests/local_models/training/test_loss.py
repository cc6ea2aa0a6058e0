"""Losses that are made of some rows at a time, against the whole at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.training.forward import Model
from agentkit_local_models.training.loss import ROWS, cross_entropy, divergence
from agentkit_local_models.training.packs import Conversation, Pack, make_pack
from agentkit_local_models.training.trained import assembled

from ..oracle import random_weights  # noqa: TID252
from .tiny import CONFIGS, learnt_logits

LONG = 2 * ROWS + 5
"""Two whole groups of rows, and a part of one."""


def pack_of(count: int) -> Pack:
    ids = tuple(torch.randint(0, 256, (count,), generator=torch.Generator().manual_seed(4)).tolist())
    return make_pack([Conversation((7,), ids, (True,) * count)])


def whole_cross_entropy(model: Model, base: Model, pack: Pack) -> Tensor:
    return F.cross_entropy(learnt_logits(model, pack), pack.targets, reduction="sum")


def whole_divergence(model: Model, base: Model, pack: Pack) -> Tensor:
    now, kept = (learnt_logits(one, pack).log_softmax(dim=-1) for one in (model, base))
    return F.kl_div(now, kept.detach(), reduction="sum", log_target=True)


LOSSES: dict[str, tuple[Callable[[Model, Model, Pack], Tensor], Callable[[Model, Model, Pack], Tensor]]] = {
    "cross entropy": (lambda model, _, pack: cross_entropy(model, pack), whole_cross_entropy),
    "divergence": (divergence, whole_divergence),
}


@pytest.mark.parametrize("count", [1, ROWS, LONG])
@pytest.mark.parametrize(("by_rows", "whole"), LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_rows_add_up_to_the_whole(
    config: Arch,
    by_rows: Callable[[Model, Model, Pack], Tensor],
    whole: Callable[[Model, Model, Pack], Tensor],
    count: int,
) -> None:
    weights = {name: weight.requires_grad_() for name, weight in random_weights(config).items()}
    base = assembled(config, {name: 0.9 * weight.detach() for name, weight in weights.items()})
    pack = pack_of(count)
    found, expected = (loss(assembled(config, weights), base, pack) for loss in (by_rows, whole))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-5)
    # half of it, so that what is passed back is scaled
    for mine, other in zip(
        torch.autograd.grad(0.5 * found, list(weights.values())),
        torch.autograd.grad(0.5 * expected, list(weights.values())),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)
