"""A process's share of a model that several compute together: tensor parallelism (Shoeybi et al. 2019).

Each process has some heads and some of the hidden layer: rows of the matrices that lead there, columns of
those that lead back. What leads back gives each a part of a sum, so there are two sums a layer; the output
head is split by its vocabulary, and its logits are gathered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.lora import Adapter, Pair
from agentkit_local_models.tuned_prefix import TunedPrefix

_ROWS = ("query", "key", "value", "gate", "up")
"""Parts whose rows are split; the columns are of `output` and `down`."""
_COLUMNS = ("output", "down")


class Share(Protocol):
    """Which share this process has, and how it meets the others."""

    @property
    def rank(self) -> int:
        """Its number, from 0 on."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def sum(self, x: Tensor) -> Tensor:
        """The sum of every process's tensor; x may be changed."""
        ...

    def gather(self, x: Tensor) -> Tensor:
        """Every process's [T, n] side by side: [T, size * n]."""
        ...

    def spread(self, x: Tensor) -> None:
        """Write the first process's tensor into every other's."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The one share of a model that is not split."""

    rank: int = 0
    size: int = 1

    def sum(self, x: Tensor) -> Tensor:
        """There is nothing to add."""
        return x

    def gather(self, x: Tensor) -> Tensor:
        """There is nothing beside it."""
        return x

    def spread(self, x: Tensor) -> None:
        """There is nobody else."""


WHOLE = Whole()


def arch_of(arch: Arch, size: int) -> Arch:
    """What each of so many processes computes.

    Raises:
        UnsupportedCheckpoint: heads, key heads or the hidden layer cannot be split into so many.
    """
    counts = {
        "heads": arch.heads,
        "key heads": arch.kv_heads,
        "numbers of the hidden layer": arch.feed_forward_width,
    }
    if size < 1 or any(count % size for count in counts.values()):
        found = ", ".join(f"{count} {what}" for what, count in counts.items())
        works = [n for n in range(1, arch.kv_heads + 1) if not any(count % n for count in counts.values())]
        raise UnsupportedCheckpoint(
            f"{found} cannot be split over {size} processes; {', '.join(map(str, works))} work"
        )
    return replace(
        arch,
        heads=arch.heads // size,
        kv_heads=arch.kv_heads // size,
        feed_forward_width=arch.feed_forward_width // size,
    )


def weights_of(weights: Iterable[tuple[str, Tensor]], rank: int, size: int) -> Iterator[tuple[str, Tensor]]:
    """One share of named weights; what is not split is in each.

    A bias that is added after a sum is the first process's alone, else it would be added by each.
    """
    for name, weight in weights:
        part, leaf = name.split(".")[-2:]
        if not name.startswith("layers."):
            yield name, (weight[rows_of(len(weight), rank, size)] if part == "head" else weight)
        elif part in _ROWS:
            yield name, weight.chunk(size)[rank]
        elif part in _COLUMNS and leaf == "weight":
            yield name, weight.chunk(size, dim=1)[rank].contiguous()
        elif part in _COLUMNS and rank:
            yield name, torch.zeros_like(weight)
        else:
            yield name, weight


def adapter_of(adapter: Adapter, rank: int, size: int) -> Adapter:
    """One share of an adapter: rows of B where the weight's are split, columns of A where its columns are."""
    pairs: dict[str, Pair] = {}
    for name, pair in adapter.pairs.items():
        if name.split(".")[-2] in _ROWS:
            pairs[name] = Pair(pair.a, pair.b.chunk(size)[rank])
        else:
            pairs[name] = Pair(pair.a.chunk(size, dim=1)[rank], pair.b)
    return Adapter(adapter.config, pairs)


def prefix_of(prefix: TunedPrefix, rank: int, size: int) -> TunedPrefix:
    """One share of a tuned prefix: some heads of its keys and of its values."""
    return TunedPrefix(
        tuple(torch.cat([half.chunk(size)[rank] for half in layer.chunk(2)]) for layer in prefix.layers)
    )


def whole_logits(logits: Tensor, vocabulary_size: int, share: Share) -> Tensor:
    """The logits of all shares, of one's own: [T, rows of the share] to [T, vocabulary_size]."""
    if share.size == 1:
        return logits
    each = -(-vocabulary_size // share.size)  # the last may have fewer rows
    return share.gather(F.pad(logits, (0, each - logits.shape[1])))[:, :vocabulary_size]


def rows_of(rows: int, rank: int, size: int) -> slice:
    """Which rows of the output head a process has: as many as the others, the last maybe fewer."""
    each = -(-rows // size)
    return slice(min(rank * each, rows), min((rank + 1) * each, rows))
