"""Torch's objects are made once, and the collector of garbage never looks at them."""

import subprocess
import sys

import pytest


def told(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("before", ["", "import gc; gc.disable()\n"], ids=["awake", "asleep"])
def test_what_torch_makes_is_left_alone_and_the_collector_is_as_it_was(before: str) -> None:
    code = before + "import gc, agentkit_local_models.engine; print(gc.isenabled(), gc.get_freeze_count())"
    awake, kept = told(code)
    assert awake == str(not before)
    assert int(kept) > 100_000


def test_nothing_of_anybody_else_is_kept_where_torch_was_there() -> None:
    assert told("import torch, gc, agentkit_local_models.engine; print(gc.get_freeze_count())") == ["0"]
