"""Files and folders as they were, each kept once under the hash of what it holds.

The store lies beside the journal in a file of its own: contents go there byte for byte, secrets among
them, so that they can be put back, and the journal and its exports stay free of both. An event names
a whole workspace by the hash of its root folder's listing, and by that of its times. They are apart, so
that the same files have the same name whenever they were written.
"""

import hashlib
import sqlite3
import stat
import weakref
import zlib
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from agentkit.core.errors import CorruptJournal
from agentkit.journal.database import Database, Step

_WORTH_DEFLATING = 128
"""Bytes below which compressing gains nothing."""
NAME_BYTES = 16
"""Of a hash; 128 bits name a content for good."""

ROOT = b"."
"""The name of the entry in the root folder's listing that tells of this folder itself."""

_TABLES = """
CREATE TABLE contents (
    hash     BLOB NOT NULL PRIMARY KEY,
    deflated INTEGER NOT NULL,
    content  BLOB NOT NULL
) STRICT;
-- What the files of a workspace looked like when they were last read: saves reading them again.
CREATE TABLE indexes (
    workspace TEXT NOT NULL PRIMARY KEY,
    content   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""


class Entry(Struct, frozen=True, array_like=True):
    """One thing in a folder, as it was."""

    name: bytes
    mode: int
    """Kind and permissions, as the system gives them."""
    size: int
    """Of a folder, zero."""
    hash: bytes = b""
    """Of a file's content, a folder's listing, a link's target; empty for what was left out."""
    why: str = ""
    """Why it was left out; empty for what was kept."""
    mtime_ns: int = 0
    """Of what was left out: then it has to tell whether it changed. Else 0."""
    inode: int = 0
    """Of a file that has further names, which hold what it holds; else 0."""
    owner: tuple[int, int] | None = None
    """The numbers of its user and group; `None` where that was not kept yet."""
    attributes: bytes = b""
    """Hash of its extended attributes; empty where it has none."""
    time_ns: int | None = None
    """When it was last modified, where that is known; no listing has it, it is looked up in `Times`."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder whose listing was kept."""
        return stat.S_ISDIR(self.mode) and not self.why


class Times(Struct, frozen=True):
    """When the things of a folder were last modified."""

    things: tuple[int, ...]
    """Nanoseconds since the epoch, in the order of the folder's listing."""
    below: tuple[bytes, ...]
    """The hash of the times of each folder among them."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Entry, ...]).decode
_decode_times = msgspec.msgpack.Decoder(Times).decode
_decode_either = msgspec.msgpack.Decoder(tuple[Entry, ...] | Times).decode


def hash_of(content: bytes) -> bytes:
    """The name of a content."""
    return hashlib.sha256(content).digest()[:NAME_BYTES]


def listing_of(entries: Sequence[Entry]) -> bytes:
    """A folder's listing as a content; the entries must be in the order of their names."""
    return _encode(entries)


def times_of(things: Sequence[int], below: Sequence[bytes]) -> bytes:
    """The times of a folder as a content; both as in `Times`."""
    return _encode(Times(tuple(things), tuple(below)))


