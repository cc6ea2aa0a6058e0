"""CUDA graphs of the step of decoding: hundreds of launches become one.

A bucket is a number of sequences; a pass takes the least that holds it. What a pass is told lies in memory
that stays (`passes.Standing`), so a bucket is captured once and replayed from then on. Its first pass is
computed plainly, because kernels are compiled then, and compiling cannot be captured; its second is captured.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from agentkit_local_models.gpu.passes import Pass, Standing
from agentkit_local_models.gpu.step import Inputs

BUCKETS: Final = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Sequences of a captured step; the rows that only fill one are computed for nothing."""


class Capture(Protocol):
    """What makes a thing to replay of a function that only launches."""

    def __call__(self, launches: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """What launches it all again, and the tensor that the result then lies in."""
        ...


class CudaCapture:
    """Capture by `torch.cuda.CUDAGraph`; the graphs share their memory, for one runs at a time."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, launches: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """See `Capture`."""
        graph = torch.cuda.CUDAGraph()
        # other threads may use the device meanwhile, say for another model
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            result = launches()
        return graph.replay, result


@dataclass(slots=True)
class _Bucket:
    """One bucket, and what is replayed of it."""

    standing: Standing
    passes: int = 0
    replay: Callable[[], None] | None = None
    result: Tensor | None = None


class Graphs:
    """Steps of decoding by bucket."""

    def __init__(
        self,
        compute: Callable[[Inputs], Tensor],
        device: torch.device,
        most_length: int,
        capture: Capture | None,
        buckets: tuple[int, ...] = BUCKETS,
    ) -> None:
        """Nothing is captured yet.

        Args:
            compute: launches a pass over what lies in its inputs.
            device: of these.
            most_length: tokens of the longest sequence.
            capture: makes a thing to replay; None where nothing can be captured, and each pass is launched.
            buckets: ascending.
        """
        self._compute = compute
        self._device = device
        self._most_length = most_length
        self._capture = capture
        self._sizes = buckets
        self._buckets: dict[int, _Bucket] = {}

    @property
    def captured(self) -> list[int]:
        """The buckets that are replayed."""
        return sorted(size for size, bucket in self._buckets.items() if bucket.replay is not None)

    def run(self, one: Pass) -> Tensor | None:
        """The pass's result, good until the next pass; None for one that no bucket is for."""
        count = len(one.lengths)
        if self._capture is None or not one.writes or count > self._sizes[-1]:
            return None
        size = self._sizes[bisect_left(self._sizes, count)]
        if size not in self._buckets:
            self._buckets[size] = _Bucket(Standing(size, self._most_length, self._device))
        bucket = self._buckets[size]
        inputs = bucket.standing.told(one)
        bucket.passes += 1
        if bucket.passes == 1:
            return self._compute(inputs)[:count]
        if bucket.replay is None or bucket.result is None:
            bucket.replay, bucket.result = self._capture(lambda: self._compute(inputs))
        bucket.replay()
        return bucket.result[:count]
