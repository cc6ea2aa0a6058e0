"""The kernels compile for a H100, and what they need fits one of its multiprocessors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "compile_attention.py"
# What a program may have of a multiprocessor's 228 KiB (CUDA C++ guide, compute capability 9.0).
MOST_SHARED = 227 * 1024
KERNELS = ["forward", "keys and values", "queries", "answers", "chunks", "shares", "joined"]


@pytest.mark.triton
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("dtype", "width", "seen"),
    [
        ("bf16", 64, []),
        ("bf16", 80, ["windowed", "prefixed"]),
        ("bf16", 128, []),
        ("bf16", 128, ["windowed", "prefixed", "penalised", "capped"]),
        ("bf16", 256, []),
        ("fp32", 64, []),
        ("fp32", 128, []),
        ("fp32", 256, []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_every_kernel_compiles_and_fits(dtype: str, width: int, seen: list[str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, PROGRAM, dtype, str(width), *seen]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["kernel"] for row in rows] == KERNELS
    assert all(row["shared"] <= MOST_SHARED for row in rows), rows
    # 16-bit products of whole tiles are the tensor cores' own instruction
    assert rows[0]["wgmma"] or dtype == "fp32"
