"""What a sandbox adds to a command: `python -c pass`, bare and confined, in turn, medians.

    python benchmarks/sandbox.py [repeats]

Writes benchmarks/results/sandbox.json.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from facts import machine_facts, write_result

from agentkit.core.errors import SandboxUnavailable
from agentkit.tooling.sandbox import Sandbox, python
from agentkit.tooling.sandbox.probe import CANDIDATES

ARGV = [str(python()), "-I", "-S", "-c", "pass"]


def main(repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], None]] = {"bare": lambda: bare(folder)}
        for name, build in CANDIDATES.items():
            try:
                sandbox = build()
            except SandboxUnavailable as fault:
                print(f"{name}: {fault}")
                continue
            loop = asyncio.new_event_loop()
            ways[name] = lambda sandbox=sandbox, loop=loop: confined(loop, sandbox, Path(folder).resolve())
        seconds = timed(ways, repeats)
    medians = {name: round(1000 * statistics.median(taken), 2) for name, taken in seconds.items()}
    result = {
        "command": "python -I -S -c pass",
        "repeats": repeats,
        "median_ms": medians,
        "added_ms": {name: round(ms - medians["bare"], 2) for name, ms in medians.items() if name != "bare"},
        "ratio": {name: round(ms / medians["bare"], 2) for name, ms in medians.items() if name != "bare"},
        "machine": {**machine_facts(), "root": os.getuid() == 0},
    }
    write_result("sandbox", result)
    print(json.dumps(result, indent=2))


def timed(ways: dict[str, Callable[[], None]], repeats: int) -> dict[str, list[float]]:
    """Take the ways in turn, so that a busy moment of the machine falls on all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(repeats + 2):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if round_ >= 2:  # the first two fill the caches
                seconds[name].append(time.perf_counter() - began)
    return seconds


def bare(folder: str) -> None:
    subprocess.run(ARGV, cwd=folder, check=True, capture_output=True)


def confined(loop: asyncio.AbstractEventLoop, sandbox: Sandbox, workspace: Path) -> None:
    finished = loop.run_until_complete(sandbox.run(ARGV, workspace=workspace))
    assert finished.status == 0, finished.output


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
