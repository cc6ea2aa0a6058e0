"""Fewer threads compute while other programs want the cores."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agentkit_local_models import native

# Of calls of 10 ms, which share was computed; printed is how many threads there are after each.
PROGRAM = """
#include "crew.h"

#include <cstdio>

int main() {
    int most;
    double share;
    scanf("%d", &most);
    Crew crew(most);
    while (scanf("%lf", &share) == 1) {
        crew.add(0.01, share * 0.01);
        printf("%d ", crew.size());
    }
}
"""
QUIET, BUSY = [1.0] * 6, [0.5] * 6
"""So many calls that a decision is made in them."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crew")
    (folder / "main.cpp").write_text(PROGRAM)
    flags = ["-std=c++20", "-O1", "-I", str(Path(native.__file__).parent)]
    compiler = shutil.which("c++") or "c++"
    subprocess.run([compiler, *flags, str(folder / "main.cpp"), "-o", str(folder / "main")], check=True)
    return folder / "main"


def sizes(program: Path, most: int, shares: list[float]) -> list[int]:
    """How many threads there are after each call."""
    given = " ".join(map(str, [most, *shares]))
    done = subprocess.run([program], input=given, capture_output=True, text=True, check=True)
    return [int(size) for size in done.stdout.split()]


def test_all_compute_while_the_machine_is_quiet(program: Path) -> None:
    assert set(sizes(program, 4, QUIET * 50)) == {4}


def test_one_that_lost_its_core_once_changes_nothing(program: Path) -> None:
    assert set(sizes(program, 2, [*QUIET, 0.1, *QUIET, *QUIET])) == {2}


def test_a_busy_machine_has_one_thread_less_until_it_is_quiet(program: Path) -> None:
    assert sizes(program, 2, BUSY)[-1] == 1
    assert sizes(program, 2, [*BUSY * 20, *QUIET])[-1] == 1
    assert sizes(program, 2, [*BUSY * 20, *QUIET * 3])[-1] == 2


def test_many_threads_become_fewer_by_a_quarter_at_a_time_and_one_is_left(program: Path) -> None:
    assert sorted(set(sizes(program, 16, BUSY * 20)), reverse=True) == [16, 12, 8, 4, 1]


def test_who_finds_it_busy_again_and_again_tries_less_often(program: Path) -> None:
    trials = sizes(program, 2, [*BUSY * 2, *QUIET * 4] * 20)
    assert trials[:120].count(2) > 2 * trials[-120:].count(2)


def test_a_long_quiet_forgets_how_often_it_was_busy(program: Path) -> None:
    often = [*BUSY * 2, *QUIET * 4] * 10
    assert sizes(program, 2, [*often, *QUIET * 200, *BUSY * 2, *QUIET * 3])[-1] == 2
