"""An SQLite database that can be read and nothing else, whatever statement it is given.

Four things stand in the way of a statement, and none of them reads its text: the file is opened for
reading only, the connection is set to queries only, SQLite's own authorizer is asked about every table,
column and function while the statement is compiled, and a clock and two counters bound what it takes.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from agentkit.chains.linear import Value, make_linear
from agentkit.core.errors import AgentkitError, UsageError

MOST_ROWS = 100
MOST_CHARACTERS = 20_000
"""Of an answer; and a value is no longer than that either."""
SECONDS = 10.0
_TICK = 1_000
"""Instructions of SQLite's machine between two looks at the clock."""
_LONGEST_VALUE = MOST_CHARACTERS * 50
_LONGEST_PATTERN = 200
"""Of LIKE and GLOB, in bytes: their time is that of the pattern times that of the text."""

_NAMES = """
    abs avg ceil ceiling char coalesce concat concat_ws count cume_dist date datetime degrees dense_rank exp
    first_value floor format glob group_concat hex ifnull iif instr json json_array json_array_length
    json_each json_extract json_group_array json_group_object json_object json_quote json_tree json_type
    json_valid julianday lag last_value lead length like ln log log10 log2 lower ltrim max median min mod
    nth_value ntile nullif octet_length percent_rank pi pow power printf quote radians rank replace round
    row_number rtrim sign sqrt strftime string_agg substr substring sum time timediff total trim trunc
    typeof unicode unixepoch upper -> ->> bm25 highlight match snippet
"""
_FUNCTIONS = frozenset(_NAMES.split())
"""What computes from its arguments and touches nothing else."""
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
_OWN = ("sqlite_", "pragma_")
"""How the names of SQLite's own tables begin."""
_REFUSED = {
    sqlite3.SQLITE_INSERT: "inserts rows",
    sqlite3.SQLITE_UPDATE: "changes rows",
    sqlite3.SQLITE_DELETE: "deletes rows",
    sqlite3.SQLITE_ATTACH: "attaches another file",
    sqlite3.SQLITE_DETACH: "detaches a database",
    sqlite3.SQLITE_PRAGMA: "sets or reads a pragma",
    sqlite3.SQLITE_TRANSACTION: "begins or ends a transaction",
    sqlite3.SQLITE_SAVEPOINT: "sets a savepoint",
    sqlite3.SQLITE_REINDEX: "rebuilds an index",
    sqlite3.SQLITE_ANALYZE: "gathers statistics",
}


class StatementFault(AgentkitError):
    """A statement was refused, or SQLite could not run it; the message says why."""


