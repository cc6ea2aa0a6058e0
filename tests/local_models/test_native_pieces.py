"""Threads that compute an operation in pieces do not wait for one that lost its core."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agentkit_local_models import native

# One thread takes a piece and does not go on before `released`; the other comes to the end without it.
PROGRAM = """
#include "lanes.h"
#include "pieces.h"

#include <cstdio>

int main() {
    Threads threads(2);
    Pieces pieces(2);
    std::atomic<bool> stuck{false}, released{false};
    std::vector<int> puts(48);
    int made_again = 0;
    pieces.reset();
    threads.run([&](int number) {
        if (number == 0) while (!stuck) sched_yield();
        pieces.share(
            number, 48, [] {},
            [&](int64_t begin, int64_t) {
                if (number == 1 && !stuck.exchange(true)) while (!released) sched_yield();
                made_again += number == 0 && begin == 24;  // the first of the other's part
            },
            [&](int64_t begin, int64_t end) { for (; begin < end; begin++) puts[begin]++; });
        if (number == 0) released = true;
    });
    int wrong = 0, late = 0;
    for (int one : puts) wrong += one != 1;
    pieces.share(0, 48, [&] { late++; }, [](int64_t, int64_t) {}, [&](int64_t, int64_t) { late++; });
    for (int threads = 1; threads <= 16; threads++)
        for (int64_t total = 1; total < 2000; total++) {
            Cuts cuts(total, threads);
            int64_t at = 0;
            bool covers = cuts.count <= 34 * threads;
            for (int piece = 0; piece < cuts.count; at = cuts.end(piece++))
                covers &= cuts.begin(piece) == at && cuts.end(piece) >= at;
            wrong += !covers || at != total;
        }
    printf("wrong %d, made again %d, done again %d\\n", wrong, made_again, late);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "main.cpp").write_text(PROGRAM)
    compiler = shutil.which("c++") or "c++"
    headers = Path(native.__file__).parent
    flags = ["-std=c++20", "-O1", "-pthread", "-I", str(headers)]
    subprocess.run([compiler, *flags, str(folder / "main.cpp"), "-o", str(folder / "main")], check=True)
    return folder / "main"


def test_a_piece_that_is_not_finished_is_made_by_another_and_put_once(program: Path) -> None:
    for _ in range(20):
        done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "wrong 0, made again 1, done again 0\n"
