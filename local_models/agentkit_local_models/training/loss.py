"""What training makes smaller."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.training.forward import Model, learnt_logits
from agentkit_local_models.training.packs import Pack


def cross_entropy(model: Model, pack: Pack) -> Tensor:
    """The summed cross entropy of the tokens to be learnt, in nats."""
    return F.cross_entropy(learnt_logits(model, pack).float(), pack.targets, reduction="sum")


def divergence(model: Model, base: Model, pack: Pack) -> Tensor:
    """The summed Kullback-Leibler divergence of the model from the base over the pack's tokens, in nats.

    It keeps the model where it was on text that it is not to learn anything from.
    """
    with torch.no_grad():
        kept = F.log_softmax(learnt_logits(base, pack).float(), dim=-1)
    now = F.log_softmax(learnt_logits(model, pack).float(), dim=-1)
    return F.kl_div(now, kept, reduction="sum", log_target=True)
