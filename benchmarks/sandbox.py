"""What a sandbox adds to a command: `python -c pass`, bare and confined, in turn, medians.

    python benchmarks/sandbox.py [--repeats N] [--user COMMAND]

`--user` is how Python starts as an ordinary user, where this is run as root: then the same is measured as
that user as well. Writes benchmarks/results/sandbox.json.
"""

import argparse
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
from typing import Any

from facts import as_user, machine_facts, write_result

from agentkit.core.errors import SandboxUnavailable
from agentkit.tooling.sandbox import Sandbox, python
from agentkit.tooling.sandbox.probe import CANDIDATES

ARGV = [str(python()), "-I", "-S", "-c", "pass"]


def measured(repeats: int) -> dict[str, Any]:
    """What each mechanism of this machine adds, as the user that this is run by."""
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], None]] = {"bare": lambda: bare(folder)}
        for name, build in CANDIDATES.items():
            try:
                sandbox = build()
            except SandboxUnavailable as fault:
                print(f"{name}: {fault}", file=sys.stderr)
                continue
            loop = asyncio.new_event_loop()
            ways[name] = lambda sandbox=sandbox, loop=loop: confined(loop, sandbox, Path(folder).resolve())
        seconds = timed(ways, repeats)
    medians = {name: round(1000 * statistics.median(taken), 2) for name, taken in seconds.items()}
    least = {name: round(1000 * min(taken), 2) for name, taken in seconds.items()}
    return {
        "median_ms": medians,
        "added_ms": {name: round(ms - medians["bare"], 2) for name, ms in medians.items() if name != "bare"},
        # on a busy machine the least says more of the work itself
        "least_ms": least,
        "least_added_ms": {
            name: round(ms - least["bare"], 2) for name, ms in least.items() if name != "bare"
        },
        "ratio": {name: round(ms / medians["bare"], 2) for name, ms in medians.items() if name != "bare"},
    }


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


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--user", metavar="COMMAND", help="how Python starts as an ordinary user")
    parser.add_argument("--print", action="store_true", help="print what was measured, and write nothing")
    given = parser.parse_args()
    if given.print:
        print(json.dumps(measured(given.repeats)))
        return
    result: dict[str, Any] = {"command": "python -I -S -c pass", "repeats": given.repeats}
    result["as root" if os.getuid() == 0 else "as a user"] = measured(given.repeats)
    if given.user:
        result["as a user"] = as_user(given.user, __file__, "--repeats", str(given.repeats))
    result["machine"] = machine_facts()
    write_result("sandbox", result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
