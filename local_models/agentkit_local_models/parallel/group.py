"""Processes that meet by `torch.distributed`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor

# Within it all have to meet, and whatever they compute together has to end.
_PATIENCE: Final = timedelta(minutes=30)
# A process waits for its next call as long as nobody asks anything; a first process that is gone is noticed
# by its connection, not by this.
_FOR_A_CALL: Final = timedelta(days=365)
_PROCESSOR: Final = torch.device("cpu")
_broadcast: Any = dist.broadcast  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_all_reduce: Any = dist.all_reduce  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_all_gather: Any = dist.all_gather  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_new_group: Any = dist.new_group  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def backend_of(device: torch.device) -> str:
    """What processes meet by that compute on devices of a kind, as `torch.distributed` names it.

    Values and tensors of a processor go by gloo, those of GPUs by NCCL.

    >>> backend_of(torch.device("cpu")), backend_of(torch.device("cuda", 1))
    ('gloo', 'cpu:gloo,cuda:nccl')
    """
    return "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"


def begun(backend: str, **how: Any) -> Any:
    """Torch's group of all processes, and beside it the one by which they wait for calls."""
    dist.init_process_group(backend, **how)
    return _new_group(backend="gloo", timeout=_FOR_A_CALL)


class Group:
    """The processes of one model; see `Share`. Each makes it with the same `size` and its own `rank`."""

    def __init__(
        self,
        rank: int,
        size: int,
        meeting: str,
        device: torch.device = _PROCESSOR,
        *,
        begin: Callable[..., Any] = begun,
    ) -> None:
        """Wait for the others.

        Args:
            rank: of this process.
            size: how many there are.
            meeting: where they find each other: `file://PATH`, `tcp://HOST:PORT`, or `env://` under torchrun.
            device: that computes this process's share; a GPU of its own, or the processor.
            begin: makes torch's group, as `torch.distributed.init_process_group` does, and gives the one
                that calls are told by.
        """
        how: dict[str, Any] = {"init_method": meeting, "rank": rank, "world_size": size, "timeout": _PATIENCE}
        if device.type != "cpu":
            how["device_id"] = device  # or NCCL would guess which GPU is whose
        self._calls = begin(backend_of(device), **how)
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

    def spread(self, x: Tensor) -> None:
        """See `Share`."""
        _broadcast(x, src=0)

    def tell(self, call: Any) -> None:
        """Send a value to all others; the first process does."""
        dist.broadcast_object_list([call], src=0, group=self._calls, device=_PROCESSOR)

    def hear(self) -> Any:
        """The next value that the first process sends."""
        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0, group=self._calls, device=_PROCESSOR)
        return box[0]

    def close(self) -> None:
        """Part; every process does."""
        dist.destroy_process_group()
