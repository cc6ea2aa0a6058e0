"""Freed memory goes back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# every second of many small blocks is freed, and the heap is told to keep what is free at its end
HOLES = """
import ctypes, resource
from agentkit_local_models.heap import give_back

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
        env={**os.environ, "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_MMAP_THRESHOLD_": str(1 << 30)},
    )  # fmt: skip
    assert int(done.stdout) > 40_000_000


# a model's matrices, rounded one by one as a folder of floats is loaded
ROUNDED = """
import torch
from agentkit_local_models.linear import Room

def resident():
    # of the heap alone: what is read of libraries at first use is not the model's
    line = next(line for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

torch.set_num_threads(1)
shapes = {f"layers.{number}.feed_forward.down.weight": (1024, 2048) for number in range(24)}
first = {"layers.0.feed_forward.down.weight": (1024, 2048)}
Room(first, torch.bfloat16, "int4").fill([(*first, torch.ones(1024, 2048))])
room, before = Room(shapes, torch.bfloat16, "int4"), resident()
room.fill((name, torch.ones(shape, dtype=torch.bfloat16)) for name, shape in shapes.items())
grown = resident() - before
print(grown, sum(room.rows(name).nbytes for name in shapes))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_a_model_of_few_bits_does_not_keep_the_room_of_the_floats_it_was_rounded_from() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDED], check=True, capture_output=True, text=True)
    grown, held = map(int, done.stdout.split())
    assert held == 24 * 1024 * 2048 * 5 // 8
    assert held < grown < 1.5 * held  # without giving back it is about twice as much
