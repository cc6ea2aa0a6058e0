"""A workspace kept as it is at this moment, reading only what changed since it was last kept."""

import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

from agentkit.core.errors import WorkspaceError
from agentkit.journal.contents import Contents, Entry, hash_of, listing_of
from agentkit.tooling.snapshots.coverage import Bounds, Seen, Survey, seen_of, survey
from agentkit.tooling.workspace import Workspace

_READABLE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_TICK_NS = 2_000_000_000
"""A file that changed so shortly before it was read may change again without any sign of it."""
_BATCH = 32_000_000
"""Bytes that are read before they are written to the store."""
_WORTH_AN_INDEX = 256
"""Files that had to be read; fewer are read again sooner than an index is written."""
_MOST_READS = 3
"""How often a file that changes while it is read is read again."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A workspace at one moment."""

    name: str
    """Of its listing among the contents, as an event has it."""
    left_out: Mapping[str, str]
    """Why each path is not kept that is not."""


@dataclass(slots=True)
class _Folder:
    """A folder as it was when it was last kept."""

    seen: dict[str, Seen]
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    hash: bytes = b""
    """Of its listing; empty for one that is only known from an index."""
    below: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """The listings of the folders in it."""
    left: dict[str, str] = field(default_factory=dict[str, str])
    """Why each thing in it is left out that is."""
    unsettled: set[str] = field(default_factory=set[str])
    """Files that changed too shortly before they were read to be known by their times."""


class _Gone(Exception):
    """A file vanished before it was read."""


