"""The element-wise parts, compiled and as written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from agentkit_local_models.training import session
from agentkit_local_models.training.pieces import WRITTEN, Pieces, compiled
from agentkit_local_models.training.recipe import read_recipe

from .tiny import workplace


def test_a_rotation_by_a_right_angle_swaps_the_halves() -> None:
    heads = torch.arange(8.0).view(1, 1, 8)
    turned = WRITTEN.rotated(heads, torch.zeros(1, 1, 4), torch.ones(1, 1, 4))
    assert turned.flatten().tolist() == [-4, -5, -6, -7, 0, 1, 2, 3]


TRAIN = """
import sys
from pathlib import Path
from agentkit_local_models.training.session import train
for recipe in sys.argv[1:]:
    train(Path(recipe), Path(recipe).with_suffix(""))
"""


@pytest.mark.timeout(300)  # some seconds of a compiler
def test_what_is_compiled_learns_the_same(tmp_path: Path) -> None:
    assert shutil.which("g++"), "the tests need a C++ compiler"
    recipes = [workplace(tmp_path).rename(tmp_path / "written.toml"), tmp_path / "compiled.toml"]
    recipes[1].write_text(recipes[0].read_text() + "compile = true\n")
    # by itself: the compiler's imports warn, and it keeps processes for the next time
    subprocess.run([sys.executable, "-c", TRAIN, *recipes], check=True, capture_output=True)
    written, compiled_ = (
        [
            json.loads(line)["loss"]
            for line in (path.with_suffix("") / "metrics.jsonl").read_text().splitlines()
        ]
        for path in recipes
    )
    assert compiled_ == pytest.approx(written, rel=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own imports
@pytest.mark.parametrize(("asked", "expected"), [(True, compiled), (False, lambda: WRITTEN)])
def test_a_recipe_says_whether_they_are_compiled(
    tmp_path: Path, asked: bool, expected: Callable[[], Pieces]
) -> None:
    path = workplace(tmp_path, training__compile=asked)
    assert session.pieces_of(read_recipe(path)) == expected()
