import math
import resource
import time

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize

from agentkit_local_models.dequantise import CHUNK_VALUES, UNPACK, dequantise
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile, TensorKind


def reference(raw: memoryview, kind: TensorKind) -> torch.Tensor:
    """The float32 values by the `gguf` package, flat."""
    blocks = np.frombuffer(raw, dtype=np.uint8).reshape(-1, kind.block_bytes)
    return torch.from_numpy(dequantize(blocks, GGMLQuantizationType(kind)).copy()).flatten()


# The high bytes of the 16-bit floats of a block, whose top exponent bit must be clear.
SCALE_BYTES = {
    TensorKind.Q6_K: [209],
    TensorKind.F32: [3],
    TensorKind.F16: [1],
    TensorKind.BF16: [1],
}


def random_blocks(kind: TensorKind, count: int) -> memoryview:
    """Any bytes but non-finite scales, whose results cannot be compared by equality."""
    random = np.random.default_rng(int(kind))
    blocks = random.integers(0, 256, (count, kind.block_bytes), dtype=np.uint8)
    blocks[:, SCALE_BYTES.get(kind, [1, 3])] &= 0xBF
    return memoryview(blocks.reshape(-1))


@pytest.mark.parametrize("kind", UNPACK, ids=lambda kind: kind.name)
def test_random_blocks_dequantise_as_the_reference_does(kind: TensorKind) -> None:
    count = 2 * CHUNK_VALUES // kind.block_values + 3  # several chunks and a ragged last one
    raw = random_blocks(kind, count)
    values = dequantise(raw, kind, (count, kind.block_values))
    assert torch.equal(values.flatten(), reference(raw, kind))


@pytest.mark.parametrize("kind", UNPACK, ids=lambda kind: kind.name)
def test_bfloat16_is_float32_rounded_once(kind: TensorKind) -> None:
    raw = random_blocks(kind, 64)
    rounded = dequantise(raw, kind, (64, kind.block_values), torch.bfloat16)
    assert torch.equal(rounded, dequantise(raw, kind, (64, kind.block_values)).bfloat16())


def test_a_kind_not_built_is_named_with_those_that_are() -> None:
    with pytest.raises(UnsupportedCheckpoint, match=r"IQ4_XS are not read; F32, F16"):
        dequantise(memoryview(bytearray(136)), TensorKind.IQ4_XS, (1, 256))


def test_the_values_outlive_the_file(smollm2_path) -> None:
    with GGUFFile.open(smollm2_path) as file:
        norm = dequantise(file.raw("output_norm.weight"), TensorKind.F32, (576,))
    assert norm.isfinite().all()


def test_every_tensor_of_smollm2_is_exact(smollm2_path) -> None:
    with GGUFFile.open(smollm2_path) as file:
        for name, info in file.tensors.items():
            values = dequantise(file.raw(name), info.kind, info.shape)
            assert values.shape == info.shape
            assert torch.equal(values.flatten(), reference(file.raw(name), info.kind)), name


@pytest.mark.slow
def test_the_large_model_is_exact_and_takes_seconds(qwen_path) -> None:
    with GGUFFile.open(qwen_path) as file:
        for name in ("blk.0.attn_q.weight", "blk.0.ffn_down.weight", "blk.27.attn_v.weight"):
            info = file.tensors[name]
            values = dequantise(file.raw(name), info.kind, info.shape)
            assert torch.equal(values.flatten(), reference(file.raw(name), info.kind)), name
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        largest = 0
        start = time.perf_counter()
        for name, info in file.tensors.items():
            dequantise(file.raw(name), info.kind, info.shape, torch.bfloat16)
            largest = max(largest, 2 * math.prod(info.shape))
        assert time.perf_counter() - start < 60
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        file_bytes = qwen_path.stat().st_size  # mapped pages count as resident
        assert peak < largest + file_bytes + (128 << 20)
