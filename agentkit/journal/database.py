"""One connection to a file of ours, with SQLite's errors in words a person can act on."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentkit.core.errors import CorruptJournal
from agentkit.journal.kinds import JOURNAL, PATIENCE, Kind, explain
from agentkit.journal.marks import Marks

_FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the second when its own message quotes bytes of a damaged schema."""

_MAKING = threading.Lock()

Step = Callable[[sqlite3.Connection], None]


class Database:
    """An open file of ours, for any thread of the process that opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, kind: Kind = JOURNAL) -> None:
        self.path = path
        self.kind = kind
        self._log_path = f"{path}-wal"
        self.connection = connection
        self.lock = threading.RLock()
        self.marks = Marks(path)
        self._full = True  # SQLite's own default
        self._written = 0
        """Transactions so far."""
        self._synced = 0
        """How many of them are surely on the disk."""
        self.sync_file: Callable[[str], None] = sync_file
        """Syncs the write-ahead log, as SQLite does at a commit in FULL: then all before is on the disk."""

    @classmethod
    def open(
        cls, path: Path, steps: Sequence[Step], *, marked: bool = True, kind: Kind = JOURNAL
    ) -> "Database":
        """Open the file, made or brought to the newest schema when it has to be.

        Args:
            path: the file; its folder is made when it is not there.
            steps: what brings a file from schema version n to n + 1, for each n from zero.
            marked: whether it holds runs, whose length is noted beside it.
            kind: what it is for.

        Raises:
            CorruptJournal: it is not a journal, is damaged, or a newer agentkit wrote it; of another kind
                of file its own errors, here as for the next.
            JournalError: it cannot be opened or made.
        """
        try:
            made = _make_private(path)
            connection = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (OSError, sqlite3.Error) as error:
            raise kind.unusable(
                f"cannot open the {kind.noun} {path}: {error}; name another file with {kind.flag}"
            ) from error
        database = cls(path, connection, kind)
        # what is damaged must still be readable enough to say where; hashes tell, not decoding
        connection.text_factory = _lossless
        try:
            with database.explained():
                _patiently(lambda: _prepare(database, steps, made=made, marked=marked))
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close the file; the last process to do so folds the write-ahead log into it."""
        with self.lock:
            self.connection.close()
            self.marks.close()

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Every row of a query."""
        with self.lock, self.explained():
            return self.connection.execute(sql, parameters).fetchall()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of a query, a few at a time, however many there are."""
        with self.lock, self.explained():
            cursor = self.connection.execute(sql, parameters)
        while True:
            # nothing is held between the pieces: a reader that stops half-way leaves no lock behind
            with self.lock, self.explained():
                piece = cursor.fetchmany(16)
            if not piece:
                return
            yield from piece

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of a query, or `None`."""
        with self.lock:
            try:
                return self.connection.execute(sql, parameters).fetchone()
            except _FAULTS as error:
                raise explain(error, self.path, self.kind) from error

    def write(self, sql: str, parameters: Sequence[Any] = (), *, durable: bool = False) -> int:
        """Execute one statement and return how many rows it changed.

        It is a transaction by itself. With `durable` it, and everything before it, has reached the
        disk on return: syncing the log syncs all of it.
        """
        with self.lock:
            # within a transaction that is already so, and cannot be changed
            if durable is not self._full and not self.connection.in_transaction:
                self._set_full(durable)
            try:
                changed = self.connection.execute(sql, parameters).rowcount
            except _FAULTS as error:
                raise explain(error, self.path, self.kind) from error
            self._note_written(durable)
            return changed

    async def sync(self) -> None:
        """Return when all that was written has reached the disk; those who wait at one time share a sync.

        Raises:
            JournalError: the disk does not take it.
        """
        wanted = self._written
        await asyncio.sleep(0)  # whoever else is about to wait has written by then
        with self.lock:
            if self._synced < wanted:
                try:
                    self.sync_file(self._log_path)
                except FileNotFoundError:
                    pass  # of a file system that cannot have a log, where each commit syncs the file itself
                except OSError as error:
                    raise self.kind.unusable(
                        f"the {self.kind.noun} {self.path} may not have reached the disk ({error.strerror}): "
                        f"is it full, or gone? Make sure of it and {self.kind.again}"
                    ) from error
                self._synced = self._written

    def write_all(self, sql: str, rows: Sequence[Sequence[Any]], *, durable: bool = False) -> int:
        """Execute one statement for each of several rows, as one transaction; see `write`."""
        if len(rows) == 1:
            return self.write(sql, rows[0], durable=durable)
        with self.transaction(full=durable):
            return sum(self.connection.execute(sql, row).rowcount for row in rows)

    def shrink(self) -> bool:
        """Give the space of what was deleted back to the disk; whether the file is as small as it can be.

        It is not while another process reads from it; then it shrinks when that process closes it.
        """
        with self.lock, self.explained():
            self._set_full(True)
            self.connection.execute("VACUUM")
            waits, *_ = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not waits

    def size(self) -> int:
        """Bytes on the disk."""
        files = (self.path, Path(self._log_path))
        return sum(file.stat().st_size for file in files if file.exists())

    @contextmanager
    def transaction(self, *, full: bool = True) -> Generator[None]:
        """Hold the write lock; all of the block is committed at its end, or none; on the disk with `full`."""
        with self.lock, self.explained():
            if full is not self._full:
                self._set_full(full)
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
                self._note_written(full)
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
            raise explain(error, self.path, self.kind) from error

    def _note_written(self, durable: bool) -> None:
        self._written += 1
        if durable:
            self._synced = self._written

    def _set_full(self, full: bool) -> None:
        try:
            # with a write-ahead log, FULL syncs at each commit and NORMAL at checkpoints only
            self.connection.execute("PRAGMA synchronous=FULL" if full else "PRAGMA synchronous=NORMAL")
        except _FAULTS as error:
            raise explain(error, self.path, self.kind) from error
        self._full = full


def sync_file(path: str) -> None:
    """Return when what was written to a file, or the names in a folder, have reached the disk.

    Raises:
        OSError: it is not there, or the disk does not take it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _patiently(prepare: Callable[[], None]) -> None:
    """Prepare a file that other processes may be preparing too.

    Where two of them want the log at once SQLite tells one so at once, whatever its timeout, since
    waiting with what it holds could last for ever.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return prepare()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _prepare(database: Database, steps: Sequence[Step], *, made: bool, marked: bool) -> None:
    connection = database.connection
    version = _version(database, len(steps))
    # a replaced row must meet the triggers that forbid deleting one
    connection.execute("PRAGMA recursive_triggers=ON")
    # a damaged page must be an error, never a row
    connection.execute("PRAGMA cell_size_check=ON")
    if not version:
        connection.execute(f"PRAGMA page_size={database.kind.page}")  # has no effect on a file that has pages
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with database.transaction():
            pass  # waits for another process that is just making the file
        connection.execute("PRAGMA journal_mode=WAL")
    if version < len(steps):
        with database.transaction():
            if marked and not _version(database, len(steps)):
                _begin_marks(database, made=made)
            for step in steps[_version(database, len(steps)) :]:  # another process may have been first
                step(connection)
            connection.execute(f"PRAGMA application_id={database.kind.application_id}")
            connection.execute(f"PRAGMA user_version={len(steps)}")
        # a new file's name: SQLite makes that of its log durable, but not that of the file itself
        sync_file(str(database.path.parent))


def _version(database: Database, newest: int) -> int:
    """The schema's version; zero for an empty file."""
    kind = database.kind
    ours, version, empty = _heading(database.connection)
    if empty and not ours and not version:
        return 0
    if ours != kind.application_id:
        raise kind.corrupt(
            f"{database.path} is a database, but not {kind.article} {kind.noun}; "
            f"name another with {kind.flag}"
        )
    if version > newest:
        raise kind.corrupt(
            f"the {kind.noun} {database.path} has schema version {version} and this agentkit knows "
            f"up to {newest}; use the newer agentkit, or name another file with {kind.flag}"
        )
    if version < 1 or empty:
        raise kind.corrupt(
            f"the {kind.noun} {database.path} is damaged (no schema); move it away to start a new one"
        )
    return version


def _heading(connection: sqlite3.Connection) -> tuple[int, int, bool]:
    """Whose file it is, its schema's version, and whether it has no table, all of one moment."""
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")  # between two reads another process may make the file
    try:
        ours = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    finally:
        if alone and connection.in_transaction:
            connection.execute("ROLLBACK")  # nothing was written
    return ours, version, not tables


def _begin_marks(database: Database, *, made: bool) -> None:
    """Forget the marks of a file that was moved away; one that was emptied in its place is refused."""
    if made:
        database.marks.forget_all()
    elif database.marks.all():
        raise CorruptJournal(
            f"the journal {database.path} is empty, and runs were recorded in it; put the file back if you "
            "have a copy, or move it away to start a new one"
        )


def _make_private(path: Path) -> bool:
    """Make the folder and an empty file that only its owner can read; whether the file was not there.

    A file that is there is not opened: to close it again would end every lock that this process has on
    it, and the next process to leave would then take the log away from under us.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _MAKING:  # nobody of this process has a lock on the file before it is closed here
        if path.exists():
            return False
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        return True


def _lossless(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
