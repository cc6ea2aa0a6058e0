"""A ceiling on a command's tasks that the kernel holds also where the host is root.

RLIMIT_NPROC does not bind processes whose user is root outside their namespace too (`copy_process` in the
kernel), and the watcher looks some times a second: on a busy machine a fork bomb can have used up every
process number by then, and nobody could be started any more to end it. A control group of the `pids`
controller refuses them, where this process may make one.
"""

import contextlib
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path

CEILING = 2
"""How many times the processes a command may have: the watcher is to see, and say, that they are too many."""
_NAME = "agentkit-"
_LOOKS, _SECONDS_BETWEEN = 50, 0.01


@contextlib.contextmanager
def task_group(
    processes: int,
    *,
    groups: Path = Path("/sys/fs/cgroup"),
    membership: Path = Path("/proc/self/cgroup"),
    is_root: bool | None = None,
    make: Callable[[Path], None] = Path.mkdir,
    remove: Callable[[Path], None] = Path.rmdir,
) -> Generator[Path | None]:
    """A group for the processes of one command, removed at the end; `None` where there is no need or no way.

    Args:
        processes: How many the command may have.
        groups: Where control groups are mounted.
        membership: Says in which of them this process is.
        is_root: Whether RLIMIT_NPROC is of no use; when not given, whether this process runs as root.
        make: Makes a group, with the files that the kernel puts into it.
        remove: Removes one that is empty, and these files.
    """
    if not (os.geteuid() == 0 if is_root is None else is_root):
        yield None
        return
    group = _made(_own_group(groups, membership), CEILING * processes, make, remove)
    try:
        yield group
    finally:
        if group is not None:
            _remove(group, remove)


def join(group: Path, process: int) -> None:
    """Put a process into a group, with all that it will start."""
    (group / "cgroup.procs").write_text(str(process))


def _own_group(groups: Path, membership: Path) -> Path | None:
    """Where the `pids` controller counts this process: of version 1, or of version 2."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    places = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    if "pids" in places:
        return groups / "pids" / places["pids"].lstrip("/")
    return groups / places[""].lstrip("/") if "" in places else None


def _made(
    parent: Path | None, tasks: int, make: Callable[[Path], None], remove: Callable[[Path], None]
) -> Path | None:
    if parent is None:
        return None
    group = parent / f"{_NAME}{os.getpid()}-{time.monotonic_ns()}"
    try:
        _tidy(parent, remove)
        make(group)
    except OSError:  # read-only, as in most containers
        return None
    try:
        (group / "pids.max").open("r+").close()  # not there, where the controller is not handed down
        (group / "pids.max").write_text(str(tasks))
    except OSError:
        _remove(group, remove)
        return None
    return group


def _tidy(parent: Path, remove: Callable[[Path], None]) -> None:
    """Remove what hosts that were killed left behind; a group that still has processes stays."""
    for left in parent.glob(f"{_NAME}*"):
        host = left.name.removeprefix(_NAME).split("-")[0]
        if not Path("/proc", host).exists():
            with contextlib.suppress(OSError):
                remove(left)


def _remove(group: Path, remove: Callable[[Path], None]) -> None:
    """Remove a group whose last process was ended: the kernel may be still at it."""
    for _ in range(_LOOKS):
        try:
            remove(group)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(_SECONDS_BETWEEN)
        else:
            return
