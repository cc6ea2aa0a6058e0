"""The benchmark of decoding: it says what is missing, and everything in it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks/gpu/decode.py"


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As on a machine without a GPU."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, BENCHMARK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_without_a_gpu_it_says_so_and_fails() -> None:
    done = ran()
    assert (done.returncode, done.stdout) == (1, "")
    assert "sees no GPU" in done.stderr


@pytest.mark.triton
@pytest.mark.timeout(1800)
def test_a_trial_checks_the_step_and_decodes_in_the_interpreter() -> None:
    done = ran("--trial")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["right"] for row in rows if row["row"] == "check"] == [True]
    assert [row["batch"] for row in rows if row["row"] == "decode"] == [1, 2]
    assert "published" in {row["row"] for row in rows}


def test_a_model_that_is_none_is_told_by_its_name() -> None:
    done = ran("--trial", "--models", "llama-9")
    assert done.returncode == 1
    # where Triton is not installed, that comes first
    assert "no models llama-9; tiny are" in done.stderr or "Triton is not installed" in done.stderr
