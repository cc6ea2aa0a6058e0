"""The folder an agent works in: the only way host code touches the model's files.

Every path a model names goes through here, and none leads out: not by `..`, not by an absolute path,
not by a symbolic link, not by a link that a program swaps in while we look (`openat2.py`).
"""

import os
import shutil
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from agentkit.core.errors import ToolFault, WorkspaceError
from agentkit.tooling.beneath import FOLDER, Beneath
from agentkit.tooling.file_system import (
    chunks,
    link_target_of,
    place_of,
    refuse_protected,
    refuse_taken,
    refuse_unless_file,
    sync_names,
    too_wide,
    write_all,
)
from agentkit.tooling.lease import Lease
from agentkit.tooling.listing import LISTABLE, Entry
from agentkit.tooling.openat2 import Opener, best_opener
from agentkit.tooling.whole_files import replace_file

LARGEST_READ = 64 * 1024 * 1024
"""Bytes of a file that are read into memory at once; larger ones are for code in the sandbox."""

# a pipe must not make us wait for a writer, nor a terminal become ours
_READABLE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


class Workspace(Beneath):
    """A folder held open; every path is relative to it and stays beneath it.

    What cannot be done is a `ToolFault` that says why and what exists.
    """

    @classmethod
    def open(cls, root: Path, opener: Opener | None = None) -> Self:
        """Hold the folder `root` open.

        Args:
            root: An existing folder, but neither `/` nor the whole home folder.
            opener: How paths are confined; the best this machine has by default.

        Raises:
            WorkspaceError: the folder cannot be a workspace; the message says what would work.
        """
        # as text, since this is done for every run; `..` is meant as it is written
        named = os.path.abspath(os.path.expanduser(root))  # noqa: PTH100, PTH111
        try:
            descriptor = os.open(named, LISTABLE)
        except FileNotFoundError:
            raise WorkspaceError(f"there is no folder {named}; make it, or name one that exists") from None
        except NotADirectoryError:
            raise WorkspaceError(f"{named} is not a folder; the workspace is the folder it lies in") from None
        except PermissionError:
            raise WorkspaceError(f"the folder {named} may not be read by this user; name another") from None
        except OSError as error:
            raise WorkspaceError(f"the folder {named} cannot be opened: {error.strerror}") from error
        real = place_of(descriptor, named)
        if reason := too_wide(real):
            os.close(descriptor)
            raise WorkspaceError(f"{named} cannot be the workspace: {reason}; name a folder inside it")
        return cls(_path(real), descriptor, opener or best_opener())

    def close(self) -> None:
        """Let go of the folder; a second time is harmless."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- looking

    def size(self, path: str) -> int:
        """Bytes of a file."""
        with self._told(path), self._opened(path, os.O_PATH) as descriptor:
            return os.fstat(descriptor).st_size

    def status(self, path: str) -> os.stat_result:
        """What the system knows of a file or folder."""
        with self._told(path), self._opened(path, os.O_PATH) as descriptor:
            return os.fstat(descriptor)

    def link_target(self, path: str) -> str | None:
        """Where a link says that it leads, wherever that is; `None` of what is no link."""
        *above, name = self._parts(path) or ["."]
        with self._told(path):
            folder = self._open("/".join(above) or ".", FOLDER)
            try:
                return link_target_of(folder, name)
            finally:
                os.close(folder)

    def read_bytes(self, path: str) -> bytes:
        """The whole of a file, up to `LARGEST_READ` bytes."""
        with self._told(path), self._file(path, _READABLE) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > LARGEST_READ:
                raise ToolFault(
                    f'"{path}" has {size:,} bytes, more than the {LARGEST_READ:,} that can be read at once; '
                    "read a part of it with code"
                )
            return b"".join(chunks(descriptor))

    def entries(self, folder: str = ".") -> list[Entry]:
        """What lies in one folder, sorted by name."""
        with self._told(folder, "folder"), self._opened(folder, LISTABLE) as descriptor:
            return self._listing.entries("/".join(self._parts(folder)), descriptor)

    def manifest(self) -> str:
        """Every file and folder with what tells whether it changed; `changes` compares two of them."""
        return self._listing.manifest()

    # --- changing

    def write_bytes(self, path: str, data: bytes) -> None:
        """Make a file hold `data`, all of it or, after a crash, none; folders on the way are made.

        An existing file keeps its permissions. A link is written through when it stays inside.
        """
        with self._told(path), self._place(path, make=True) as (folder, name):
            replace_file(path, folder, name, [data], self.lease.check)

    def append_bytes(self, path: str, data: bytes) -> None:
        """Add `data` to the end of a file, which is made if it is missing."""
        if self.kind(path) == "missing":
            self.write_bytes(path, data)
            return
        if self.status(path).st_nlink > 1:  # another name of it may be one that is not to be written
            self.write_bytes(path, self.read_bytes(path) + data)
            return
        with self._told(path), self._place(path) as (folder, name):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            refuse_unless_file(path, mode)
            refuse_protected(path, mode)
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(name, flags, dir_fd=folder)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    write_all(descriptor, data)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)

    def make_executable(self, path: str) -> None:
        """Let a file be run by whoever may read it."""
        with self._told(path), self._place(path) as (folder, name):
            refuse_unless_file(path, os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            descriptor = os.open(name, _READABLE | os.O_NOFOLLOW, dir_fd=folder)
            try:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.fchmod(descriptor, mode | (mode & 0o444) >> 2)
            finally:
                os.close(descriptor)

    def make_folder(self, path: str) -> None:
        """Make a folder and those on the way to it; one that exists is fine."""
        with self._told(path), self.lease.changing():
            os.close(self._make_folders(self._parts(path)))

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file, a link, or an empty folder; a folder with all it holds if `recursive`."""
        # no guess: a small model that is told of a like name deletes that instead
        with self._told(path, guess=False), self._place(path, follow=False) as (folder, name):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if not stat.S_ISDIR(mode):
                refuse_protected(path, mode)
                os.unlink(name, dir_fd=folder)
            elif recursive:
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.rmdir(name, dir_fd=folder)
            sync_names(folder)

    def move(self, source: str, target: str) -> str:
        """Move a file or folder, into `target` when that is a folder; returns where it is now.

        Nothing is ever overwritten.
        """
        target = self._into(source, target)
        with (
            self._told(source),
            self._placing,
            self._place(source, follow=False) as (old_folder, old_name),
        ):
            os.stat(old_name, dir_fd=old_folder, follow_symlinks=False)
            with self._told(target), self._place(target, make=True, follow=False) as (folder, name):
                refuse_taken(target, folder, name)
                os.rename(old_name, name, src_dir_fd=old_folder, dst_dir_fd=folder)
                sync_names(folder)
                sync_names(old_folder)
        return target

    def copy(self, source: str, target: str) -> str:
        """Copy a file, into `target` when that is a folder; returns where the copy is.

        Nothing is ever overwritten.
        """
        target = self._into(source, target)
        with self._told(source), self._placing, self._file(source, _READABLE) as descriptor:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            with self._told(target), self._place(target, make=True, follow=False) as (folder, name):
                refuse_taken(target, folder, name)
                replace_file(target, folder, name, chunks(descriptor), self.lease.check, mode)
        return target

    def _into(self, source: str, target: str) -> str:
        """The path that `target` means for `source`: inside it, where it is a folder."""
        parts = self._parts(target)
        if self.kind(target) == "folder" or target.endswith("/"):
            parts += self._parts(source)[-1:]
        return "/".join(parts)

    # --- paths

    def holding(self, paths: Iterable[str]) -> "Workspace":
        """The same folder, in which these paths, and folders with one of them inside, cannot be changed.

        Made for one call: it is open for as long as this one is.
        """
        other = self._another()
        other.held = frozenset(paths)
        return other

    def lent(self, lease: Lease) -> "Workspace":
        """The same folder while the lease lasts; then whoever still has it can do nothing with it."""
        other = self._another()
        other.lease = lease
        return other

    def _another(self) -> "Workspace":
        """The same folder in another's hands, with the same lock: `copy.copy` takes ten times as long."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other


@lru_cache(maxsize=16)  # runs in one folder share its path, which is taken apart and written out once
def _path(real: str) -> Path:
    return Path(real)
