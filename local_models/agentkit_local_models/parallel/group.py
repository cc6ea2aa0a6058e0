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
_all_reduce: Any = dist.all_reduce  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_all_gather: Any = dist.all_gather  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class Group:
    """The processes of one model; see `Share`. Each makes it with the same `size` and its own `rank`."""

    def __init__(self, rank: int, size: int, meeting: str) -> None:
        """Wait for the others.

        Args:
            rank: of this process.
            size: how many there are.
            meeting: where they find each other: `file://PATH`, `tcp://HOST:PORT`, or `env://` under torchrun.
        """
        # values go by gloo, and so do tensors of a processor; those of a GPU by NCCL where torch has it
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, init_method=meeting, rank=rank, world_size=size, timeout=_PATIENCE)
        self.rank = rank
        self.size = size

    def sum(self, x: Tensor) -> Tensor:
        """See `Share`; of halves on a processor, in float32 and rounded once."""
        if x.device.type == "cpu" and x.dtype in (torch.bfloat16, torch.float16):
            exact = x.float()
            _all_reduce(exact)
            return exact.to(x.dtype)
        _all_reduce(x)
        return x

    def gather(self, x: Tensor) -> Tensor:
        """See `Share`."""
        parts = [torch.empty_like(x) for _ in range(self.size)]
        _all_gather(parts, x.contiguous())
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
