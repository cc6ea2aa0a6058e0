"""Folders as they were when they were last kept, and the index by which another process knows them."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agentkit.journal.contents import Entry
from agentkit.tooling.snapshots.coverage import Seen


@dataclass(slots=True)
class Folder:
    """A folder as it was when it was last kept."""

    seen: dict[str, Seen]
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    hash: bytes = b""
    """Of its listing; empty for one that is only known from an index."""
    times: bytes = b""
    """Hash of the times of its things."""
    below: dict[str, tuple[bytes, bytes]] = field(default_factory=dict[str, tuple[bytes, bytes]])
    """The listings, and the times, of the folders in it."""
    attributes: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Those of each folder in it that has some."""
    not_given_back: dict[str, str] = field(default_factory=dict[str, str])
    """Why each file could not get its attributes back that could not."""
    left: dict[str, str] = field(default_factory=dict[str, str])
    """Why each thing in it is left out that is."""
    unsettled: set[str] = field(default_factory=set[str])
    """Files that changed too shortly before they were read to be known by their times."""


def file_entry(name: str, seen: Seen, hashed: bytes, attributes: bytes) -> Entry:
    """A file that was kept under this hash, with the hash of its attributes, if it has some."""
    return Entry(
        os.fsencode(name),
        seen.mode,
        seen.size,
        hashed,
        inode=seen.inode if seen.links > 1 else 0,
        owner=(seen.user, seen.group),
        attributes=attributes,
    )


_IndexedFile = tuple[bytes, tuple[int, int, int, int, int, int, int, int], bytes, bytes]
"""A name, what `Seen` holds, and the hashes of content and attributes."""
_IndexedFolder = tuple[bytes, list[_IndexedFile]]


def index_of(known: Mapping[str, Folder]) -> bytes:
    """Every file that is known by its times, to be read back by `folders_in`."""
    folders: list[_IndexedFolder] = [
        (
            os.fsencode(path),
            [
                (entry.name, folder.seen[name], entry.hash, entry.attributes)
                for name, entry in folder.entries.items()
                if not entry.why
                and not stat.S_ISDIR(entry.mode)
                and name not in folder.unsettled
                and name not in folder.not_given_back
            ],
        )
        for path, folder in known.items()
    ]
    return msgspec.msgpack.encode(folders)


def folders_in(index: bytes | None) -> dict[str, Folder]:
    """What `index_of` wrote: enough to know every unchanged file, but no folder as a whole."""
    if index is None:
        return {}
    found: dict[str, Folder] = {}
    for path, files in msgspec.msgpack.decode(index, type=list[_IndexedFolder]):
        folder = Folder({})
        for raw, numbers, hashed, attributes in files:
            name, seen = os.fsdecode(raw), Seen(*numbers)
            folder.seen[name] = seen
            folder.entries[name] = file_entry(name, seen, hashed, attributes)
        found[os.fsdecode(path)] = folder
    return found
