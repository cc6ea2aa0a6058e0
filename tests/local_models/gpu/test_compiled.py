"""The kernels of decoding compile for a GPU, which the interpreter does not show."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.triton
@pytest.mark.timeout(1800)
def test_every_kernel_compiles_to_the_machine_code_of_an_h100(tmp_path: Path) -> None:
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}  # so that it is not found compiled
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, Path(__file__).with_name("compiled.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["kernel"] for row in rows] == [
        "add_norm", "draw", "project", "query_key_value", "turn", "activate"
    ]  # fmt: skip
    assert all(row["bytes"] > 0 for row in rows)
