"""What a file of graphs' checkpoints holds, written and read as the journal writes and reads."""

import sqlite3
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from langgraph.checkpoint.serde.base import SerializerProtocol

from agentkit.core.errors import CorruptJournal, JournalError
from agentkit.journal.database import Database
from agentkit.journal.kinds import Kind

GRAPHS = Kind(
    noun="file of checkpoints",
    article="a",
    flag="JournalSaver.open(PATH)",
    again="invoke the graph again",
    application_id=0x61676B67,  # "agkg"
    page=4096,
    unusable=JournalError,
    corrupt=CorruptJournal,
)

_PACKED = "+zlib"
"""What the kind of a value ends with that is stored compressed."""
_WORTH_PACKING = 256
"""Bytes."""

_TABLES = (
    """CREATE TABLE checkpoints (
        thread TEXT NOT NULL, ns TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, run TEXT,
        kind TEXT NOT NULL, body BLOB NOT NULL, noted_kind TEXT NOT NULL, noted BLOB NOT NULL,
        PRIMARY KEY (thread, ns, id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX checkpoints_of_run ON checkpoints (run) WHERE run IS NOT NULL",
    # a channel's value is written when it changes, and shared by every checkpoint that has this version
    """CREATE TABLE channels (
        thread TEXT NOT NULL, ns TEXT NOT NULL, channel TEXT NOT NULL, version TEXT NOT NULL,
        kind TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (thread, ns, channel, version)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE writes (
        thread TEXT NOT NULL, ns TEXT NOT NULL, checkpoint TEXT NOT NULL,
        task TEXT NOT NULL, place INTEGER NOT NULL, path TEXT NOT NULL, channel TEXT NOT NULL,
        kind TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (thread, ns, checkpoint, task, place)
    ) STRICT, WITHOUT ROWID""",
)


def _first(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(table)


STEPS = (_first,)


class Row(NamedTuple):
    """A checkpoint as it is stored."""

    thread: str
    ns: str
    id: str
    parent: str | None
    run: str | None
    kind: str
    body: bytes
    noted_kind: str
    noted: bytes


_SELECT = "SELECT thread, ns, id, parent, run, kind, body, noted_kind, noted FROM checkpoints"


class Packing:
    """Values as bytes, larger ones compressed."""

    def __init__(self, serde: SerializerProtocol) -> None:
        self.serde = serde

    def packed(self, value: Any) -> tuple[str, bytes]:
        """The kind and the bytes of a value."""
        kind, body = self.serde.dumps_typed(value)
        if len(body) < _WORTH_PACKING:
            return kind, body
        return kind + _PACKED, zlib.compress(body, 1)

    def unpacked(self, kind: str, body: bytes) -> Any:
        """The value of that kind and those bytes."""
        if kind.endswith(_PACKED):
            kind, body = kind.removesuffix(_PACKED), zlib.decompress(body)
        return self.serde.loads_typed((kind, body))


class CheckpointFile:
    """The open file."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, row: Row, channels: Sequence[tuple[str, str, str, bytes]]) -> None:
        """Store a checkpoint and the channels that changed with it: name, version, kind and value."""
        with self.database.transaction():
            execute = self.database.connection.execute
            execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            for channel in channels:
                execute(
                    "INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?, ?, ?)",
                    (row.thread, row.ns, *channel),
                )

    def put_writes(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store what tasks wrote; what one wrote at a place stays, but at the special ones below 0."""
        with self.database.transaction():
            for row in rows:
                how = "IGNORE" if row[4] >= 0 else "REPLACE"
                self.database.connection.execute(
                    f"INSERT OR {how} INTO writes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
                    row,
                )

    def one(self, thread: str, ns: str, id_: str | None) -> Row | None:
        """The checkpoint of that id, or without one the newest."""
        which = "AND id = ?" if id_ else "ORDER BY id DESC LIMIT 1"
        row = self.database.one(
            f"{_SELECT} WHERE thread = ? AND ns = ? {which}", [thread, ns, *([id_] if id_ else [])]
        )
        return None if row is None else Row(*row)

    def listed(
        self, thread: str | None, ns: str | None, id_: str | None, before: str | None
    ) -> Iterator[Row]:
        """The checkpoints that fit, the newest first; read a few at a time."""
        tests = {"thread = ?": thread, "ns = ?": ns, "id = ?": id_, "id < ?": before}
        given = {test: value for test, value in tests.items() if value is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        rows = self.database.rows(f"{_SELECT}{where} ORDER BY id DESC", list(given.values()))
        return (Row(*row) for row in rows)

    def channels(
        self, thread: str, ns: str, versions: Collection[tuple[str, str]]
    ) -> dict[str, tuple[str, bytes]]:
        """The kind and value of each channel at its version, of those that have one."""
        found: dict[str, tuple[str, bytes]] = {}
        for channel, version in versions:
            row = self.database.one(
                "SELECT kind, body FROM channels WHERE thread = ? AND ns = ? AND channel = ? AND version = ?",
                [thread, ns, channel, version],
            )
            if row is not None:
                found[channel] = tuple(row)
        return found

    def writes(self, thread: str, ns: str, checkpoint: str) -> list[tuple[str, str, str, bytes]]:
        """Task, channel, kind and value of what was written, in the order that it is applied in."""
        return self.database.all(
            "SELECT task, channel, kind, body FROM writes WHERE thread = ? AND ns = ? AND checkpoint = ?"
            " ORDER BY path, task, place",
            [thread, ns, checkpoint],
        )

    def of_runs(self, runs: Sequence[str]) -> list[Row]:
        """The checkpoints that these runs made."""
        marks = ", ".join("?" * len(runs))
        return [Row(*row) for row in self.database.all(f"{_SELECT} WHERE run IN ({marks})", list(runs))]

    def remove(self, rows: Sequence[Row], unused: Sequence[tuple[str, str, str, str]]) -> None:
        """Remove checkpoints with their writes, and the channels that no other one has."""
        with self.database.transaction():
            execute = self.database.connection.execute
            for row in rows:
                place = (row.thread, row.ns, row.id)
                execute("DELETE FROM checkpoints WHERE thread = ? AND ns = ? AND id = ?", place)
                execute("DELETE FROM writes WHERE thread = ? AND ns = ? AND checkpoint = ?", place)
            for channel in unused:
                execute(
                    "DELETE FROM channels WHERE thread = ? AND ns = ? AND channel = ? AND version = ?",
                    channel,
                )

    def remove_thread(self, thread: str) -> None:
        """Remove all that is known of a thread."""
        with self.database.transaction():
            for table in ("checkpoints", "channels", "writes"):
                self.database.connection.execute(f"DELETE FROM {table} WHERE thread = ?", [thread])  # noqa: S608

    def copy_thread(self, source: str, target: str) -> None:
        """Give another thread all that one has."""
        with self.database.transaction():
            for table, rest in (
                ("checkpoints", "ns, id, parent, run, kind, body, noted_kind, noted"),
                ("channels", "ns, channel, version, kind, body"),
                ("writes", "ns, checkpoint, task, place, path, channel, kind, body"),
            ):
                self.database.connection.execute(
                    f"INSERT OR REPLACE INTO {table} SELECT ?, {rest} FROM {table} WHERE thread = ?",  # noqa: S608
                    [target, source],
                )

    def versions(self, thread: str, ns: str) -> list[tuple[str, str]]:
        """Every channel and version that is stored."""
        return self.database.all(
            "SELECT channel, version FROM channels WHERE thread = ? AND ns = ?", [thread, ns]
        )
