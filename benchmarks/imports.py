"""CPU seconds of `import agentkit` and of `agentkit --help`, in fresh processes.

The targets are 0.15 CPU s for the import and 0.3 s of wall-clock time for `--help`.
"""

import os
import statistics
import subprocess
import sys
import time
from typing import Any

from facts import machine_facts, write_result

ROUNDS = 15
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import agentkit": ["-c", "import agentkit"],
    "agentkit --help": ["-m", "agentkit", "--help"],
}


def spent(arguments: list[str]) -> tuple[float, float]:
    """CPU and wall-clock seconds of one fresh interpreter."""
    before, began = os.times(), time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, wall


def main() -> None:
    """Measure the commands in turn, so that a slow moment of the machine meets them all."""
    rounds = [{name: spent(arguments) for name, arguments in COMMANDS.items()} for _ in range(ROUNDS)]
    rows: dict[str, Any] = {}
    for name in COMMANDS:
        cpu, wall = zip(*(one[name] for one in rounds[1:]), strict=True)  # the first fills the disk cache
        rows[name] = {
            "cpu_seconds": round(statistics.median(cpu), 4),
            "best_cpu_seconds": round(min(cpu), 4),
            "wall_seconds": round(statistics.median(wall), 4),
            "best_wall_seconds": round(min(wall), 4),
        }
        print(f"{name:<16} {rows[name]['cpu_seconds']:.3f} CPU s, {rows[name]['wall_seconds']:.3f} s")
    path = write_result("imports", {"rounds": ROUNDS - 1, "commands": rows, "machine": machine_facts()})
    print(f"written to {path}")


if __name__ == "__main__":
    main()
