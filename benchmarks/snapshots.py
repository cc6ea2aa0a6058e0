"""What keeping a workspace costs: `python benchmarks/snapshots.py` writes benchmarks/results/snapshots.json.

A seeded tree of 10,000 files is kept for the first time, then unchanged, after one file of it changed, and
by a process that has kept nothing before and finds the index of the last one.
"""

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facts import machine_facts, write_result

from agentkit.journal.contents import Contents
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.workspace import Workspace

SEED = 20
FOLDERS = 100
FILES = 100
"""In each folder."""
ROUNDS = 21
SETTLED = 2.5
"""Seconds after which a file is known by its times: a younger one is read again."""
MOST_MS = 100.0
"""What 10,000 unchanged files may take."""


def furnish(root: Path) -> int:
    """Make the tree and say how many bytes it holds."""
    dice = random.Random(SEED)
    total = 0
    for folder in range(FOLDERS):
        place = root / f"part{folder % 10}" / f"folder{folder}"
        place.mkdir(parents=True)
        for file in range(FILES):
            text = "".join(dice.choices("abcdefghij klmnop\n", k=dice.randint(100, 4000)))
            (place / f"file{file}.txt").write_text(text)
            total += len(text)
    return total


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """One call: time on the wall and processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - processor) * 1e3


def spread(times: list[tuple[float, float]]) -> dict[str, float]:
    """The middle and the ends of several calls."""
    walls, processors = zip(*times, strict=True)
    return {
        "wall_median": round(statistics.median(walls), 1),
        "wall_least": round(min(walls), 1),
        "wall_most": round(max(walls), 1),
        "cpu_median": round(statistics.median(processors), 1),
    }


def measure(place: Path) -> dict[str, Any]:
    """Every figure, in milliseconds, from one tree."""
    root = place / "work"
    size = furnish(root)
    time.sleep(SETTLED)
    store = place / "journal.db-files"
    with Workspace.open(root) as workspace:
        contents = Contents(store)
        snapshots = Snapshots(workspace, contents)
        first = milliseconds(snapshots.take)
        contents.shrink()  # or the write-ahead log would be counted
        kept = contents.size()
        unchanged = [milliseconds(snapshots.take) for _ in range(ROUNDS)]
        changed: list[tuple[float, float]] = []
        for number in range(ROUNDS):
            (root / "part0/folder0/file0.txt").write_text(f"changed {number}")
            changed.append(milliseconds(snapshots.take))
        contents.shrink()
        grown = contents.size() - kept
        others = [milliseconds(Snapshots(workspace, contents).take) for _ in range(ROUNDS)]
        contents.close()
    return {
        "files": FOLDERS * FILES,
        "bytes": size,
        "first_ms": spread([first]),
        "unchanged_ms": spread(unchanged),
        "one_changed_ms": spread(changed),
        "unchanged_in_a_new_process_ms": spread(others),
        "store_bytes": kept,
        "store_bytes_for_each_change": round(grown / ROUNDS),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    result = {
        "seed": SEED,
        "most_unchanged_ms": MOST_MS,
        "holds": figures["unchanged_ms"]["wall_median"] <= MOST_MS,
        "machine": {**machine_facts(), "niceness": os.nice(0)},
        "figures": figures,
    }
    write_result("snapshots", result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
