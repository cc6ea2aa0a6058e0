"""An engine whose model is split over processes of this machine, or of those that `torchrun` began."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

import msgspec
import torch

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.following import follow
from agentkit_local_models.gpu.model import GpuModel
from agentkit_local_models.model import Model
from agentkit_local_models.parallel.group import Group
from agentkit_local_models.parallel.places import least_room, places_of
from agentkit_local_models.precision import Form, Precision, WeightPrecision, weights_and_dtype
from agentkit_local_models.share import arch_of, weights_of
from agentkit_local_models.split import SplitModel
from agentkit_local_models.split_device import SplitDevice

# Seconds within which other processes have to begin, which is to import torch.
_PATIENCE: Final = 600.0
# Seconds after which it is looked again whether they have.
_LOOK: Final = 0.1
# Seconds that a process which was told to end has for it.
_PARTING: Final = 300.0
# torchrun has begun this process where this variable is there.
_TORCHRUN: Final = "TORCHELASTIC_RUN_ID"


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to compute: everything but its rank.

    Attributes:
        path: of the checkpoint.
        size: how many processes.
        meeting: where they find each other, as `Group` has it.
        dtype: to compute in; what "auto" is, the first process finds.
        precision: of the weights; a quantised share is rounded by itself.
        device: that computes: "cpu", or "cuda", of which each process has one.
    """

    path: str
    size: int
    meeting: str
    dtype: Literal["auto"] | Precision
    precision: WeightPrecision
    device: str


@contextmanager
def split_engine(
    path: Path,
    size: int,
    *,
    dtype: Literal["auto"] | Precision = "auto",
    precision: WeightPrecision = "auto",
    cache_tokens: int | None = None,
    device: str = "cpu",
) -> Generator[Engine]:
    """An engine whose model is split over processes, which end with the block.

    Under `torchrun` every process calls this, with the number that torchrun was given. The first gets the
    engine. The others compute with it, and then end (`SystemExit`) without ever entering the block.

    Args:
        path: of a GGUF file or a hub folder.
        size: how many processes compute, this one among them.
        dtype: to compute in; "auto" as `Engine.load`.
        precision: of the weights, but not "file".
        cache_tokens: as `Engine.load`, in each process.
        device: that computes: "cpu", or "cuda", where each process of a machine has a GPU of its own; these
            meet by NCCL.

    Raises:
        CheckpointError: as `Engine.load`.
        UnsupportedCheckpoint: the model cannot be split over so many, or no kernel computes something of it.
        LocalModelError: there are too few GPUs, or torch has no NCCL.
        ValueError: a precision that cannot be split, no such device, or another number than torchrun's.
    """
    local = int(os.environ["LOCAL_WORLD_SIZE"]) if _TORCHRUN in os.environ else size
    places_of(device, local)  # refused here, before any process begins, as what follows
    if precision == "w8a8":
        raise ValueError(
            "w8a8 rounds by the largest number of a whole token, which no share has; "
            "float32, bfloat16, float16, int8 and int4 can be split"
        )
    if precision == "file":
        raise ValueError("blocks of a file cannot be split; float32, bfloat16, float16, int8 and int4 can")
    with Checkpoint.open(path) as checkpoint:
        if precision == checkpoint.kept:
            raise ValueError(
                f"{path} has 4 bits by a text, which splitting would round once more; "
                "float32, bfloat16, float16 and int8 can be split"
            )
        arch_of(checkpoint.config, size)
    with tempfile.TemporaryDirectory() as folder:
        order = Order(str(path.resolve()), size, f"file://{folder}/meeting", dtype, precision, device)
        if _TORCHRUN in os.environ:
            yield from _elsewhere(order, cache_tokens)
        else:
            yield from _here(order, cache_tokens, Path(folder))


def worker_of(rank: int, order: Order, sign: Path) -> list[str]:
    """The command that is another process, which makes a file when it is about to meet the others."""
    text = msgspec.json.encode(asdict(order)).decode()
    return [sys.executable, "-m", "agentkit_local_models.parallel.worker", str(rank), text, str(sign)]


