"""What the layers of a pass write to a sequence's pages, and read there."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from agentkit_local_models.pages import PAGE, PagedCache, pages_for
from agentkit_local_models.quantise import heads_of_int8, int8_heads


class Span:
    """The next tokens of a sequence, as the layers of one call write and read them.

    The pages are reserved before, and the cache's length is as it was before these tokens.
    """

    def __init__(self, cache: PagedCache, count: int) -> None:
        self.cache = cache
        self.count = count
        self.start, self.end = cache.length, cache.length + count
        numbers = torch.tensor(cache.pages, dtype=torch.long)
        places = torch.arange(self.start, self.end)
        self._pages, self._places = numbers[places // PAGE], places % PAGE
        self._runs = _runs(cache.pages[: pages_for(self.end)])
        self._memory: Tensor | None = None

    def store(self, layer: int, heads: Tensor) -> None:
        """Put the tokens' keys and values [count, 2 K, D] into the pages of a layer."""
        pool = self.cache.pool
        if pool.form == "float":
            self._put(pool.layers[layer], heads)
            return
        codes, scales = int8_heads(heads)
        self._put(pool.layers[layer], codes)
        self._put(pool.scales[layer], scales)

    def _put(self, pages: Tensor, heads: Tensor) -> None:
        """What the tokens have in [count, 2 K, ...], into [pages, 2 K, 16, ...]."""
        if self.count == 1:
            pages[self._pages[0], :, self._places[0]] = heads[0]
        else:
            pages[self._pages, :, self._places] = heads

    def join(self, layer: int, heads: Tensor) -> Tensor:
        """Store the tokens' keys and values, and return them after those of all tokens before.

        Args:
            layer: its number.
            heads: [count, 2 K, D].

        Returns:
            [2 K, end, D], good until the next call. What is kept in few bits is read from there, also what
            was just stored: so it is the same however a prompt is cut into pieces.
        """
        self.store(layer, heads)
        pool = self.cache.pool
        pages = pool.layers[layer]
        if not self.start and pool.form == "float":
            return heads.transpose(0, 1)
        if self._memory is None:
            _, rows, _, width = pages.shape
            self._memory = torch.empty(rows, pages_for(self.end), PAGE, width, dtype=heads.dtype)
        place = 0
        for first, count in self._runs:
            run = pages[first : first + count]
            if pool.form != "float":
                run = heads_of_int8(run, pool.scales[layer][first : first + count], heads.dtype)
            self._memory[:, place : place + count] = run.transpose(0, 1)
            place += count
        return self._memory.flatten(1, 2)[:, : self.end]


def stages_of(steps: Sequence[tuple[PagedCache, int]]) -> Tensor | None:
    """The stage of each of the next tokens of some sequences: int64 [T]; None where all are in the first."""
    stages = [cache.stage for cache, count in steps for _ in range(count)]
    return torch.tensor(stages, dtype=torch.long) if any(stages) else None


def _runs(pages: Sequence[int]) -> list[tuple[int, int]]:
    """The pages as (first, how many) of neighbours."""
    runs: list[tuple[int, int]] = []
    for page in pages:
        if runs and page == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((page, 1))
    return runs
