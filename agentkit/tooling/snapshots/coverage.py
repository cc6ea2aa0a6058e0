"""What a snapshot keeps of a workspace, and what it leaves out and why."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from agentkit.core.events import FileLeftOut
from agentkit.tooling.snapshots.metadata import Powers, attributes_of
from agentkit.tooling.workspace import Workspace

MB = 1_000_000

_LISTABLE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
READABLE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""How a file is opened that need not be one any more."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept; what is left out cannot be undone, and is said."""

    largest_file: int = 64 * MB
    """Bytes."""
    largest_total: int = 1000 * MB
    """Bytes of all files together; where they are more, the largest are left out."""
    ignored: tuple[str, ...] = ()
    """Paths, or patterns for names at any depth, that are left out with all they hold."""


class Seen(NamedTuple):
    """A thing in a folder as the system tells of it; two that are equal hold the same."""

    mode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    links: int
    user: int
    group: int


@dataclass(slots=True)
class Survey:
    """What lies in a workspace, without having read any of it."""

    folders: dict[str, dict[str, Seen]] = field(default_factory=dict[str, dict[str, Seen]])
    """By its path, each folder's content; `""` is the workspace."""
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    """Folders that could not be listed."""
    attributes: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """The extended attributes of each folder that has some."""
    root: Seen | None = None
    """The workspace's own folder, where it could be listed."""

    def left_out(self, bounds: Bounds, is_kept: Callable[[str, str, Seen], bool]) -> dict[str, str]:
        """Why each path is left out that is.

        Args:
            bounds: What may be kept.
            is_kept: Whether a file, given its folder, its name and how it looks, is kept already: then it
                takes no room, and does not leave for others.
        """
        found = dict(self.unreadable)
        total = 0
        for folder, things in self.folders.items():
            for name, seen in things.items():
                mode = seen.mode
                if stat.S_ISREG(mode) and seen.size <= bounds.largest_file and not bounds.ignored:
                    total += seen.size
                    continue
                path = f"{folder}/{name}" if folder else name
                if bounds.ignored and _is_ignored(path, bounds.ignored):
                    found[path] = "it is on the list of what is ignored"
                elif stat.S_ISREG(mode):
                    if seen.size <= bounds.largest_file:
                        total += seen.size
                    else:
                        found[path] = f"it has {_mb(seen.size)}, more than {_mb(bounds.largest_file)}"
                elif not stat.S_ISDIR(mode) and not stat.S_ISLNK(mode):
                    found[path] = "it is a pipe, a socket or a device"
        if total > bounds.largest_total:
            found |= self._over_the_total(total, bounds.largest_total, found, is_kept)
        return found

    def not_given_back(self, powers: Powers) -> dict[str, str]:
        """Why each path could not get its owner or attributes back that could not; what it holds is kept."""
        whose = {(seen.user, seen.group) for things in self.folders.values() for seen in things.values()}
        strange = {owner: why for owner in whose if (why := powers.why_not_owner(owner))}
        found: dict[str, str] = {}
        if strange:
            found = {
                f"{folder}/{name}" if folder else name: why
                for folder, things in self.folders.items()
                for name, seen in things.items()
                if (why := strange.get((seen.user, seen.group)))
            }
        for folder, attributes in self.attributes.items():
            if folder and (why := powers.why_not_attributes(attributes)):
                found[folder] = why
        return found  # the workspace's own folder stays what it is: nothing can take its place

    def _over_the_total(
        self, total: int, most: int, found: Mapping[str, str], is_kept: Callable[[str, str, Seen], bool]
    ) -> dict[str, str]:
        """The largest files that have to go, of those that are not kept already."""
        sizes = [
            (-seen.size, path)
            for folder, things in self.folders.items()
            for name, seen in things.items()
            if stat.S_ISREG(seen.mode)
            and (path := f"{folder}/{name}" if folder else name) not in found
            and not is_kept(folder, name, seen)
        ]
        gone: dict[str, str] = {}
        for size, path in sorted(sizes):
            if total <= most:
                break
            total += size
            gone[path] = f"all files together have more than {_mb(most)}, and it is one of the largest"
        return gone


def survey(workspace: Workspace, ignored: Sequence[str] = ()) -> Survey:
    """Look at everything in a workspace without following any link.

    Args:
        workspace: The folder.
        ignored: What matches is not entered.
    """
    found = Survey()
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            things = _listed(workspace, folder, found)
        except FileNotFoundError:
            continue  # gone since its parent was listed
        except OSError as error:
            found.unreadable[folder] = f"it cannot be listed: {error.strerror}"
            continue
        found.folders[folder] = things
        prefix = f"{folder}/" if folder else ""
        for name, seen in things.items():
            if stat.S_ISDIR(seen.mode) and not (ignored and _is_ignored(prefix + name, ignored)):
                pending.append(prefix + name)
    return found


def _listed(workspace: Workspace, folder: str, found: Survey) -> dict[str, Seen]:
    things: dict[str, Seen] = {}
    descriptor = workspace.open_at(folder, _LISTABLE)
    try:
        if attributes := attributes_of(descriptor):
            found.attributes[folder] = attributes
        if not folder:
            found.root = seen_of(os.fstat(descriptor))
        with os.scandir(descriptor) as listing:
            for entry in listing:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # gone since
                    continue
                things[entry.name] = seen_of(status)
    finally:
        os.close(descriptor)
    return things


def by_attributes(
    workspace: Workspace, found: Survey, left_out: Mapping[str, str], powers: Powers
) -> tuple[dict[str, str], dict[str, str]]:
    """Why each file cannot be read that cannot, and why each one could not get its attributes back.

    Args:
        workspace: The folder.
        found: What lies in it.
        left_out: What is left out already, and is not opened.
        powers: What this process may give to a file.
    """
    closed: dict[str, str] = {}
    not_given_back: dict[str, str] = {}
    for folder, things in found.folders.items():
        for name, seen in things.items():
            path = f"{folder}/{name}" if folder else name
            if path in left_out or not stat.S_ISREG(seen.mode):
                continue
            try:
                descriptor = workspace.open_at(path, READABLE)
                try:
                    attributes = attributes_of(descriptor)
                finally:
                    os.close(descriptor)
            except FileNotFoundError:  # gone since
                continue
            except OSError as error:
                closed[path] = unreadable(error)
                continue
            if why := powers.why_not_attributes(attributes):
                not_given_back[path] = why
    return closed, not_given_back


def unreadable(error: OSError) -> str:
    """Why a file is left out that could not be read."""
    return f"it cannot be read: {error.strerror}"


def seen_of(status: os.stat_result) -> Seen:
    """What the system tells of a thing, as far as it says whether it changed."""
    return Seen(
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_nlink,
        status.st_uid,
        status.st_gid,
    )


def _is_ignored(path: str, patterns: Sequence[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else name, pattern.rstrip("/")) for pattern in patterns)


def said(left_out: Mapping[str, str], most: int = 20) -> tuple[FileLeftOut, ...]:
    """What an event tells of the paths that are left out: the first of them, by name."""
    return tuple(FileLeftOut(written(path), left_out[path]) for path in sorted(left_out)[:most])


def written(path: str) -> str:
    """A path as text; a name need not be."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _mb(count: int) -> str:
    return f"{count / MB:,.1f} MB".replace(".0 ", " ")
