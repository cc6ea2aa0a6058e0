"""What lies in a folder that is held open: its files and folders, in order and in bounds."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentkit.tooling.file_system import Kind, kind_of, printable
from agentkit.tooling.manifest import MORE, file_line, folder_line

MOST_ENTRIES = 20_000
"""Files and folders that are listed; what comes after them is there but not named."""

SKIPPED = frozenset({".git", "__pycache__", "node_modules", ".venv"})
"""Folders whose many files are nobody's to list. They can still be named."""

LISTABLE = os.O_RDONLY | os.O_DIRECTORY
"""How a folder is opened to be listed."""

_Look = Callable[[], os.stat_result | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder."""

    name: str
    kind: Kind
    size: int
    """Bytes of a file; 0 of everything else."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A look around a folder, through the one door that leads into it and not out."""

    open_at: Callable[[str, int], int]
    """Opens a path below the folder, `.` being the folder itself, with these flags."""

    def walk(self, below: str = "") -> Iterator[tuple[str, Kind, _Look]]:
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
                yield path, kind, lambda path=path: self.look(path)
            if kind == "folder":
                pending += reversed(self._scan(path))

    def _scan(self, folder: str) -> list[tuple[str, Kind]]:
        try:
            descriptor = self.open_at(folder or ".", LISTABLE | os.O_NOFOLLOW)
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
                        status = self.look(path)
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

    def look(self, path: str) -> os.stat_result | None:
        """What a listed path is now; `None` when it is gone or leads out."""
        try:
            descriptor = self.open_at(path, os.O_PATH)
        except OSError:
            return None
        try:
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)

    def manifest(self) -> str:
        """As `Workspace.manifest`."""
        lines: list[str] = []
        for path, kind, status in self.walk():
            if kind == "folder":
                lines.append(folder_line(path))
            elif kind == "file":
                found = status()
                if found is not None:
                    lines.append(file_line(path, found.st_size, found.st_mtime_ns, found.st_ino))
            else:
                lines.append(MORE)
        return "".join(f"{line}\n" for line in lines)

    def entries(self, folder: str, descriptor: int) -> list[Entry]:
        """What lies in one folder, which is open, sorted by name."""
        with os.scandir(descriptor) as listing:
            names = sorted(entry.name for entry in listing)
        found: list[Entry] = []
        for name in names:
            status = self._status(folder, name, descriptor)
            kind = kind_of(status.st_mode) if status else "other"
            size = status.st_size if status and kind == "file" else 0
            found.append(Entry(printable(name), kind, size))
        return found

    def _status(self, folder: str, name: str, descriptor: int) -> os.stat_result | None:
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISLNK(status.st_mode):
            return status
        return self.look(f"{folder}/{name}" if folder else name)
