"""One connection to a journal file, with SQLite's errors in words a person can act on."""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentkit.core.errors import CorruptJournal, JournalError

PATIENCE = 10.0
"""Seconds that a writer waits for another process to finish its transaction."""
APPLICATION_ID = 0x61676A31
"""Marks the file as one of ours ("agj1"), so that another program's database is never written to."""

_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the second when its own message quotes bytes of a damaged schema."""

Step = Callable[[sqlite3.Connection], None]


class Database:
    """An open journal file, for any thread of the process that opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self.lock = threading.RLock()
        self._full = True  # SQLite's own default

    @classmethod
    def open(cls, path: Path, steps: Sequence[Step]) -> "Database":
        """Open the file, made or brought to the newest schema when it has to be.

        Args:
            path: the file; its folder is made when it is not there.
            steps: what brings a file from schema version n to n + 1, for each n from zero.

        Raises:
            CorruptJournal: it is not a journal, is damaged, or a newer agentkit wrote it.
            JournalError: it cannot be opened or made.
        """
        try:
            _make_private(path)
            connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (OSError, sqlite3.Error) as error:
            raise JournalError(
                f"cannot open the journal {path}: {error}; name another file with --journal"
            ) from error
        database = cls(path, connection)
        # what is damaged must still be readable enough to say where; hashes tell, not decoding
        connection.text_factory = _lossless
        try:
            with database.explained():
                _prepare(database, steps)
        except BaseException:
            connection.close()
            raise
        return database

    def close(self) -> None:
        """Close the file; the last process to do so folds the write-ahead log into it."""
        with self.lock:
            self.connection.close()

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Every row of a query."""
        with self.lock, self.explained():
            return self.connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of a query, or `None`."""
        with self.lock, self.explained():
            return self.connection.execute(sql, parameters).fetchone()

    def write(self, sql: str, parameters: Sequence[Any] = (), *, durable: bool = False) -> int:
        """Execute one statement and return how many rows it changed.

        It is a transaction by itself. With `durable` it, and everything before it, has reached the
        disk on return: syncing the log syncs all of it.
        """
        with self.lock:
            if durable is not self._full:
                self._set_full(durable)
            try:
                return self.connection.execute(sql, parameters).rowcount
            except _FAULTS as error:
                raise explain(error, self.path) from error

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Hold the write lock; all of the block is committed and on the disk at its end, or none."""
        with self.lock, self.explained():
            self._set_full(True)
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def explained(self) -> Generator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except _FAULTS as error:
            raise explain(error, self.path) from error

    def _set_full(self, full: bool) -> None:
        with self.explained():
            # with a write-ahead log, FULL syncs at each commit and NORMAL at checkpoints only
            self.connection.execute("PRAGMA synchronous=FULL" if full else "PRAGMA synchronous=NORMAL")
        self._full = full


def explain(error: Exception, path: Path) -> JournalError:
    """What SQLite's error means for the person whose journal it is."""
    if isinstance(error, UnicodeDecodeError):
        return CorruptJournal(f"the journal {path} is damaged (no schema); move it away to start a new one")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    words = printable(" ".join(str(error).split()))  # it quotes what it found in the file
    if primary == sqlite3.SQLITE_NOTADB:
        return CorruptJournal(
            f"{path} is not a journal ({words}); move it away or name another with --journal"
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):  # our statements are right: a table is gone
        return CorruptJournal(f"the journal {path} is damaged ({words}); move it away to start a new one")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalError(
            f"another process has been writing to {path} for {PATIENCE:.0f} s; "
            "if it hangs, end it and resume the run"
        )
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return JournalError(
            f"the journal {path} could not be written or read ({words}): is the disk full? "
            "What is recorded is intact; make room and resume the run"
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return JournalError(
            f"the journal {path} cannot be written ({words}); "
            "it and its folder must be writable, or name another with --journal"
        )
    return JournalError(f"the journal {path} cannot be used: {words}")


def printable(text: str) -> str:
    """The text with whatever a terminal or a JSON file could not take spelled out."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _prepare(database: Database, steps: Sequence[Step]) -> None:
    connection = database.connection
    version = _version(database, len(steps))
    # a replaced row must meet the triggers that forbid deleting one
    connection.execute("PRAGMA recursive_triggers=ON")
    # a damaged page must be an error, never a row
    connection.execute("PRAGMA cell_size_check=ON")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with database.transaction():
            pass  # waits for another process that is just making the file
        connection.execute("PRAGMA journal_mode=WAL")
    if version < len(steps):
        with database.transaction():
            for step in steps[_version(database, len(steps)) :]:  # another process may have been first
                step(connection)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={len(steps)}")
        _sync_folder(database.path.parent)


def _version(database: Database, newest: int) -> int:
    """The schema's version; zero for an empty file."""
    connection = database.connection
    ours = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if empty and not ours and not version:
        return 0
    if ours != APPLICATION_ID:
        raise CorruptJournal(f"{database.path} is a database, but not a journal; name another with --journal")
    if version > newest:
        raise CorruptJournal(
            f"the journal {database.path} has schema version {version} and this agentkit knows "
            f"up to {newest}; use the newer agentkit, or name another file with --journal"
        )
    if version < 1 or empty:
        raise CorruptJournal(
            f"the journal {database.path} is damaged (no schema); move it away to start a new one"
        )
    return version


def _make_private(path: Path) -> None:
    """Make the folder and an empty file that only its owner can read, unless they are there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable; SQLite does so for its log but not for the file itself."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lossless(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
