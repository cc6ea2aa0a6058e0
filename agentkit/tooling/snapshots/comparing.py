"""What differs between two kept states of a workspace.

A state is the hash of its root folder's listing, followed by that of its times where these are known. What
is looked up in one without times says nothing of them. The entry of a folder leads on in the same way.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agentkit.core.errors import UsageError
from agentkit.journal.contents import NAME_BYTES, ROOT, Contents, Entry, Times
from agentkit.tooling.manifest import Changes

ITSELF = os.fsdecode(ROOT)
"""The path of the workspace's own folder."""


class Difference(NamedTuple):
    """A path that holds something else in the second state than in the first."""

    path: str
    old: Entry | None
    new: Entry | None


def same(one: Entry | None, other: Entry | None) -> bool:
    """Whether two entries stand for the same thing; of what was left out, size and time have to tell."""
    if one is None or other is None:
        return one is other
    if one.mode != other.mode or bool(one.why) != bool(other.why):
        return False
    if one.why:
        return (one.size, one.mtime_ns) == (other.size, other.mtime_ns)
    # a folder is the same folder whatever lies in it
    if not stat.S_ISDIR(one.mode) and one.hash != other.hash:
        return False
    if one.owner is None or other.owner is None:  # kept before owners and attributes were
        return True
    return (one.owner, one.attributes) == (other.owner, other.attributes)


def same_time(one: Entry | None, other: Entry | None) -> bool:
    """Whether nothing is known that would tell when two entries were modified apart."""
    if one is None or other is None or one.time_ns is None or other.time_ns is None:
        return True
    return one.time_ns == other.time_ns


def differences(contents: Contents, old: bytes, new: bytes, *, times: bool = False) -> Iterator[Difference]:
    """Every path at which two states differ, a folder before what lies in it.

    Args:
        contents: where both are kept.
        old: the first.
        new: the second.
        times: whether what was modified at another time, and is the same otherwise, differs.

    Raises:
        UsageError: one of the two is not kept here.
    """
    for one in _below(contents, "", *((old, new) if times else (old[:NAME_BYTES], new[:NAME_BYTES]))):
        # of before the workspace's own folder was kept, nothing is known of it
        if one.path != ITSELF or (one.old is not None and one.new is not None):
            yield one


def _below(contents: Contents, prefix: str, old: bytes, new: bytes) -> Iterator[Difference]:
    if old == new:
        return
    was = {entry.name: entry for entry in listing(contents, old)}
    now = {entry.name: entry for entry in listing(contents, new)}
    for name in sorted({*was, *now}):
        one, other = was.get(name), now.get(name)
        path = prefix + os.fsdecode(name)
        if not (same(one, other) and same_time(one, other)):
            yield Difference(path, one, other)
        folders = [entry.hash if entry and entry.is_folder else b"" for entry in (one, other)]
        yield from _below(contents, f"{path}/", *folders)


def changes_between(contents: Contents, old: str, new: str) -> Changes | None:
    """What became of the files between two kept states, as a sentence; `None` where one is not kept here."""
    before, after = bytes.fromhex(old), bytes.fromhex(new)
    if not (contents.has(before) and contents.has(after)):
        return None
    found: dict[tuple[str, bool], list[str]] = {}
    for path, was, now in differences(contents, before, after):
        what = "added" if was is None else "removed" if now is None else "changed"
        folder = any(entry and stat.S_ISDIR(entry.mode) for entry in (was, now))
        found.setdefault((what, folder), []).append(path)
    return Changes(
        added=tuple(found.get(("added", False), ())),
        changed=tuple(found.get(("changed", False), ())),
        removed=tuple(found.get(("removed", False), ())),
        folders_added=tuple(found.get(("added", True), ())),
        folders_removed=tuple(found.get(("removed", True), ())),
    )


def listing(contents: Contents, root: bytes) -> tuple[Entry, ...]:
    """A folder as it was, with what is known of times; nothing for the folder `b""` that was not there.

    Raises:
        UsageError: it is not kept here.
    """
    if not root:
        return ()
    name, timed = root[:NAME_BYTES], root[NAME_BYTES:]
    found = contents.listing(name)
    times = contents.times(timed) if timed else None
    if found is None or (timed and times is None):
        raise UsageError(
            f"the files as they were ({name.hex()}) are not kept in {contents.path}: they stay where the run "
            "was made, and go when it is removed"
        )
    return found if times is None else tuple(_timed(found, times))


def _timed(entries: Sequence[Entry], times: Times) -> Iterator[Entry]:
    below = iter(times.below)
    for entry, time_ns in zip(entries, times.things, strict=True):
        leads_on = entry.is_folder and entry.name != ROOT
        yield replace(entry, time_ns=time_ns, hash=entry.hash + next(below) if leads_on else entry.hash)


class Tree:
    """A kept state, to look single paths up in."""

    def __init__(self, contents: Contents, root: bytes) -> None:
        self._contents = contents
        self._folders: dict[str, dict[bytes, Entry]] = {"": _by_name(contents, root)}

    def get(self, path: str) -> Entry | None:
        """What is at a path, or `None`."""
        folder, _, name = path.rpartition("/")
        return self.folder(folder).get(os.fsencode(name))

    def folder(self, path: str) -> dict[bytes, Entry]:
        """What lies in a folder; nothing where there is none."""
        if path not in self._folders:
            entry = self.get(path)
            found = entry.hash if entry and entry.is_folder else b""
            self._folders[path] = _by_name(self._contents, found)
        return self._folders[path]


def _by_name(contents: Contents, root: bytes) -> dict[bytes, Entry]:
    return {entry.name: entry for entry in listing(contents, root)}
