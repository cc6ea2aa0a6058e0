"""Which device each process of a split model has, by what it meets the others, and how much room there is."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.parallel.group import Group
from agentkit_local_models.parallel.launch import Order, _here, agreed, split_engine
from agentkit_local_models.parallel.places import least_room, places_of
from agentkit_local_models.placing import pool_of

from .test_placing import ARCH, Elsewhere
from .training.tiny import LLAMA, hub_model


def test_each_process_has_a_gpu_of_its_own_and_the_processor_is_shared() -> None:
    found = places_of("cuda", 3, gpus=lambda: 4, has_nccl=lambda: True)
    assert found == [torch.device("cuda", number) for number in range(3)]
    assert places_of("cpu", 2, gpus=lambda: 4) == [torch.device("cpu")] * 2


@pytest.mark.parametrize(
    ("device", "gpus", "nccl", "kind", "said"),
    [
        ("cuda", 1, True, LocalModelError, "2 processes need a GPU each, and torch .* sees 1; fewer"),
        ("cuda", 2, False, LocalModelError, "has no NCCL"),
        ("cuda:1", 2, True, ValueError, "over 'cuda:1'; cpu and cuda work, and CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_place_that_is_not_there_is_refused_in_words(
    device: str, gpus: int, nccl: bool, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        places_of(device, 2, gpus=lambda: gpus, has_nccl=lambda: nccl)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without a GPU says")
def test_a_model_is_not_split_over_gpus_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match=r"2 processes need a GPU each, and torch .* sees 0"):
        split_engine(hub_model(tmp_path / "model", LLAMA), 2, device="cuda").__enter__()


@pytest.mark.parametrize(
    ("device", "backend", "more"),
    [
        (torch.device("cpu"), "gloo", {}),
        (torch.device("cuda", 1), "cpu:gloo,cuda:nccl", {"device_id": torch.device("cuda", 1)}),
    ],
)
def test_processes_meet_by_what_their_devices_can(
    device: torch.device, backend: str, more: dict[str, Any]
) -> None:
    begun: list[tuple[str, dict[str, Any]]] = []
    group = Group(1, 2, "env://", device, begin=lambda name, **how: begun.append((name, how)))
    assert (group.rank, group.size) == (1, 2)
    ((name, how),) = begun
    assert how.pop("timeout") == timedelta(minutes=30)  # what NCCL waits for, too
    assert (name, how) == (backend, {"init_method": "env://", "rank": 1, "world_size": 2, **more})


def order(meeting: str, dtype: str = "auto") -> Order:
    return Order("model", 2, meeting, dtype, "auto", "cpu")


def begun_by(folder: Path, script: str, patience: float) -> None:
    """Have a model split whose other process does something else."""
    worker = [sys.executable, "-c", script]
    next(_here(order(f"file://{folder}/here"), None, folder, worker=lambda *_: worker, patience=patience))


def test_a_process_that_ends_before_all_have_met_ends_the_waiting_for_it(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match=r"^a process of a split model ended with 3 before it met"):
        begun_by(tmp_path, "raise SystemExit(3)", patience=600)


def test_a_process_that_does_not_begin_is_waited_for_no_longer_than_there_is_patience(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match=r"^1 of the processes .* did not begin within 0\.1 s"):
        begun_by(tmp_path, "import threading; threading.Event().wait()", patience=0.1)


class Agreeing:
    """A process that hears one dtype, and keeps what it tells."""

    def __init__(self, rank: int) -> None:
        self.rank, self.told = rank, list[torch.dtype]()

    def tell(self, dtype: torch.dtype) -> None:
        self.told.append(dtype)

    def hear(self) -> torch.dtype:
        return torch.float64  # which none would take by itself


def test_all_compute_in_the_dtype_that_the_first_takes() -> None:
    first, other = Agreeing(0), Agreeing(1)
    ((form, found), heard) = (agreed(order("env://"), one) for one in (first, other))
    assert first.told == [found]
    assert heard == (form, torch.float64)


class Beside:
    """A share beside one whose device has so much room."""

    rank, size = 0, 2

    def __init__(self, room: int) -> None:
        self._room = room

    def sum(self, x: Tensor) -> Tensor:
        raise AssertionError(x)

    def gather(self, x: Tensor) -> Tensor:
        return torch.cat((x, torch.full_like(x, self._room)), dim=-1)

    def spread(self, x: Tensor) -> None:
        raise AssertionError(x)


def test_every_device_has_as_many_pages_as_there_is_room_for_on_the_fullest() -> None:
    one, most = 1 << 20, 1 << 34
    assert least_room(Elsewhere(room=most), Beside(one)) == one
    assert least_room(Elsewhere(room=one), Beside(most)) == one
    assert least_room(Elsewhere(), Beside(one)) is None
    few, many = (pool_of(Elsewhere(room=room), None).most for room in (one, 2 * one))
    assert many > few > ARCH.context // 16
