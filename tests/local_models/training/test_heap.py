"""Freed memory goes back."""

from __future__ import annotations

import subprocess
import sys

import pytest

# every second of many small blocks is freed, and the heap is told to keep what is free at its end
HOLES = """
import ctypes, resource
from agentkit_local_models.training.heap import give_back

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [libc.malloc(60_000) for _ in range(2000)]
for block in blocks:
    ctypes.memset(block, 1, 60_000)
for block in blocks[::2]:
    libc.free(block)
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_holes_in_the_heap_are_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLES], check=True, capture_output=True, text=True,
        env={"MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)},
    )  # fmt: skip
    assert int(done.stdout) > 40_000_000
