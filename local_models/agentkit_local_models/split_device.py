"""A model whose shares are on several devices, each of a process: what the scheduler asks of one device.

The first process is asked and draws. Its tokens go from its device to the others', so that no process waits
for them: the next pass finds them where it computes (`overlap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from agentkit_local_models.draws import Draw
from agentkit_local_models.overlap import Device, Row
from agentkit_local_models.overlap import Drawn as Reading
from agentkit_local_models.share import Share
from agentkit_local_models.split import Drawn, Launch, Line, SplitModel


class FirstPart(Device, Protocol):
    """The first process's share, which sends what it draws to the others: `gpu.model.GpuModel`."""

    @property
    def share(self) -> Share:
        """Which share it is."""
        ...

    def release(self) -> None:
        """Forget what was captured."""
        ...


class SplitDevice(SplitModel):
    """The first process's share on its device, which has the others compute with it; see `overlap.Device`."""

    def __init__(self, model: FirstPart, line: Line, room: int | None = None) -> None:
        """Nothing is told yet.

        Args:
            model: this process's share.
            line: to the others, who `follow`.
            room: bytes that are free on the device that has least; None where nobody counts them.
        """
        super().__init__(model, line)
        self._part = model
        self._room = room

    @property
    def device(self) -> torch.device:
        """Where the pages of this process are."""
        return self._part.device

    def room(self) -> int | None:
        """Bytes that are free on each device."""
        return self._room

    def close(self) -> None:
        """Let the others go; what was captured is forgotten before, for it would keep NCCL from parting."""
        with self._lock:  # a step that is under way ends before, and none begins after it
            self._part.release()
            super().close()

    def launch(self, rows: Sequence[Row]) -> Tensor:
        """See `overlap.Device`."""
        with self._lock:
            number, copies = self._known(rows[0].cache.pool)
            steps = tuple(self._step(row.tokens, row.cache, row.source, row.wanted) for row in rows)
            self._tell(Launch(number, copies, steps))
            return self._part.launch(rows)

    def draw(self, logits: Tensor, places: Sequence[int], draws: Sequence[Draw]) -> Reading:
        """See `overlap.Device`."""
        with self._lock:
            self._tell(Drawn(len(draws)))
            return self._part.draw(logits, places, draws)
