"""Threads that share a native model get what they would get alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from agentkit_local_models.large_pages import LargePages
from agentkit_local_models.model import Model
from agentkit_local_models.native import library as c
from agentkit_local_models.native.build import built_dir, built_library
from agentkit_local_models.native.model import NativeModel
from agentkit_local_models.native.packed import packed
from agentkit_local_models.quantise import int8_rows

from .oracle import random_weights
from .tiny import tiny_arch

ARCH = tiny_arch(
    vocabulary_size=2_048, width=128, layers=4, heads=4, kv_heads=2, head_width=32, feed_forward_width=256
)
CALLERS, TOKENS = 4, 40


@pytest.fixture(scope="module")
def workers() -> c.Workers:
    path: Path = built_library(built_dir())
    return c.Workers(c.Library(path), 2)


def test_callers_at_once_get_what_they_get_alone(workers: c.Workers) -> None:
    native = NativeModel(Model(ARCH, random_weights(ARCH).items(), torch.float32, "int8"), workers)

    def answer(first: int) -> Tensor:
        cache = native.new_cache()
        return torch.stack([native.logits([first + place], cache) for place in range(TOKENS)])

    alone = [answer(100 * caller) for caller in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as pool:
        together = list(pool.map(answer, [100 * caller for caller in range(CALLERS)]))
    for expected, found in zip(alone, together, strict=True):
        assert torch.equal(found, expected)


def test_a_matrix_is_unpacked_beside_a_step(workers: c.Workers) -> None:
    native = NativeModel(Model(ARCH, random_weights(ARCH).items(), torch.float32, "int8"), workers)
    weights = torch.randn(512, 256, generator=torch.Generator().manual_seed(0))
    matrix = packed(workers, LargePages(), int8_rows(weights))
    expected = matrix.dense(torch.float32)

    def steps() -> Tensor:
        cache = native.new_cache()
        return torch.stack([native.logits([place], cache) for place in range(TOKENS)])

    alone = steps()
    with ThreadPoolExecutor(2) as pool:
        beside = pool.submit(steps)
        for _ in range(TOKENS):
            assert torch.equal(matrix.dense(torch.float32), expected)
        assert torch.equal(beside.result(), alone)
