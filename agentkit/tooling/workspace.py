"""The folder an agent works in: the only way host code touches the model's files.

Every path a model names goes through here, and none leads out: not by `..`, not by an absolute path,
not by a symbolic link, not by a link that a program swaps in while we look (`openat2.py`).
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from agentkit.core.errors import ToolFault, WorkspaceError
from agentkit.tooling.file_system import (
    Kind,
    chunks,
    is_text,
    kind_of,
    link_target_of,
    printable,
    refuse_protected,
    refuse_taken,
    refuse_unless_file,
    sync_names,
    too_wide,
    write_all,
)
from agentkit.tooling.lease import Lease
from agentkit.tooling.manifest import MORE, file_line, folder_line
from agentkit.tooling.manifest import Changes as Changes
from agentkit.tooling.manifest import changes as changes
from agentkit.tooling.manifest import paths_in as paths_in
from agentkit.tooling.nearest import listed, nearest
from agentkit.tooling.openat2 import MOST_LINKS, Opener, best_opener
from agentkit.tooling.steering import steers

MOST_ENTRIES = 20_000
"""Files and folders that are listed; what comes after them is there but not named."""

LARGEST_READ = 64 * 1024 * 1024
"""Bytes of a file that are read into memory at once; larger ones are for code in the sandbox."""

SKIPPED = frozenset({".git", "__pycache__", "node_modules", ".venv"})
"""Folders whose many files are nobody's to list. They can still be named."""

