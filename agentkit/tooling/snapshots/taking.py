"""A workspace kept as it is at this moment, reading only what changed since it was last kept."""

import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from agentkit.core.errors import WorkspaceError
from agentkit.journal.contents import ROOT, Contents, Entry, hash_of, listing_of, times_of
from agentkit.tooling.snapshots.coverage import (
    READABLE,
    Bounds,
    Seen,
    Survey,
    by_attributes,
    seen_of,
    survey,
    unreadable,
)
from agentkit.tooling.snapshots.known import Folder, file_entry, folders_in, index_of
from agentkit.tooling.snapshots.metadata import Powers, attributes_of
from agentkit.tooling.workspace import Workspace

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_ITSELF = os.fsdecode(ROOT)
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
    times: str = ""
    """Of the modification times of what is kept, as an event has it."""
    not_given_back: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why each path that is kept could not get its owner or attributes back that could not."""

    @property
    def state(self) -> bytes:
        """Both names as `comparing` looks them up."""
        return bytes.fromhex(self.name + self.times)


class _Gone(Exception):
    """A file vanished before it was read."""


class Snapshots:
    """Keeps the states of one workspace among the contents of a journal.

    Args:
        workspace: the folder.
        contents: where its files go; one that is gone with this process by default.
        bounds: what is kept.
        powers: tells what this process may give to a file.
        clock: tells nanoseconds since the epoch, as the file system does.
    """

    def __init__(
        self,
        workspace: Workspace,
        contents: Contents | None = None,
        bounds: Bounds | None = None,
        *,
        powers: Callable[[], Powers] = Powers.here,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.workspace = workspace
        self.contents = contents or Contents(None)
        self.bounds = bounds or Bounds()
        self._powers = powers
        self._clock = clock
        self._known: dict[str, Folder] | None = None
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
                self._known = folders_in(self.contents.index(str(self.workspace.root)))
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
            powers = self._powers()
            not_given_back = found.not_given_back(powers)
            by_folder: dict[str, dict[str, str]] = {}
            for path, why in left_out.items():
                folder, _, name = path.rpartition("/")
                by_folder.setdefault(folder, {})[name] = why
            known: dict[str, Folder] = {}
            if found.root is not None:
                found.folders[""][_ITSELF] = found.root
            # a folder is surveyed before what lies in it
            for path in reversed(found.folders):
                known[path] = self._folder(path, found, known, by_folder.get(path, {}), powers)
                prefix = f"{path}/" if path else ""
                left_out |= {prefix + name: why for name, why in known[path].left.items()}
                not_given_back |= {prefix + name: why for name, why in known[path].not_given_back.items()}
            self._flush()
            self._known = known
            if self._read_since_index >= _WORTH_AN_INDEX:
                self.contents.set_index(str(self.workspace.root), index_of(known))
                self._read_since_index = 0
            top = known[""]
            return Snapshot(top.hash.hex(), left_out, top.times.hex(), not_given_back)

    def survey(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What `take` would say; no file is read, and nothing is kept.

        That is why each path would be left out that would, and why each one could not get its owner back
        that could not.
        """
        found, powers = survey(self.workspace, self.bounds.ignored), self._powers()
        left_out = found.left_out(self.bounds, self._is_kept)
        closed, not_given_back = by_attributes(self.workspace, found, left_out, powers)
        return left_out | closed, found.not_given_back(powers) | not_given_back

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
        self,
        path: str,
        found: Survey,
        known: Mapping[str, Folder],
        left: Mapping[str, str],
        powers: Powers,
    ) -> Folder:
        prefix, seen = f"{path}/" if path else "", found.folders[path]
        below = {
            name: (folder.hash, folder.times)
            for name, one in seen.items()
            if stat.S_ISDIR(one.mode) and name not in left and (folder := known.get(prefix + name))
        }
        given = {name: found.attributes[prefix + name] for name in below if prefix + name in found.attributes}
        if not path and "" in found.attributes:
            given[_ITSELF] = found.attributes[""]
        old = (self._known or {}).get(path) or Folder({})
        if (
            old.hash
            and not old.unsettled
            and not old.not_given_back
            and (old.seen, old.below, old.left, old.attributes) == (seen, below, left, given)
        ):
            return old
        new = Folder(seen, below=below, left=dict(left), attributes=given)
        for name in sorted(seen, key=os.fsencode):
            try:
                new.entries[name] = self._entry(prefix + name, name, old, new, powers)
            except (_Gone, FileNotFoundError):
                continue
        for attributes in given.values():
            self._keep(hash_of(attributes), attributes)
        listing = listing_of(tuple(new.entries.values()))
        times = times_of(
            [new.seen[name].mtime_ns for name in new.entries],
            [below[name][1] for name in new.entries if name in below],
        )
        new.hash, new.times = hash_of(listing), hash_of(times)
        if old.hash != new.hash:
            self._keep(new.hash, listing)
        if old.times != new.times:
            self._keep(new.times, times)
        return new

    def _entry(self, path: str, name: str, old: Folder, new: Folder, powers: Powers) -> Entry:
        raw, seen = os.fsencode(name), new.seen[name]
        if name not in new.left:
            owner = (seen.user, seen.group)
            if stat.S_ISDIR(seen.mode):
                if name not in new.below and raw != ROOT:
                    raise _Gone
                listing = b"" if raw == ROOT else new.below[name][0]
                given = new.attributes.get(name)
                attributes = hash_of(given) if given else b""
                return Entry(raw, seen.mode, 0, listing, owner=owner, attributes=attributes)
            settled = name not in old.unsettled and name not in old.left and name not in old.not_given_back
            if settled and old.seen.get(name) == seen:
                return old.entries[name]
            try:
                if stat.S_ISLNK(seen.mode):
                    return Entry(raw, seen.mode, seen.size, self._link(path, name), owner=owner)
                return self._file(path, name, new, powers)
            except FileNotFoundError:
                raise
            except OSError as error:
                new.left[name] = unreadable(error)
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

    def _file(self, path: str, name: str, new: Folder, powers: Powers) -> Entry:
        """Read a file and keep it."""
        descriptor = self.workspace.open_at(path, READABLE)
        with os.fdopen(descriptor, "rb") as file:
            now = self._clock()
            content, seen, settled = _read(file, self.bounds.largest_file)
            attributes = attributes_of(file.fileno())
        if len(content) > self.bounds.largest_file:
            raise OSError(0, "it grew while it was read")
        new.seen[name] = seen
        if not settled or now - max(seen.ctime_ns, seen.mtime_ns) < _TICK_NS:
            new.unsettled.add(name)
        self._read_since_index += 1
        hashed = hash_of(content)
        self._keep(hashed, content)
        if attributes:
            self._keep(hash_of(attributes), attributes)
            if why := powers.why_not_attributes(attributes):
                new.not_given_back[name] = why
        seen = seen._replace(size=len(content))  # of one that did not stand still
        return file_entry(name, seen, hashed, hash_of(attributes) if attributes else b"")

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
