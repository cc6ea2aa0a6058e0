"""The benchmarks of a GPU: they say what is missing, everything in them runs, and what they reach is told."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks/gpu"
_spec = importlib.util.spec_from_file_location("published", FOLDER / "published.py")
published = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(published)


def ran(command: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As on a machine without a GPU."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("TRITON_INTERPRET", None)
    return subprocess.run(
        [sys.executable, command, *arguments], capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("command", [FOLDER, FOLDER / "decode.py"], ids=["both", "decode"])
def test_without_a_gpu_it_says_so_and_fails(command: Path) -> None:
    done = ran(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "sees no GPU" in done.stderr


@pytest.mark.triton
@pytest.mark.timeout(3600)
def test_a_trial_checks_and_times_everything_in_the_interpreter() -> None:
    done = ran(FOLDER, "--trial")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["row"] == "machine"
    assert all(row["right"] for row in rows if "right" in row)
    attention = [row for row in rows if row["row"].startswith("check") and "seen" in row]
    assert {row["seen"] for row in attention} == {"causal", "window", "penalty", "prefix", "cap"}
    assert {(row["who"], row.get("way")) for row in rows if row["row"] == "attention"} >= {
        ("agentkit", "forward"), ("agentkit", "backward"),
    }  # fmt: skip
    assert [row["row"] for row in rows].count("answers over pages") == 1
    assert [row["model"] for row in rows if row["row"] == "check" and "model" in row] == ["tiny"]
    assert [row["batch"] for row in rows if row["row"] == "decode"] == [1, 2]
    told = [row["what"] for row in rows if row["row"] == "published"]
    assert told == [one["what"] for one in (*published.ATTENTION, *published.DECODING)]


def test_a_model_that_is_none_is_told_by_its_name() -> None:
    done = ran(FOLDER / "decode.py", "--trial", "--models", "llama-9")
    assert done.returncode == 1
    # where Triton is not installed, that comes first
    assert "no models llama-9; tiny are" in done.stderr or "Triton is not installed" in done.stderr


@pytest.mark.parametrize(
    ("tflops", "times", "reached"), [(327.9, 1.1, True), (327.0, 1.1, False), (149.0, 0.5, False)]
)
def test_a_row_of_attention_stands_beside_the_published_one(tflops, times, reached) -> None:
    told = published.beside_flash_attention_2((16, 16, 128), 2048, "forward", tflops)
    assert told == {"times_flash_attention_2": times, "target": 1.1, "reached": reached}


@pytest.mark.parametrize(
    ("shape", "length", "way"),
    [((32, 8, 128), 2048, "forward"), ((16, 16, 128), 8192, "forward"), ((16, 16, 128), 2048, "backward")],
)
def test_what_was_not_published_is_beside_nothing(shape, length, way) -> None:
    assert published.beside_flash_attention_2(shape, length, way, 400.0) == {}
