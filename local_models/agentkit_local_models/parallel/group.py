"""Processes that meet by `torch.distributed`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor

# A process waits for its next call as long as nobody asks anything; one that is gone is noticed by its
# connection, not by this.
_PATIENCE: Final = timedelta(days=365)


class Group:
    """The processes of one model; see `Share`. Each makes it with the same `size` and its own `rank`."""

    def __init__(self, rank: int, size: int, store: dist.Store, backend: str = "gloo") -> None:
        """Wait for the others.

        Args:
            rank: of this process.
            size: how many there are.
            store: by which they find each other.
            backend: of sums and gathers: "gloo", or "nccl" for tensors on GPUs. Calls go by gloo.
        """
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_PATIENCE)
        self.rank = rank
        self.size = size
        self._tensors = dist.group.WORLD if backend == "gloo" else dist.new_group(backend=backend)

    def sum(self, x: Tensor) -> Tensor:
        """See `Share`; of halves on a processor, in float32 and rounded once."""
        if x.device.type == "cpu" and x.dtype in (torch.bfloat16, torch.float16):
            exact = x.float()
            dist.all_reduce(exact, group=self._tensors)
            return exact.to(x.dtype)
        dist.all_reduce(x, group=self._tensors)
        return x

    def gather(self, x: Tensor) -> Tensor:
        """See `Share`."""
        parts = [torch.empty_like(x) for _ in range(self.size)]
        dist.all_gather(parts, x.contiguous(), group=self._tensors)
        return torch.cat(parts, dim=-1)

    def tell(self, call: Any) -> None:
        """Send a value to all others; the first process does."""
        dist.broadcast_object_list([call], src=0)

    def hear(self) -> Any:
        """The next value that the first process sends."""
        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def close(self) -> None:
        """Part; every process does."""
        dist.destroy_process_group()