_FOLDER = os.O_PATH | os.O_DIRECTORY
_LISTABLE = os.O_RDONLY | os.O_DIRECTORY
# a pipe must not make us wait for a writer, nor a terminal become ours
_READABLE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder."""

    name: str
    kind: Kind
    size: int
    """Bytes of a file; 0 of everything else."""


class _LeadsOut(OSError):
    """A path leads out of the workspace."""


class Workspace:
    """A folder held open; every path is relative to it and stays beneath it.

    What cannot be done is a `ToolFault` that says why and what exists.
    """

    def __init__(self, root: Path, descriptor: int, opener: Opener) -> None:
        self.root = root
        """The folder's real absolute path: where code in the sandbox runs."""
        self._root = descriptor
        self._opener = opener
        # `move` and `copy` look before they leap: nothing of ours may come in between
        self._placing = threading.Lock()
        self.held: frozenset[str] = frozenset()
        """Paths that cannot be changed; see `holding`."""
        self.lease = Lease()
        """How long it can be used; see `lent`."""

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
            real = os.path.realpath(named, strict=True)
            descriptor = os.open(real, _LISTABLE)
        except FileNotFoundError:
            raise WorkspaceError(f"there is no folder {named}; make it, or name one that exists") from None
        except NotADirectoryError:
            raise WorkspaceError(f"{named} is not a folder; the workspace is the folder it lies in") from None
        except PermissionError:
            raise WorkspaceError(f"the folder {named} may not be read by this user; name another") from None
        except OSError as error:
            raise WorkspaceError(f"the folder {named} cannot be opened: {error.strerror}") from error
        if reason := too_wide(real):
            os.close(descriptor)
            raise WorkspaceError(f"{named} cannot be the workspace: {reason}; name a folder inside it")
        return cls(Path(real), descriptor, opener or best_opener())

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

    def kind(self, path: str) -> Kind:
        """What is at `path`; whatever is not in the workspace is missing."""
        try:
            descriptor = self._open("/".join(self._parts(path)) or ".", os.O_PATH)
        except (ToolFault, OSError):
            return "missing"
        try:
            return kind_of(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)

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
            folder = self._open("/".join(above) or ".", _FOLDER)
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

    def files(self, below: str = "") -> list[str]:
        """Every file by its path, sorted, or those below a folder; `SKIPPED` folders are left out."""
        return sorted(path for path, kind, _ in self._walk(below) if kind == "file" and is_text(path))

    def folders(self) -> list[str]:
        """Every folder by its path, sorted; `.`, the workspace itself, comes first."""
        found = sorted(path for path, kind, _ in self._walk() if kind == "folder" and is_text(path))
        return [".", *found]

    def entries(self, folder: str = ".") -> list[Entry]:
        """What lies in one folder, sorted by name."""
        with self._told(folder, "folder"), self._opened(folder, _LISTABLE) as descriptor:
            with os.scandir(descriptor) as listing:
                names = sorted(entry.name for entry in listing)
            found: list[Entry] = []
            for name in names:
                status = self._status(folder, name, descriptor)
                kind = kind_of(status.st_mode) if status else "other"
                size = status.st_size if status and kind == "file" else 0
                found.append(Entry(printable(name), kind, size))
            return found

    def manifest(self) -> str:
        """Every file and folder with what tells whether it changed; `changes` compares two of them."""
        lines: list[str] = []
        for path, kind, status in self._walk():
            if kind == "folder":
                lines.append(folder_line(path))
            elif kind == "file":
                found = status()
                if found is not None:
                    lines.append(file_line(path, found.st_size, found.st_mtime_ns, found.st_ino))
            else:
                lines.append(MORE)
        return "".join(f"{line}\n" for line in lines)

    # --- changing

    def write_bytes(self, path: str, data: bytes) -> None:
        """Make a file hold `data`, all of it or, after a crash, none; folders on the way are made.

        An existing file keeps its permissions. A link is written through when it stays inside.
        """
        with self._told(path), self._place(path, make=True) as (folder, name):
            self._replace(path, folder, name, [data])

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
        with self._told(path), self._place(path, follow=False) as (folder, name):
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
                self._replace(target, folder, name, chunks(descriptor), mode)
        return target

    def _into(self, source: str, target: str) -> str:
        """The path that `target` means for `source`: inside it, where it is a folder."""
        parts = self._parts(target)
        if self.kind(target) == "folder" or target.endswith("/"):
            parts += self._parts(source)[-1:]
        return "/".join(parts)

    # --- paths

    def open_at(self, path: str, flags: int) -> int:
        """Open what lies at a path below the folder, `""` being the folder itself, and nothing outside it.

        Raises:
            OSError: as the system says it.
        """
        return self._open(path or ".", flags)

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

    def _parts(self, path: str) -> list[str]:
        """The components of a path below the root, or a fault for what cannot be one."""
        if not path.strip():
            raise ToolFault(f"the path is empty; {self._there_is()}")
        if "\0" in path or not is_text(path):
            raise ToolFault(f"{path!r} cannot be a path; {self._there_is()}")
        if path.startswith("/"):
            if path != str(self.root) and not path.startswith(f"{self.root}/"):
                raise ToolFault(self._outside(path))
            path = path[len(str(self.root)) :]
        if path == "~" or path.startswith("~/"):
            raise ToolFault(self._outside(path))
        return [part for part in path.split("/") if part not in ("", ".")]

    def _open(self, path: str, flags: int) -> int:
        """Open a path that `_parts` has seen; the one place where anything is opened by path."""
        self.lease.check()
        try:
            return self._opener(self._root, path, flags)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise _LeadsOut(*error.args, path) from None
            raise

    @contextlib.contextmanager
    def _opened(self, path: str, flags: int) -> Generator[int]:
        descriptor = self._open("/".join(self._parts(path)) or ".", flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _file(self, path: str, flags: int) -> Generator[int]:
        """A regular file, opened; anything else is refused before it is opened for real."""
        with self._opened(path, os.O_PATH) as seen:
            refuse_unless_file(path, os.fstat(seen).st_mode)
        with self._opened(path, flags) as descriptor:
            refuse_unless_file(path, os.fstat(descriptor).st_mode)
            yield descriptor

    @contextlib.contextmanager
    def _place(self, path: str, *, make: bool = False, follow: bool = True) -> Generator[tuple[int, str]]:
        """The open folder and the name in it where `path` is to be written, moved or removed.

        A link at the end is followed by hand, each step beneath the root, so that the name given
        back is no link; the operations on it do not follow one either.
        """
        with self.lease.changing():
            yield from self._placed(path, self._parts(path), make=make, follow=follow)

    def _placed(self, path: str, parts: list[str], *, make: bool, follow: bool) -> Generator[tuple[int, str]]:
        for _ in range(MOST_LINKS):
            if not parts or parts[-1] == "..":
                raise ToolFault(f'"{path}" is a folder that cannot be changed as a whole; name what is in it')
            folder = (
                self._make_folders(parts[:-1]) if make else self._open("/".join(parts[:-1]) or ".", _FOLDER)
            )
            try:
                self._refuse_theirs(path, folder, parts[-1])
                self._refuse_held(path, folder, parts[-1], within=True)
                target = link_target_of(folder, parts[-1]) if follow else None
                if target is None:
                    yield folder, parts[-1]
                    return
            finally:
                os.close(folder)
            if target.startswith("/"):
                raise ToolFault(self._outside(path))
            parts = [*parts[:-1], *(part for part in target.split("/") if part not in ("", "."))]
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def _make_folders(self, parts: list[str]) -> int:
        """Open the folder at `parts`, making what is missing on the way."""
        for count, name in enumerate(parts):
            folder = self._open("/".join(parts[:count]) or ".", _FOLDER)
            try:
                self._refuse_theirs("/".join(parts), folder, name)
                self._refuse_held("/".join(parts), folder, name)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
            finally:
                os.close(folder)
        return self._open("/".join(parts) or ".", _FOLDER)

    def _refuse_theirs(self, path: str, folder: int, name: str) -> None:
        """What works later, outside, is not an agent's to write: git's hooks and settings, and ours."""
        parts = (*self._inside(folder), name)
        if any(part.lower() == ".git" for part in parts):
            raise ToolFault(f'"{path}" belongs to git, and only git may change it')
        if steers(parts):
            raise ToolFault(
                f'"{path}" says how agents work here, and only a person may change it; write what you '
                "would have in it to another file, and tell them"
            )

    def _refuse_held(self, path: str, folder: int, name: str, *, within: bool = False) -> None:
        """What is held stays: it, what lies in it and, with `within`, the folders that it lies in."""
        if not self.held:
            return
        parts = (*self._inside(folder), name)
        above = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
        here = "/".join(parts)
        if above & self.held or (within and any(one.startswith(f"{here}/") for one in self.held)):
            raise ToolFault(
                f'"{path}" could not be brought back, and nobody was asked; name it as it is called: "{here}"'
            )

    def _inside(self, folder: int) -> tuple[str, ...]:
        """The components from the root to an open folder, wherever links led to it."""
        root, here = (Path(f"/proc/self/fd/{descriptor}").readlink() for descriptor in (self._root, folder))
        return here.parts[len(root.parts) :]

    def _replace(
        self, path: str, folder: int, name: str, chunks: Iterable[bytes], mode: int | None = None
    ) -> None:
        """Put a whole new file in place of `name`, in one step."""
        try:
            old = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            old = None
        if old is not None:
            refuse_unless_file(path, old.st_mode)
            refuse_protected(path, old.st_mode)
        part = f".agentkit-{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(part, flags, 0o666, dir_fd=folder)
        try:
            try:
                for chunk in chunks:
                    self.lease.check()
                    write_all(descriptor, chunk)
                if old is not None:
                    if os.geteuid() == 0:
                        os.fchown(descriptor, old.st_uid, old.st_gid)
                    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
                elif mode is not None:
                    os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self.lease.check()
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
            raise
        sync_names(folder)

    # --- listing

    def _walk(self, below: str = "") -> Iterator[tuple[str, Kind, Callable[[], os.stat_result | None]]]:
        """Every file and folder in order, each with a way to look closer.

        A link to a file inside counts as that file; a link to a folder is a folder that is not
        entered, so that no circle is walked. After `MOST_ENTRIES` comes one entry of kind `other`.
        """
        count = 0
        pending: list[tuple[str, Kind]] = [(below, "folder")]
        while pending:
            path, kind = pending.pop()
            if path != below:
                count += 1
                if count > MOST_ENTRIES:
                    yield path, "other", lambda: None
                    return
                yield path, kind, lambda path=path: self._look(path)
            if kind == "folder":
                pending += reversed(self._scan(path))

    def _scan(self, folder: str) -> list[tuple[str, Kind]]:
        try:
            descriptor = self._open(folder or ".", _LISTABLE | os.O_NOFOLLOW)
        except OSError:
            # gone since its parent was read, a link, or not ours to read: nothing in it can be named
            return []
        found: list[tuple[str, Kind]] = []
        prefix = f"{folder}/" if folder else ""
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    path = prefix + entry.name
                    if entry.is_symlink():
                        status = self._look(path)
                        kind = kind_of(status.st_mode) if status else "other"
                    elif entry.is_file(follow_symlinks=False):
                        kind = "file"
                    else:
                        kind = "folder" if entry.is_dir(follow_symlinks=False) else "other"
                    if kind == "file" or (kind == "folder" and entry.name not in SKIPPED):
                        found.append((path, kind))
        finally:
            os.close(descriptor)
        return sorted(found)

    def _look(self, path: str) -> os.stat_result | None:
        """What a listed path is now; `None` when it is gone or leads out."""
        try:
            descriptor = self._open(path, os.O_PATH)
        except OSError:
            return None
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def _status(self, folder: str, name: str, descriptor: int) -> os.stat_result | None:
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISLNK(status.st_mode):
            return status
        return self._look("/".join([*self._parts(folder), name]))

    # --- faults

    @contextlib.contextmanager
    def _told(self, path: str, what: str = "file") -> Generator[None]:
        """Turn what the system says about `path` into words that help."""
        try:
            yield
        except OSError as error:
            raise ToolFault(self._words(path, what, error)) from error

    def _words(self, path: str, what: str, error: OSError) -> str:
        if isinstance(error, _LeadsOut):
            return self._outside(path)
        match error.errno:
            case errno.ENOENT:
                return self.no_such(path, what)
            case errno.ENOTDIR if what == "folder" and self.kind(path) == "file":
                return f'"{path}" is a file, not a folder'
            case errno.ENOTDIR:
                return f'a part of "{path}" is a file, not a folder; {self._there_is()}'
            case errno.EISDIR:
                return f'"{path}" is a folder, not a file'
            case errno.ENOTEMPTY:
                return f'the folder "{path}" is not empty'
            case errno.ENOSPC | errno.EDQUOT:
                return f'there is no space left on the disk to write "{path}"; nothing was written'
            case errno.EROFS:
                return f'"{path}" is on a disk that can only be read'
            case errno.EACCES | errno.EPERM:
                return f'the system does not permit this with "{path}"'
            case errno.ENAMETOOLONG:
                return f'the name "{path[:80]}…" is too long'
            case errno.ELOOP:
                return f'"{path}" is a link that leads back to itself'
            case errno.EINVAL:
                return f'"{path}" cannot be put there: a folder cannot go into itself'
            case errno.EXDEV:
                return f'"{path}" is on another disk and cannot be moved; copy it, then delete it'
            case _:
                return f'"{path}": {error.strerror or error}'

    def no_such(self, path: str, what: str = "file") -> str:
        """The words for a path that is missing: what was meant perhaps, and what there is."""
        known = self.folders() if what == "folder" else self.files()
        near = nearest(path, known, most=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ";"
        return f'there is no {what} "{path}"{meant} {self._there_is(what)}'

    def _outside(self, path: str) -> str:
        near = nearest(path, self.files(), most=3)
        meant = f"did you mean {' or '.join(near)}?" if near else self._there_is()
        return f'"{path}" is outside the workspace, and only paths inside it work; {meant}'

    def _there_is(self, what: str = "file") -> str:
        known = self.folders() if what == "folder" else self.files()
        return f"{what}s here: {listed(known)}" if known else "there are no files here"
