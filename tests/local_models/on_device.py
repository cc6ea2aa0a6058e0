"""A device that is none: a model of this process, told what to do as one on a GPU is."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from agentkit_local_models.draws import Draw
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Row
from agentkit_local_models.pages import PagedCache
from agentkit_local_models.sampling import choose


@dataclass
class Tokens:
    """Tokens that were drawn."""

    tokens: list[int]

    def read(self) -> list[int]:
        return self.tokens


@dataclass
class Here:
    """Computes at once what it is told to, and counts what it drew."""

    model: Model
    drawn: int = 0
    last: list[int] = field(default_factory=list)
    device = torch.device("cpu")

    def __post_init__(self) -> None:
        self.arch, self.dtype, self.cache = self.model.arch, self.model.dtype, self.model.cache

    def room(self) -> int | None:
        return None

    def new_cache(self) -> PagedCache:
        return self.model.new_cache()

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        return self.model.logits(tokens, cache, every=every)

    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        return self.model.hidden(steps)

    def logits_of(self, hidden: Tensor) -> Tensor:
        return self.model.logits_of(hidden)

    def launch(self, rows: Sequence[Row]) -> Tensor:
        unread = [[] if row.source is None else [self.last[row.source]] for row in rows]
        hidden = self.hidden(
            [([*row.tokens, *more], row.cache) for row, more in zip(rows, unread, strict=True)]
        )
        wanted, end = [], 0
        for row in rows:
            end += row.count
            wanted += range(end - row.wanted, end)
        return self.logits_of(hidden[wanted])

    def draw(self, logits: Tensor, places: Sequence[int], draws: Sequence[Draw]) -> Tokens:
        self.drawn += len(draws)
        self.last = [_drawn(logits[place], draw) for place, draw in zip(places, draws, strict=True)]
        return Tokens(self.last)


def _drawn(row: Tensor, draw: Draw) -> int:
    if not bool(row.isfinite().all()):
        return -1
    if draw.allowed is not None:
        bits = np.unpackbits(draw.allowed.numpy().view(np.uint8), bitorder="little")[: len(row)]
        row = row[: len(bits)].masked_fill(torch.from_numpy(bits == 0), -torch.inf)
    generator = torch.Generator().manual_seed((draw.seed + 7_919 * draw.number) % (1 << 62))
    return choose(row, draw.sampling, generator)
