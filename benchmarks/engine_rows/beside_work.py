"""Decode while a compiler wants every core, as it does when an agent builds what it wrote."""

import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine_apart import Apart
from engine_measure import FAST, Row, Setting, closing, decode, measured, peers
from engine_sides import Ours, Side

SHARE: Final = 0.40
ANSWER: Final = 12
"""Tokens: a side that keeps a hundredth of its speed has to come to an end too."""
# A program that takes a compiler minutes: a table of templates that all differ.
SOURCE: Final = """
#include <map>
#include <string>
#include <vector>
template <int N> struct Table { std::map<int, std::vector<std::string>> rows;
  int sum() {
    int n = 0;
    for (auto &[k, v] : rows) for (auto &s : v) n += k * N + (int)s.size();
    return n;
  }
};
template <int N> int all() { Table<N> t; t.rows[N].push_back("x"); return t.sum() + all<N - 1>(); }
template <> int all<0>() { return 0; }
int main() { return all<400>(); }
"""


def rows(setting: Setting) -> Iterator[Row]:
    """How much of its quiet speed each side keeps; one thread's processor time would not show it."""
    compiler = shutil.which("c++")
    if setting.quick or setting.threads == 1 or compiler is None:
        return
    setting = replace(setting, answer=ANSWER)
    for path in setting.models:
        sides: list[Side | Apart] = [
            Ours(path, FAST, "file", setting.threads),
            *peers(setting, path),
        ]
        with closing(sides):
            for side in sides:
                quiet: list[float] = []
                busy: list[float] = []
                for number in range(setting.rounds + 1):
                    alone = measured(setting, side, decode)
                    with _compiling(compiler):
                        beside = measured(setting, side, decode)
                    if number:
                        quiet.append(alone)
                        busy.append(beside)
                kept = statistics.median(b / q for b, q in zip(busy, quiet, strict=True))
                yield Row(
                    f"{path.stem.partition('-')[0]} decode beside a compiler on every core, {side.name}",
                    "tokens/s",
                    round(statistics.median(busy), 3),
                    "the same, alone",
                    round(statistics.median(quiet), 3),
                    round(kept, 3),
                    SHARE if side is sides[0] else None,
                )


@contextmanager
def _compiling(compiler: str) -> Generator[None]:
    """One compiler a core, again and again, until the block is left."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "work.cpp"
        source.write_text(SOURCE, encoding="ascii")
        again = f"while :; do {compiler} -std=c++17 -O2 -ftemplate-depth=2000 -c {source} -o /dev/null; done"
        jobs = [
            subprocess.Popen(["sh", "-c", again], start_new_session=True) for _ in range(os.cpu_count() or 1)
        ]
        try:
            yield
        finally:
            for job in jobs:
                os.killpg(job.pid, 15)
                job.wait()
