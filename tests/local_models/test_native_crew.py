"""Fewer threads compute while other programs want the cores."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agentkit_local_models import native

# Reads what share of each call of 10 ms was computed, and prints how many threads there are after it.
ADDED = """
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
# Prints who took part in calls in which the first of four threads sleeps.
RUN = """
#include "lanes.h"
#include "threads.h"

#include <cstdio>
#include <unistd.h>

int main() {
    Threads threads(4);
    std::atomic<int> there;
    auto call = [&](int wanted, auto &&work, bool counted) {
        there = 0;
        threads.run([&](int number) {
            there.fetch_or(1 << number);
            if (number) return;
            while (there.load() != wanted) sched_yield();  // or for ever: whoever is wanted has to come
            work();
        }, counted);
        printf("%d ", there.load());
    };
    auto sleep = [] { usleep(60000); };
    call(15, sleep, false);
    for (int wanted : {15, 7, 3, 1}) call(wanted, sleep, true);
}
"""
QUIET, BUSY = [1.0] * 5, [0.5] * 5
"""The calls after which it is decided."""


def built(folder: Path, program: str) -> Path:
    (folder / "main.cpp").write_text(program)
    flags = ["-std=c++20", "-O1", "-pthread", "-I", str(Path(native.__file__).parent)]
    compiler = shutil.which("c++") or "c++"
    subprocess.run([compiler, *flags, str(folder / "main.cpp"), "-o", str(folder / "main")], check=True)
    return folder / "main"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("crew"), ADDED)


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
    assert sizes(program, 2, [*BUSY * 20, *QUIET * 2])[-1] == 2


def test_a_little_noise_does_not_keep_it_from_coming_back(program: Path) -> None:
    noise = [0.85] * 5
    assert sizes(program, 2, [*BUSY, *(QUIET + noise + QUIET) * 3])[-1] == 2


def test_many_threads_become_fewer_by_a_quarter_at_a_time_and_one_is_left(program: Path) -> None:
    assert sorted(set(sizes(program, 16, BUSY * 20)), reverse=True) == [16, 12, 8, 4, 1]


def test_one_busy_time_is_one_however_many_threads_it_took(program: Path) -> None:
    assert sizes(program, 16, [*BUSY * 20, *QUIET * 8])[-1] == 16


def test_who_finds_it_busy_again_and_again_tries_less_often_but_tries(program: Path) -> None:
    cycle = [*BUSY * 2, *QUIET * 17]
    trials = sizes(program, 2, cycle * 8)
    first, last = trials[: len(cycle)].count(2), trials[-len(cycle) :].count(2)
    assert first > 4 * last > 0


def test_a_long_quiet_forgets_how_often_it_was_busy(program: Path) -> None:
    often = [*BUSY * 2, *QUIET * 17] * 8
    assert sizes(program, 2, [*often, *QUIET * 40, *BUSY, *QUIET * 2])[-1] == 2


def test_only_those_take_part_that_are_wanted(tmp_path: Path) -> None:
    done = subprocess.run([built(tmp_path, RUN)], capture_output=True, text=True, timeout=60, check=True)
    # a call that is not counted takes nobody away; each that sleeps for 60 ms takes one of four
    assert done.stdout.split() == ["15", "15", "7", "3", "1"]