class Snapshots:
    """Keeps the states of one workspace among the contents of a journal.

    Args:
        workspace: the folder.
        contents: where its files go; one that is gone with this process by default.
        bounds: what is kept.
        clock: tells nanoseconds since the epoch, as the file system does.
    """

    def __init__(
        self,
        workspace: Workspace,
        contents: Contents | None = None,
        bounds: Bounds | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.workspace = workspace
        self.contents = contents or Contents(None)
        self.bounds = bounds or Bounds()
        self._clock = clock
        self._known: dict[str, _Folder] | None = None
        self._waiting: list[tuple[bytes, bytes]] = []
        self._waiting_bytes = 0
        self._read_since_index = 0
        self._taking = threading.Lock()

    def take(self, *, after: bool = False) -> Snapshot:
        """Keep the workspace as it is now; on return it has reached the disk.

        Args:
            after: Whether it follows the last one so closely that what was left out then, and did not
                change, is left out now: else it would look like a change.

        Raises:
            JournalError: it could not be written.
            WorkspaceError: the folder itself cannot be listed any more.
        """
        with self._taking:
            if self._known is None:
                self._known = _folders(self.contents.index(str(self.workspace.root)))
            found = survey(self.workspace, self.bounds.ignored)
            if "" not in found.folders:
                why = found.unreadable.get("", "it is gone")
                raise WorkspaceError(
                    f"the workspace {self.workspace.root} can no longer be kept: {why}; "
                    "let its owner read it again, then resume the run"
                )
            left_out = found.left_out(self.bounds, self._is_kept)
            if after:
                left_out |= self._still_left_out(found)
            by_folder: dict[str, dict[str, str]] = {}
            for path, why in left_out.items():
                folder, _, name = path.rpartition("/")
                by_folder.setdefault(folder, {})[name] = why
            known: dict[str, _Folder] = {}
            # a folder is surveyed before what lies in it
            for path, seen in reversed(found.folders.items()):
                known[path] = self._folder(path, seen, known, by_folder.get(path, {}))
                for name, why in known[path].left.items():
                    left_out[f"{path}/{name}" if path else name] = why
            self._flush()
            self._known = known
            if self._read_since_index >= _WORTH_AN_INDEX:
                self.contents.set_index(str(self.workspace.root), _index(known))
                self._read_since_index = 0
            return Snapshot(known[""].hash.hex(), left_out)

    def survey(self) -> Mapping[str, str]:
        """Why each path would be left out that would, by its size, kind or name; nothing is read or kept."""
        return survey(self.workspace, self.bounds.ignored).left_out(self.bounds, self._is_kept)

    def _is_kept(self, folder: str, name: str, seen: Seen) -> bool:
        old = (self._known or {}).get(folder)
        entry = old.entries.get(name) if old else None
        return old is not None and entry is not None and not entry.why and old.seen.get(name) == seen

    def _still_left_out(self, found: Survey) -> dict[str, str]:
        return {
            f"{path}/{name}" if path else name: why
            for path, folder in (self._known or {}).items()
            for name, why in folder.left.items()
            if path in found.folders and found.folders[path].get(name) == folder.seen.get(name)
        }

    def _folder(
        self, path: str, seen: dict[str, Seen], known: Mapping[str, _Folder], left: Mapping[str, str]
    ) -> _Folder:
        prefix = f"{path}/" if path else ""
        below = {
            name: folder.hash
            for name, one in seen.items()
            if stat.S_ISDIR(one.mode) and name not in left and (folder := known.get(prefix + name))
        }
        old = (self._known or {}).get(path) or _Folder({})
        if old.hash and not old.unsettled and (old.seen, old.below, old.left) == (seen, below, left):
            return old
        new = _Folder(seen, below=below, left=dict(left))
        for name in sorted(seen, key=os.fsencode):
            try:
                new.entries[name] = self._entry(prefix + name, name, old, new)
            except (_Gone, FileNotFoundError):
                continue
        listing = listing_of(tuple(new.entries.values()))
        new.hash = hash_of(listing)
        if old.hash != new.hash:
            self._keep(new.hash, listing)
        return new

    def _entry(self, path: str, name: str, old: _Folder, new: _Folder) -> Entry:
        raw, seen = os.fsencode(name), new.seen[name]
        if name not in new.left:
            if stat.S_ISDIR(seen.mode):
                if name not in new.below:
                    raise _Gone
                return Entry(raw, seen.mode, 0, new.below[name])
            if name not in old.unsettled and old.seen.get(name) == seen and name not in old.left:
                return old.entries[name]
            try:
                if stat.S_ISLNK(seen.mode):
                    return Entry(raw, seen.mode, seen.size, self._link(path, name))
                return self._file(path, name, new)
            except FileNotFoundError:
                raise
            except OSError as error:
                new.left[name] = f"it cannot be read: {error.strerror}"
        return Entry(raw, seen.mode, seen.size, why=new.left[name], mtime_ns=seen.mtime_ns)

    def _link(self, path: str, name: str) -> bytes:
        folder = self.workspace.open_at(path.rpartition("/")[0], _FOLDER)
        try:
            target = os.fsencode(os.readlink(name, dir_fd=folder))
        finally:
            os.close(folder)
        hashed = hash_of(target)
        self._keep(hashed, target)
        return hashed

    def _file(self, path: str, name: str, new: _Folder) -> Entry:
        """Read a file and keep it."""
        descriptor = self.workspace.open_at(path, _READABLE)
        with os.fdopen(descriptor, "rb") as file:
            now = self._clock()
            content, seen, settled = _read(file, self.bounds.largest_file)
        if len(content) > self.bounds.largest_file:
            raise OSError(0, "it grew while it was read")
        new.seen[name] = seen
        if not settled or now - max(seen.ctime_ns, seen.mtime_ns) < _TICK_NS:
            new.unsettled.add(name)
        self._read_since_index += 1
        hashed = hash_of(content)
        self._keep(hashed, content)
        inode = seen.inode if seen.links > 1 else 0
        return Entry(os.fsencode(name), seen.mode, len(content), hashed, inode=inode)

    def _keep(self, name: bytes, content: bytes) -> None:
        self._waiting.append((name, content))
        self._waiting_bytes += len(content)
        if self._waiting_bytes >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        # whatever happens to them, they do not wait for the next snapshot
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self.contents.put(waiting)


def _read(file: BinaryIO, most: int) -> tuple[bytes, Seen, bool]:
    """What a file holds, one byte more than `most` of a larger one, and whether it stood still meanwhile."""
    content, seen, settled = b"", seen_of(os.fstat(file.fileno())), False
    for _ in range(_MOST_READS):
        if not stat.S_ISREG(seen.mode):
            raise _Gone
        file.seek(0)
        content, before = file.read(most + 1), seen
        seen = seen_of(os.fstat(file.fileno()))
        settled = seen == before and len(content) == seen.size
        if settled:
            break
    return content, seen, settled


_IndexedFile = tuple[bytes, tuple[int, int, int, int, int, int], bytes]
"""A name, what `Seen` holds, and the hash."""
_IndexedFolder = tuple[bytes, list[_IndexedFile]]


def _index(known: Mapping[str, _Folder]) -> bytes:
    """Every file that is known by its times, to be read back by `_folders`."""
    folders: list[_IndexedFolder] = [
        (
            os.fsencode(path),
            [
                (entry.name, folder.seen[name], entry.hash)
                for name, entry in folder.entries.items()
                if not entry.why and not stat.S_ISDIR(entry.mode) and name not in folder.unsettled
            ],
        )
        for path, folder in known.items()
    ]
    return msgspec.msgpack.encode(folders)


def _folders(index: bytes | None) -> dict[str, _Folder]:
    """What `_index` wrote: enough to know every unchanged file, but no folder as a whole."""
    if index is None:
        return {}
    found: dict[str, _Folder] = {}
    for path, files in msgspec.msgpack.decode(index, type=list[_IndexedFolder]):
        folder = _Folder({})
        for raw, numbers, hashed in files:
            name, seen = os.fsdecode(raw), Seen(*numbers)
            folder.seen[name] = seen
            inode = seen.inode if seen.links > 1 else 0
            folder.entries[name] = Entry(raw, seen.mode, seen.size, hashed, inode=inode)
        found[os.fsdecode(path)] = folder
    return found
