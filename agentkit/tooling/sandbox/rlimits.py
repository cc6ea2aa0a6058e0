"""The limits that the kernel itself holds for each process of a command."""

import math
import os
import resource

from agentkit.tooling.sandbox.contract import Limits


def rlimits(limits: Limits) -> dict[int, int]:
    """Return the value of each resource limit; a hard limit of the host's that is lower stays."""
    wanted = {
        # Programs reserve more than they touch (Node does not start in 2 GiB); the watcher holds what
        # all of them touch together, this one holds what one can touch between two of its looks.
        resource.RLIMIT_AS: limits.reserved_bytes or 2 * limits.memory_bytes,
        resource.RLIMIT_CORE: 0,
        # A backstop: the watcher's wall clock comes first unless the host itself is stopped.
        resource.RLIMIT_CPU: math.ceil(limits.wall_seconds * (os.cpu_count() or 1)) + 1,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_NPROC: limits.processes,
    }
    return {which: at_most_hard(which, value) for which, value in wanted.items()}


def at_most_hard(which: int, value: int) -> int:
    """Return `value`, or the hard limit of this process where that is lower."""
    hard = resource.getrlimit(which)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
