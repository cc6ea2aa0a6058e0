"""What the processes of one command use, read from /proc by the host."""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Usage:
    """A moment of a process tree."""

    tasks: int
    resident_bytes: int


def usage(root: int, enough: int) -> Usage:
    """Count the threads and the resident memory of `root` and all below; stop after `enough` threads."""
    tasks = resident = 0
    for process in processes(root):
        try:
            tasks += len(os.listdir(f"/proc/{process}/task"))  # noqa: PTH208 - names, not paths, 50 times a second
            with Path(f"/proc/{process}/statm").open("rb") as statm:
                resident += int(statm.read().split()[1]) * _PAGE
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if tasks > enough:
            break
    return Usage(tasks, resident)


def processes(root: int) -> Iterator[int]:
    """Yield `root` and the processes below it, parents first."""
    waiting = [root]
    while waiting:
        process = waiting.pop()
        yield process
        try:
            # A child is listed under the thread that made it.
            for task in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208
                with Path(f"/proc/{process}/task/{task}/children").open("rb") as children:
                    waiting.extend(map(int, children.read().split()))
        except (FileNotFoundError, ProcessLookupError):
            continue