class Contents:
    """The kept files and listings of a journal, shared by all of its runs.

    The file is made when the first content is put into it. Use `close` when done.

    Args:
        path: the file; `None` for one that is gone with this object.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._opened: Database | None = None

    @classmethod
    def beside(cls, journal: Path) -> "Contents":
        """The store of the journal in this file."""
        return cls(journal.with_name(journal.name + "-files"))

    def put(self, contents: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep contents under their hashes; on return they have reached the disk.

        Raises:
            JournalError: they could not be written; none is kept then.
        """
        contents = list(contents)
        if not contents:
            return
        database = self._database()
        with database.transaction():
            for name, content in contents:
                # asked within the transaction: a removal may have taken away what was there before
                if database.one("SELECT 1 FROM contents WHERE hash = ?", (name,)):
                    continue
                deflated = zlib.compress(content, 1) if len(content) >= _WORTH_DEFLATING else content
                shorter = len(deflated) < len(content)
                database.connection.execute(
                    "INSERT INTO contents (hash, deflated, content) VALUES (?, ?, ?)",
                    (name, int(shorter), deflated if shorter else content),
                )

    def get(self, name: bytes) -> bytes | None:
        """The content behind a hash, or `None` when it is not kept here.

        Raises:
            CorruptJournal: it is not what was kept.
        """
        if not self._exists():
            return None
        row = self._database().one("SELECT deflated, content FROM contents WHERE hash = ?", (name,))
        if row is None:
            return None
        deflated, content = row
        try:
            whole = zlib.decompress(content) if deflated else content
        except zlib.error:
            whole = b""
        if hash_of(whole) != name:
            raise CorruptJournal(
                f"the kept files in {self.path} are damaged: {name.hex()} is not what was kept; "
                "what needs it cannot be undone. To start anew, move the file away"
            )
        return whole

    def has(self, name: bytes) -> bool:
        """Whether a content is kept here."""
        if not self._exists():
            return False
        return self._database().one("SELECT 1 FROM contents WHERE hash = ?", (name,)) is not None

    def listing(self, name: bytes) -> tuple[Entry, ...] | None:
        """A folder as it was, or `None` when it is not kept here."""
        content = self.get(name)
        return None if content is None else _decode(content)

    def times(self, name: bytes) -> Times | None:
        """The times of a folder, or `None` when they are not kept here."""
        content = self.get(name)
        return None if content is None else _decode_times(content)

    def index(self, workspace: str) -> bytes | None:
        """What `set_index` stored last for a workspace, once no removal is under way."""
        with self.held() as held:
            if not held:
                return None
            row = self._database().one("SELECT content FROM indexes WHERE workspace = ?", (workspace,))
            return row[0] if row else None

    def set_index(self, workspace: str, content: bytes) -> None:
        """Store what saves reading a workspace's files again; of use only while its hashes are kept."""
        self._database().write("INSERT OR REPLACE INTO indexes VALUES (?, ?)", (workspace, content))

    @contextmanager
    def held(self) -> Generator[bool]:
        """Let nobody else write; what the block changes is on the disk at its end, or nothing of it.

        False while nothing was ever kept: then there is no file to hold.
        """
        if not self._exists():
            yield False
            return
        with self._database().transaction():
            yield True

    def sweep(self, roots: Iterable[bytes]) -> int:
        """Delete what none of these root folders, or times, needs; how many contents went. Within `held`.

        Nobody may have put contents whose event is still to come.
        """
        needed = self._reachable(roots)
        database = self._database()
        found = [row for row in database.all("SELECT hash FROM contents") if row[0] not in needed]
        database.connection.executemany("DELETE FROM contents WHERE hash = ?", found)
        if found:
            database.connection.execute("DELETE FROM indexes")
        return len(found)

    def shrink(self) -> bool:
        """Give the space of what was deleted back; whether all of it could be given back by now."""
        return self._database().shrink() if self._exists() else True

    def size(self) -> int:
        """Bytes on the disk."""
        return self._database().size() if self._exists() else 0

    def close(self) -> None:
        """Let go of the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _reachable(self, roots: Iterable[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        pending = list(roots)
        while pending:
            name = pending.pop()
            if name in found:
                continue
            found.add(name)
            content = self.get(name)
            kept = () if content is None else _decode_either(content)
            if isinstance(kept, Times):
                pending.extend(kept.below)
                continue
            for entry in kept:
                found.add(entry.attributes)
                if entry.is_folder:
                    pending.append(entry.hash)
                else:
                    found.add(entry.hash)
        return found

    def _exists(self) -> bool:
        return self._opened is not None or (self.path is not None and self.path.exists())

    def _database(self) -> Database:
        if self._opened is None:
            if self.path is not None:
                self._opened = Database.open(self.path, _STEPS, marked=False)
            else:
                self._opened = _temporary()
                weakref.finalize(self, self._opened.close)
        return self._opened


def _first(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";")[:-1]:
        connection.execute(statement)


def _forget_indexes(connection: sqlite3.Connection) -> None:
    # one of before knows neither owners nor attributes
    connection.execute("DELETE FROM indexes")


_STEPS: tuple[Step, ...] = (_first, _forget_indexes)
"""As in `schema.STEPS`."""


def _temporary() -> Database:
    """A file without a name, which SQLite removes when it is closed."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    _first(connection)
    return Database(Path("a temporary file"), connection)
