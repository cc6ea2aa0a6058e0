"""Every token computed by itself, so that its logits have the same bits whatever stands beside it.

A matrix product adds in an order that depends on how many rows it has. So a token's logits differ in their
last bits between a batch and a chunk, and now and then the likeliest token does. Where runs must repeat to
the bit, each token is a pass of one row, whose shapes depend only on the token's own position.

The price: a prompt is computed at the speed of an answer, and requests that run together are no faster than
one after another.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.pages import PagedCache
from agentkit_local_models.scheduler import Runs


class OneByOne:
    """A model that computes each token by itself."""

    def __init__(self, model: Runs) -> None:
        self._model = model

    @property
    def arch(self) -> Arch:
        """What it computes."""
        return self._model.arch

    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        """The same as the model's, a token at a time; a prompt that sees itself wholly is one pass."""
        rows: list[Tensor] = []
        for tokens, cache in steps:
            start = 0
            if self.arch.prefix is not None and cache.length == 0:
                start = list(tokens).index(self.arch.prefix.start) + 1
                rows.append(self._model.hidden([(tokens[:start], cache)]))
            rows += [self._model.hidden([([token], cache)]) for token in tokens[start:]]
        return torch.cat(rows)

    def logits_of(self, hidden: Tensor) -> Tensor:
        """The same as the model's, a row at a time."""
        return torch.cat([self._model.logits_of(row.unsqueeze(0)) for row in hidden])
