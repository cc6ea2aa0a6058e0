"""How much a command adds to the disk of its workspace."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from agentkit.tooling.sandbox.contract import MIB, Limits
from agentkit.tooling.sandbox.process_tree import processes

_KEEP_FREE = 64 * MIB
"""Below this the command is stopped, whoever filled the disk."""
_BLOCK = 512
_SECONDS_BETWEEN_COUNTS = 0.25


class DiskWatch:
    """Says when a command has written too much.

    The free space is read at every look, which costs microseconds. Other programs share the disk, so
    only when it shrank by the limit are the command's own files counted.
    """

    def __init__(self, workspace: Path, limits: Limits) -> None:
        self._workspace = workspace
        self._limits = limits
        self._began = time.time() - 1  # file times are coarser than the clock
        self._free, self._inodes = self._space()
        self._next_count = 0.0

    def exceeded(self, root: int) -> bool:
        """Whether the processes below `root` filled more of the disk than they may."""
        free, inodes = self._space()
        if free < min(_KEEP_FREE, self._free // 2):
            return True
        grown, added = self._free - free, self._inodes - inodes
        if grown <= self._limits.written_bytes and added <= self._limits.files:
            return False
        if time.monotonic() < self._next_count:
            return False
        grown, added = self._counted(root)
        self._next_count = time.monotonic() + _SECONDS_BETWEEN_COUNTS
        return grown > self._limits.written_bytes or added > self._limits.files

    def _space(self) -> tuple[int, int]:
        state = os.statvfs(self._workspace)
        return state.f_bavail * state.f_frsize, state.f_ffree

    def _counted(self, root: int) -> tuple[int, int]:
        size = count = 0
        for entry in _files_below(self._workspace):
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if facts.st_ctime >= self._began:
                size, count = size + facts.st_blocks * _BLOCK, count + 1
        for facts in _open_but_deleted(root):
            size, count = size + facts.st_blocks * _BLOCK, count + 1
        return size, count


def _files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except (FileNotFoundError, PermissionError):
            continue  # gone, or closed by the command; the floor on free space still holds


def _open_but_deleted(root: int) -> Iterator[os.stat_result]:
    for process in processes(root):
        try:
            for number in os.listdir(f"/proc/{process}/fd"):  # noqa: PTH208
                facts = os.stat(f"/proc/{process}/fd/{number}")  # noqa: PTH116
                if facts.st_nlink == 0 and facts.st_blocks:
                    yield facts
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
