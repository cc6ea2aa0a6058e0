"""Which device each process of a split model computes on, and how much room there is."""

from __future__ import annotations

from collections.abc import Callable

import torch

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.overlap import Device
from agentkit_local_models.share import Share
from agentkit_local_models.split import Part


def places_of(
    device: str,
    count: int,
    *,
    gpus: Callable[[], int] = torch.cuda.device_count,
    has_nccl: Callable[[], bool] = torch.distributed.is_nccl_available,
) -> list[torch.device]:
    """The devices of so many processes of one machine.

    >>> places_of("cuda", 2, gpus=lambda: 4, has_nccl=lambda: True)
    [device(type='cuda', index=0), device(type='cuda', index=1)]

    Args:
        device: "cpu", which all of them share, or "cuda", of which each has one.
        count: of the processes.
        gpus: how many torch sees.
        has_nccl: whether torch has what GPUs meet by.

    Raises:
        ValueError: it is neither.
        LocalModelError: there are too few GPUs, or no NCCL.
    """
    if device == "cpu":
        return [torch.device("cpu")] * count
    if device != "cuda":
        raise ValueError(
            f"a model cannot be split over {device!r}; cpu and cuda work, "
            "and CUDA_VISIBLE_DEVICES says which GPUs are seen"
        )
    if (there := gpus()) < count:
        raise LocalModelError(
            f"{count} processes need a GPU each, and torch {torch.__version__} sees {there}; "
            "fewer processes or device='cpu' work"
        )
    if not has_nccl():
        raise LocalModelError(
            f"torch {torch.__version__} has no NCCL, by which GPUs meet; a CUDA build of it has"
        )
    return [torch.device("cuda", number) for number in range(count)]


def least_room(model: Part, share: Share) -> int | None:
    """Bytes that are free on the device that has least, for each has as many pages; None on a processor.

    Every process asks at the same time.
    """
    room = model.room() if isinstance(model, Device) else None
    if room is None:
        return None
    return int(share.gather(torch.tensor([[room]])).min())