def _here(
    order: Order,
    cache_tokens: int | None,
    folder: Path,
    *,
    worker: Callable[[int, Order, Path], Sequence[str]] = worker_of,
    patience: float = _PATIENCE,
) -> Generator[Engine]:
    """Begin the other processes, which sign in a folder."""
    signs = [folder / str(rank) for rank in range(1, order.size)]
    others = [subprocess.Popen(worker(rank, order, sign)) for rank, sign in enumerate(signs, 1)]
    try:
        _await(others, signs, patience)
        yield from _first(order, cache_tokens)
        for other in others:
            other.wait(_PARTING)
    except subprocess.TimeoutExpired as error:
        raise LocalModelError(f"a process of a split model has not ended within {_PARTING:.0f} s") from error
    finally:
        for other in others:
            if other.poll() is None:
                other.kill()
                other.wait()
    if failed := [other.returncode for other in others if other.returncode]:
        raise LocalModelError(f"{len(failed)} of the processes of a split model ended with {failed}")


def _await(others: Sequence[subprocess.Popen[bytes]], signs: Sequence[Path], patience: float) -> None:
    """Wait until the others are about to meet: torch would wait for one that has ended, and hear nothing."""
    for _ in range(int(patience / _LOOK)):
        if ended := [other.returncode for other in others if other.poll() is not None]:
            raise LocalModelError(
                f"a process of a split model ended with {ended[0]} before it met the others"
            )
        if all(sign.exists() for sign in signs):
            return
        time.sleep(_LOOK)
    missing = sum(not sign.exists() for sign in signs)
    raise LocalModelError(f"{missing} of the processes of a split model did not begin within {patience:g} s")


def _elsewhere(order: Order, cache_tokens: int | None) -> Generator[Engine]:
    """Be one of those that torchrun began."""
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if size != order.size:
        raise ValueError(f"torchrun began {size} processes; the model is to be split over {order.size}")
    order = replace(order, meeting="env://")
    if rank:
        serve(order, rank)
        raise SystemExit(0)
    yield from _first(order, cache_tokens)


def _first(order: Order, cache_tokens: int | None) -> Generator[Engine]:
    place = _place(order, 0)
    group = Group(0, order.size, order.meeting, place)
    try:
        checkpoint, model = _share(order, group, place)
        split = split_of(model, group)
        try:
            yield Engine(checkpoint, split, cache_tokens=cache_tokens)
        finally:
            split.close()
    finally:
        group.close()


def serve(order: Order, rank: int) -> None:
    """Compute with the first process until it ends."""
    place = _place(order, rank)
    group = Group(rank, order.size, order.meeting, place)
    try:
        model = _share(order, group, place)[1]
        least_room(model, group)
        try:
            follow(model, group)
        finally:
            if isinstance(model, GpuModel):
                model.release()
    finally:
        group.close()


def split_of(model: Model | GpuModel, group: Group) -> SplitModel:
    """The first process's share, as an engine is made of it."""
    room = least_room(model, group)
    return SplitModel(model, group) if isinstance(model, Model) else SplitDevice(model, group, room)


def agreed(order: Order, group: Group) -> tuple[Form, torch.dtype]:
    """The form of matrices, and the dtype that all compute in: what the first process takes for "auto"."""
    form, kind = weights_and_dtype(order.precision, order.dtype, order.device)
    if group.rank:
        return form, group.hear()
    group.tell(kind)
    return form, kind


def _place(order: Order, rank: int) -> torch.device:
    """Where a process computes its share."""
    if _TORCHRUN in os.environ:
        local, count = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    else:
        local, count = rank, order.size
    return places_of(order.device, count)[local]


def _share(order: Order, group: Group, place: torch.device) -> tuple[Checkpoint, Model | GpuModel]:
    """This process's part of the model."""
    form, kind = agreed(order, group)
    with Checkpoint.open(Path(order.path)) as checkpoint:
        weights = weights_of(checkpoint.load_weights(kind), group.rank, group.size)
        arch = arch_of(checkpoint.config, group.size)
        model = Model(arch, weights, kind, form, share=group)
        if place.type == "cpu":
            return checkpoint, model
        return checkpoint, GpuModel(model, place, vocabulary_size=checkpoint.tokenizer.vocabulary_size)
