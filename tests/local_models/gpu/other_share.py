"""The second of two processes that share models: `python other_share.py MEETING`, until it hears None."""

import sys

import torch

from agentkit_local_models.following import follow
from agentkit_local_models.gpu.model import GpuModel
from agentkit_local_models.model import Model
from agentkit_local_models.parallel.group import Group
from agentkit_local_models.share import arch_of, weights_of


def share_on_kernels(group: Group, arch, weights, form, capture=None) -> GpuModel:
    """One's share of a model, computed by our kernels where this process computes."""
    own = Model(
        arch_of(arch, group.size),
        weights_of(weights.items(), group.rank, group.size),
        torch.float32,
        form,
        group,
    )
    return GpuModel(own, torch.device("cpu"), vocabulary_size=arch.vocabulary_size, capture=capture)


class Again:
    """A capture that remembers what was launched, and launches it again over the same memory."""

    def __init__(self) -> None:
        self.replays = 0

    def __call__(self, launches):
        result = launches().clone().fill_(torch.nan)  # nothing is computed by capturing

        def replay() -> None:
            self.replays += 1
            result.copy_(launches())

        return replay, result


if __name__ == "__main__":
    group = Group(1, 2, sys.argv[1])
    while (told := group.hear()) is not None:
        follow(share_on_kernels(group, *told, Again()), group)
    group.close()
