"""Memory for weights."""

import mmap
import sys
from pathlib import Path

import pytest
import torch

from agentkit_local_models.large_pages import LINE, SLAB, LargePages

HUGE = Path("/sys/kernel/mm/transparent_hugepage")


def test_arrays_lie_behind_each_other_and_apart() -> None:
    room = LargePages()
    first = room.empty(3, 5, dtype=torch.float16).fill_(1)
    second = room.empty(7, dtype=torch.uint8).fill_(2)
    assert (first.shape, first.dtype) == ((3, 5), torch.float16)
    assert second.data_ptr() - first.data_ptr() == LINE
    assert first.eq(1).all()


@pytest.mark.parametrize("sizes", [(SLAB - 1, 2), (SLAB + 1, 1), (1, SLAB)])
def test_what_does_not_fit_gets_new_memory(sizes: tuple[int, int]) -> None:
    room = LargePages()
    first, second = (room.empty(size, dtype=torch.uint8) for size in sizes)
    first[-1], second[-1] = 1, 2
    assert (first[-1], second[-1]) == (1, 2)
    assert not first.data_ptr() <= second.data_ptr() < first.data_ptr() + sizes[0]


def test_an_array_outlives_its_room() -> None:
    values = torch.arange(1_000)
    copy = LargePages().holding(values)
    assert copy.data_ptr() != values.data_ptr()
    assert copy.equal(values)


@pytest.mark.skipif(sys.platform != "linux", reason="read in /proc")
def test_what_is_never_written_takes_no_memory() -> None:
    resident = _resident()
    rooms = [LargePages() for _ in range(20)]
    for room in rooms:
        room.empty(1, dtype=torch.uint8).fill_(1)
    assert _resident() - resident < 20 * SLAB / 10


@pytest.mark.skipif(not HUGE.exists(), reason="this system joins no pages")
def test_linux_may_join_its_pages() -> None:
    array = LargePages().empty(1, dtype=torch.uint8)
    address = array.data_ptr()
    flags: list[str] = []
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            begin, end = (int(number, 16) for number in first.split("-"))
            inside = begin <= address < end
        elif inside and first == "VmFlags:":
            flags = rest
    assert "hg" in flags  # proc(5): huge page advise


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
