"""Kernels are imported late, and where they cannot run it is said why."""

import subprocess
import sys

import pytest
import torch

from agentkit_local_models.gpu.triton_here import NoTriton, require_triton, why_no_triton
from agentkit_local_models.gpu.varlen import Packed

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_without_triton_its_installation_is_named() -> None:
    for device in (CPU, CUDA):
        assert "pip install triton" in why_no_triton(device, installed=False, interpreting=True)
    with pytest.raises(NoTriton, match="pip install triton"):
        require_triton(CPU, installed=False)


def test_tensors_on_the_processor_need_the_interpreter() -> None:
    assert "TRITON_INTERPRET=1" in why_no_triton(CPU, installed=True, interpreting=False)
    assert not why_no_triton(CPU, installed=True, interpreting=True)
    assert not why_no_triton(CUDA, installed=True, interpreting=False)


def test_the_doors_to_the_kernels_are_imported_without_triton() -> None:
    code = """
import sys
sys.modules["triton"] = None  # an import of it fails
import agentkit_local_models.gpu.flash, agentkit_local_models.gpu.paged
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("queries", "keys", "prefixes", "said"),
    [
        ([], None, None, "0 sequences of queries"),
        ([3], [3, 4], None, "1 sequences of queries, 2 of keys"),
        ([3], [3], [1, 2], "2 prefixes"),
        ([2, 5], [2, 4], None, "sequence 1 has 5 queries and 4 keys"),
    ],
)
def test_sequences_that_cannot_be_are_refused(queries, keys, prefixes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Packed.of(queries, keys, prefixes=prefixes)
