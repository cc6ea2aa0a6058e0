"""What a pass is told, put together here and sent to the device in two pieces, or into memory that stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agentkit_local_models.gpu.draw import sent
from agentkit_local_models.gpu.step import Inputs
from agentkit_local_models.overlap import Row
from agentkit_local_models.pages import PAGE, pages_for


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass as numbers; fields as in `Inputs`."""

    ids: list[int]
    sources: list[int]
    positions: list[int]
    slots: list[int]
    starts: list[int]
    lengths: list[int]
    wanted: list[int]
    tables: list[list[int]]
    most_tokens: int
    most_length: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Pass:
        """The pass over rows' tokens, whose pages are reserved."""
        ids: list[int] = []
        sources: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        starts, lengths, wanted = [0], list[int](), list[int]()
        for row in rows:
            first, pages = row.cache.length, row.cache.pages
            ids += row.tokens
            sources += [-1] * len(row.tokens)
            if row.source is not None:
                ids.append(0)
                sources.append(row.source)
            for position in range(first, first + row.count):
                positions.append(position)
                slots.append(pages[position // PAGE] * PAGE + position % PAGE)
            starts.append(len(ids))
            lengths.append(first + row.count)
            wanted += range(len(ids) - row.wanted, len(ids))
        tables = [row.cache.pages[: pages_for(length)] for row, length in zip(rows, lengths, strict=True)]
        return cls(
            ids, sources, positions, slots, starts, lengths, wanted, tables,
            max(row.count for row in rows), max(lengths),
        )  # fmt: skip

    @property
    def writes(self) -> bool:
        """Whether each sequence has one token, and its logits are wanted: the step of decoding."""
        return self.most_tokens == 1 and len(self.wanted) == len(self.lengths)

    def filled(self, bucket: int) -> Pass:
        """The same of as many sequences as a bucket has; those that are added store nothing.

        Args:
            bucket: no fewer than there are, of a pass that `writes`.
        """
        more = bucket - len(self.lengths)
        return Pass(
            self.ids + [0] * more,
            self.sources + [-1] * more,
            self.positions + [0] * more,
            self.slots + [-1] * more,
            self.starts + [len(self.ids)] * more,
            self.lengths + [0] * more,
            list(range(bucket)),
            self.tables + [[]] * more,
            self.most_tokens,
            self.most_length,
        )

    def inputs(self, device: torch.device) -> Inputs:
        """It on the device, which is not waited for."""
        numbers, tables = self.tensors()
        return _inputs(self, sent(numbers, device), sent(tables, device), self.most_length)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Its numbers one after another, and its tables, here."""
        fields = (self.ids, self.sources, self.positions, self.slots, self.starts, self.lengths, self.wanted)
        width = max(1, max(map(len, self.tables)))
        tables = [table + [0] * (width - len(table)) for table in self.tables]
        return (
            torch.tensor([number for one in fields for number in one], dtype=torch.int32),
            torch.tensor(tables, dtype=torch.int32),
        )


class Standing:
    """Memory on a device for passes of one bucket, in which a captured pass finds what it is told."""

    def __init__(self, bucket: int, most_length: int, device: torch.device) -> None:
        """Room for as many sequences as the bucket has, of so many tokens at most."""
        self._numbers = torch.zeros(7 * bucket + 1, dtype=torch.int32, device=device)
        self._tables = torch.zeros(bucket, pages_for(most_length), dtype=torch.int32, device=device)
        self._bucket = bucket
        self._most_length = most_length
        self._device = device

    def told(self, one: Pass) -> Inputs:
        """The same tensors each time, with this pass in them."""
        one = one.filled(self._bucket)
        numbers, tables = one.tensors()
        self._numbers.copy_(sent(numbers, self._device))
        self._tables[:, : tables.shape[1]].copy_(sent(tables, self._device))
        return _inputs(one, self._numbers, self._tables, self._most_length)


def _inputs(one: Pass, numbers: Tensor, tables: Tensor, most_length: int) -> Inputs:
    tokens, sequences = len(one.ids), len(one.lengths)
    sizes = [tokens] * 4 + [sequences + 1, sequences, len(one.wanted)]
    ids, sources, positions, slots, starts, lengths, wanted = torch.split(numbers, sizes)
    return Inputs(
        ids, sources, positions, slots, starts, lengths, wanted, tables, one.most_tokens, most_length
    )
