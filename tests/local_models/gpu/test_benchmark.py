"""The benchmark of attention: it says what is missing, and everything in it runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks/gpu/attention.py"


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As on a bare machine: our packages are not on the path, and there is no GPU."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, BENCHMARK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_without_a_gpu_it_says_so_and_fails() -> None:
    done = ran()
    assert done.returncode == 1
    assert not done.stdout
    assert "sees no GPU" in done.stderr


@pytest.mark.triton
@pytest.mark.timeout(1800)
def test_a_trial_checks_and_times_everything_in_the_interpreter() -> None:
    done = ran("--trial")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0]["row"] == "machine"
    checks = [row for row in rows if row["row"].startswith("check")]
    assert {row["seen"] for row in checks} == {"causal", "window", "penalty", "prefix", "cap"}
    assert all(row["right"] for row in checks)
    assert {(row["who"], row.get("way")) for row in rows if row["row"] == "attention"} >= {
        ("agentkit", "forward"), ("agentkit", "backward"),
    }  # fmt: skip
    assert rows[-1]["row"] == "answers over pages"
