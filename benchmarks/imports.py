"""CPU seconds and peak memory of fresh processes: `import agentkit`, `agentkit --help`, and a whole run.

The targets are 0.15 CPU s for the import, 0.3 s of wall-clock time for `--help`, and at most 60 MB for a
run (of 200 steps that write a file each, with a model that is played from a file: without the engine).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from facts import machine_facts, write_result

ROUNDS = 15
RUN = "a run of 200 steps"
STEPS = 200


class Spent(NamedTuple):
    """What one fresh process took."""

    cpu: float
    wall: float
    peak_mb: float


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured, by name."""
    script = folder / "script.jsonl"
    calls = [
        {"name": "write_file", "arguments": {"path": f"{n}.txt", "content": f"{n}"}} for n in range(STEPS)
    ]
    lines = [*({"calls": [call]} for call in calls), {"text": "done"}]
    script.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    (folder / "work").mkdir()
    return {
        "python -c pass": ["-c", "pass"],
        "import agentkit": ["-c", "import agentkit"],
        "agentkit --help": ["-m", "agentkit", "--help"],
        RUN: [
            *("-m", "agentkit", "run", "write files", "--model", f"scripted:{script}"),
            *("--workspace", str(folder / "work"), "--journal", str(folder / "journal.db")),
            *("--max-steps", str(STEPS + 5)),
        ],
    }


def spent(arguments: list[str]) -> Spent:
    """What one fresh interpreter takes for these arguments."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return Spent(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024 / 1e6)


def main() -> None:
    """Measure the commands in turn, so that a slow moment of the machine meets them all."""
    with tempfile.TemporaryDirectory() as folder:
        measured = commands(Path(folder))
        run = spent(measured.pop(RUN))
    rounds = [{name: spent(arguments) for name, arguments in measured.items()} for _ in range(ROUNDS)]
    rows: dict[str, Any] = {}
    for name in measured:
        cpu, wall, peak = zip(
            *(one[name] for one in rounds[1:]), strict=True
        )  # the first fills the disk cache
        rows[name] = {
            "cpu_seconds": round(statistics.median(cpu), 4),
            "best_cpu_seconds": round(min(cpu), 4),
            "wall_seconds": round(statistics.median(wall), 4),
            "best_wall_seconds": round(min(wall), 4),
            "peak_mb": round(statistics.median(peak), 1),
        }
        print(f"{name:<16} {rows[name]['cpu_seconds']:.3f} CPU s, {rows[name]['wall_seconds']:.3f} s")
    rows[RUN] = {
        "cpu_seconds": round(run.cpu, 2),
        "wall_seconds": round(run.wall, 2),
        "peak_mb": round(run.peak_mb, 1),
    }
    print(f"{RUN}: {run.peak_mb:.1f} MB at most, {run.cpu:.2f} CPU s")
    path = write_result("imports", {"rounds": ROUNDS - 1, "commands": rows, "machine": machine_facts()})
    print(f"written to {path}")


if __name__ == "__main__":
    main()