class Rows(Struct, frozen=True):
    """What a statement found."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    complete: bool = True
    """Whether these are all rows that it finds."""

    def as_text(self) -> str:
        """A line for the columns and one for each row, with ` | ` between the values."""
        lines = [" | ".join(self.columns), *(" | ".join(map(_shown, row)) for row in self.rows)]
        more = [] if self.complete else [f"… there are more than these {len(self.rows)} rows"]
        return "\n".join([*lines, *(["(no rows)"] if not self.rows else []), *more])


class ReadOnlyDatabase:
    """The file's tables and views, or those of them that are named.

    Args:
        path: The database.
        tables: What may be read; everything but SQLite's own tables when not given. With a view come the
            tables that it is made of.
        seconds: How long a statement may take.
        most_rows: How many rows are read at most.

    Raises:
        UsageError: there is no such database, or it has no such table.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        tables: Collection[str] | None = None,
        seconds: float = SECONDS,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self.path = Path(path)
        self.seconds = seconds
        self.most_rows = most_rows
        made, modules = self._made()
        known = {name for name, _ in made}
        if lost := sorted(set(tables or ()) - known):
            there = ", ".join(sorted(known)) or "none"
            raise UsageError(f"{self.path} has no table {', '.join(lost)}; its tables: {there}")
        self.tables = frozenset(known if tables is None else tables)
        declared = (
            _identifier(name)
            for name, sql in made
            if name in self.tables and sql[:14].upper() == "CREATE VIRTUAL"
        )
        self._virtual = (*sorted(_TABLE_FUNCTIONS), *declared)
        self._closed = frozenset(name.lower() for name in (known - self.tables) | modules)
        self.schema = "\n\n".join(sql for name, sql in made if name in self.tables)
        """How the tables and views that may be read were made."""
        for name in sorted(self.tables):
            self._require_whole(name)

    async def query(self, statement: str) -> Rows:
        """What one statement finds; cancelled, the statement is stopped before this returns.

        Raises:
            StatementFault: it may not run, cannot run, or took too long.
        """
        stop = threading.Event()
        work = asyncio.ensure_future(asyncio.to_thread(self._query, statement, stop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            work.exception()
            raise

    def _require_whole(self, name: str) -> None:
        """Refuse a view of which only the name is among the tables.

        Raises:
            UsageError: it cannot be read with what may be read.
        """
        try:
            self._query(f"SELECT * FROM {_identifier(name)} LIMIT 0", threading.Event())  # noqa: S608 - quoted
        except StatementFault as fault:
            raise UsageError(f"{name} cannot be read: {fault}; name in tables= also what it reads") from fault

    def _query(self, statement: str, stop: threading.Event) -> Rows:
        deadline = time.monotonic() + self.seconds
        refused: list[str] = []
        failed: list[str] = []

        def is_over() -> bool:
            return stop.is_set() or time.monotonic() > deadline

        def go_on() -> None:
            if is_over():
                raise TimeoutError

        with closing(self._open()) as connection:
            make_linear(connection, _LONGEST_VALUE, go_on, failed)
            try:
                for table in self._virtual:
                    # a table that is made by a program declares itself when it is first used
                    connection.execute(f"SELECT 1 FROM {table} LIMIT 0").close()  # noqa: S608 - it is quoted
                connection.set_authorizer(partial(self._judged, refused))
                connection.set_progress_handler(is_over, _TICK)
                with closing(connection.execute(statement)) as cursor:
                    return self._read(cursor)
            except (sqlite3.Error, sqlite3.Warning) as error:
                if refused:
                    raise StatementFault(f"the statement {refused[0]}, which is not allowed") from error
                if time.monotonic() > deadline:
                    raise StatementFault(
                        f"the statement took longer than {self.seconds:g} s and was stopped"
                    ) from error
                raise StatementFault(f"SQLite says: {failed[0] if failed else error}") from error

    def _read(self, cursor: sqlite3.Cursor) -> Rows:
        if cursor.description is None:
            raise StatementFault("the statement asks for nothing; write one SELECT")
        columns = tuple(str(column[0]) for column in cursor.description)
        rows: list[tuple[Value, ...]] = []
        characters = 0
        for row in cursor:
            characters += sum(len(_shown(value)) for value in row)
            if len(rows) == self.most_rows or (rows and characters > MOST_CHARACTERS):
                return Rows(columns, tuple(rows), complete=False)
            rows.append(tuple(row))
        return Rows(columns, tuple(rows))

    def _judged(
        self, refused: list[str], action: int, first: str | None, second: str | None, *_: str | None
    ) -> int:
        """What SQLite asks while it compiles; everything is refused that is not known to be harmless."""
        match action:
            case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                return sqlite3.SQLITE_OK
            case sqlite3.SQLITE_PRAGMA if first == "data_version" and second is None:
                return sqlite3.SQLITE_OK  # a full-text table looks whether it has changed
            case sqlite3.SQLITE_READ:
                # not by the view that it is read through: a statement can give its own part that name
                if self._is_open(str(first)):
                    return sqlite3.SQLITE_OK
                refused.append(f"reads {first}")
            case sqlite3.SQLITE_FUNCTION:
                if str(second).lower() in _FUNCTIONS:
                    return sqlite3.SQLITE_OK
                refused.append(f"calls {second}")
            case _:
                refused.append(_REFUSED.get(action, "makes or drops something"))
        return sqlite3.SQLITE_DENY

    def _is_open(self, table: str) -> bool:
        """Whether a table may be read, or is none: SQLite also asks about what a statement names itself."""
        plain = table.lower()
        hidden = plain.startswith(_OWN) or plain in self._closed
        return table in self.tables or plain in _TABLE_FUNCTIONS or not hidden

    def _open(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise UsageError(f"there is no database {self.path}; name an SQLite file")
        uri = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        try:
            connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise UsageError(f"{self.path} cannot be opened: {error}") from error
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _LONGEST_PATTERN)
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = _decoded
        return connection

    def _made(self) -> tuple[list[tuple[str, str]], set[str]]:
        """How each table and view was made, and the names of what can be read as if it were a table."""
        with closing(self._open()) as connection:
            try:
                made = connection.execute(
                    "SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'view') "
                    "AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND sql IS NOT NULL ORDER BY rowid"
                ).fetchall()
                modules = connection.execute("SELECT name FROM pragma_module_list").fetchall()
            except sqlite3.Error as error:
                raise UsageError(f"{self.path} is no SQLite database: {error}") from error
        return [(str(name), str(sql)) for name, sql in made], {str(name) for (name,) in modules}


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(value: Value) -> str:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return "NULL" if value is None else " ".join(str(value).split())
