"""The default store: one SQLite file that is the truth about documents, their pieces, words and vectors."""

import json
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec
from msgspec import Struct

from agentkit.core.documents import Chunk, Document, Fact
from agentkit.journal.database import Database
from agentkit.retrieval.making import Making
from agentkit.retrieval.schema import INDEX, STEPS
from agentkit.retrieval.writing import Entry, check, insert, remove

Found: TypeAlias = list[tuple[int, float]]
"""The ids of chunks with their scores, the best first."""

UNKNOWN = ""
"""The note on the health of vectors that nobody has looked at."""
_CHUNKS = (
    "SELECT c.id, c.document, c.first, c.after, c.headings, c.metadata, d.name, d.source, d.metadata"
    " FROM chunks c JOIN documents d ON d.id = c.document"
)
MOST_PARAMETERS = 900
"""Of one statement: SQLite has at least 999."""


class Counts(Struct, frozen=True):
    """How much an index holds."""

    documents: int
    chunks: int
    vectors: int


class SqliteStore:
    """An open index file, for any thread; several processes may have the same one open.

    What is written is there for every process with the transaction that wrote it, or not at all.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.path = database.path
        self.id = bytes.fromhex(self._setting("id") or "")

    @classmethod
    def open(cls, path: str | Path) -> "SqliteStore":
        """Open the index file, made when it is not there.

        Raises:
            CorruptIndex: it is no index, is damaged, or a newer agentkit wrote it.
            IndexUnusable: it cannot be opened or made.
        """
        database = Database.open(Path(path), STEPS, marked=False, kind=INDEX)
        try:
            with database.lock, database.explained():
                # what is deleted is overwritten at once
                database.connection.execute("PRAGMA secure_delete=ON")
            return cls(database)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- what it holds

    @property
    def generation(self) -> int:
        """A number that is another one after each change of what can be found."""
        return int(self._setting("generation") or 0)

    @property
    def making(self) -> Making | None:
        """How it was made; `None` as long as nobody has."""
        made = self._setting("making")
        return None if made is None else msgspec.json.decode(made, type=Making)

    def counts(self) -> Counts:
        """How much it holds."""
        row = self.database.one(
            "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks),"
            " (SELECT count(*) FROM vectors)"
        )
        return Counts(*row)

    def digests(self) -> dict[str, tuple[str, bytes]]:
        """The id of each document, with its source and the digest of what it was read from."""
        rows = self.database.all("SELECT name, origin, digest FROM documents INDEXED BY documents_of_origin")
        return {name: (origin, digest) for name, origin, digest in rows}

    def origins(self) -> dict[str, int]:
        """The sources that were taken in, each with how many documents it has."""
        return dict(
            self.database.all("SELECT origin, count(*) FROM documents GROUP BY origin ORDER BY origin")
        )

    def facts(self, most: int = 20) -> dict[str, list[Fact]]:
        """The facts that documents have, each with up to so many of its commonest values."""
        rows = self.database.all(
            "SELECT name, value FROM facts GROUP BY name, value ORDER BY name, count(*) DESC, value"
        )
        found: dict[str, list[Fact]] = {}
        for name, value in rows:
            if len(values := found.setdefault(name, [])) < most:
                values.append(json.loads(value))
        return found

    def document(self, name: str) -> Document | None:
        """The document of that id, whole."""
        row = self.database.one(
            "SELECT name, text, source, media_type, metadata FROM documents WHERE name = ?", [name]
        )
        return None if row is None else Document(*row[:-1], metadata=json.loads(row[-1]))

    def has(self, name: str) -> bool:
        """Whether there is a document of that id."""
        return self.database.one("SELECT 1 FROM documents WHERE name = ?", [name]) is not None

    def chunks(self, ids: Sequence[int]) -> list[Chunk]:
        """The chunks of these ids, in this order; those that are not there any more are left out."""
        found: dict[int, Chunk] = {}
        texts: dict[int, str] = {}
        with self.snapshot():  # else a text could be gone when its pieces are there
            for some in _portions(ids):
                marks = ", ".join("?" * len(some))
                rows = self.database.all(
                    f"{_CHUNKS} WHERE c.id IN ({marks})",
                    some,
                )
                for id_, of, start, end, headings, own, name, source, shared in rows:
                    if of not in texts:  # pieces of one text are often found together
                        texts[of] = self.database.one("SELECT text FROM documents WHERE id = ?", [of])[0]
                    found[id_] = Chunk(
                        name,
                        start,
                        end,
                        texts[of][start:end],
                        tuple(json.loads(headings)),
                        source,
                        {**json.loads(shared), **json.loads(own)},
                    )
        return [found[id_] for id_ in ids if id_ in found]

    def places(self, document: str) -> list[tuple[int, int, int]]:
        """The id, start and end of each chunk of a document, in order."""
        return self.database.all(
            "SELECT c.id, first, after FROM chunks c JOIN documents d ON d.id = document WHERE name = ?"
            " ORDER BY first, after",
            [document],
        )

    def id_of(self, chunk: Chunk) -> int | None:
        """The id of the chunk at this place of this document."""
        row = self.database.one(
            "SELECT c.id FROM chunks c JOIN documents d ON d.id = document"
            " WHERE name = ? AND first = ? AND after = ?",
            [chunk.document, chunk.start, chunk.end],
        )
        return None if row is None else row[0]

    def vectors(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The vectors of pieces with these texts, by the hash of the text, as far as any are here."""
        found: dict[bytes, bytes] = {}
        for some in _portions(list(hashes)):
            marks = ", ".join("?" * len(some))
            found.update(
                self.database.all(
                    f"SELECT hash, vector FROM chunks c JOIN vectors v ON v.chunk = c.id"  # noqa: S608
                    f" WHERE hash IN ({marks})",
                    some,
                )
            )
        return found

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Read everything in the block from one state, whatever others write meanwhile."""
        with self.database.lock, self.database.explained():
            if self.database.connection.in_transaction:
                yield
                return
            self.database.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.database.connection.execute("COMMIT")

    # ---- what changes it

    def make(self, making: Making) -> None:
        """Note how it is made, if nobody has.

        Raises:
            IndexDiffers: it was made otherwise.
        """
        with self.database.transaction():
            if self.making is None:
                self._set("making", msgspec.json.encode(making).decode())
                self._set("health", UNKNOWN)
        self.require(making)

    def require(self, making: Making) -> None:
        """Refuse to be used in another way than it was made.

        Raises:
            IndexDiffers: it was made otherwise.
        """
        if (made := self.making) is not None:
            made.require(making, self.path)

    def remade(self, making: Making) -> None:
        """Note, within the transaction that changed everything in it, how it is made now."""
        self._set("making", msgspec.json.encode(making).decode())
        self._changed()

    def put(self, entries: Sequence[Entry], origin: str = "", making: Making | None = None) -> None:
        """Take in documents, each in the place of what has its id: all of them or, on an error, none.

        Args:
            entries: The documents with their pieces.
            origin: The source that they are a part of.
            making: How the pieces were made.

        Raises:
            UsageError: a piece is not of its document, or changes one of its facts.
            IndexDiffers: the index was made anew in another way meanwhile.
        """
        # of two with the same id the later one stays, as it would if they came one after the other
        entries = list({entry.document.id: entry for entry in entries}.values())
        for entry in entries:
            check(entry)
        with self.database.transaction():
            if making is not None:
                self.require(making)
            connection = self.database.connection
            remove(connection, [entry.document.id for entry in entries])
            insert(connection, entries, origin)
            self._changed()

    def remove(self, documents: Collection[str]) -> int:
        """Let documents be found no more, and return how many there were; see also `forget`."""
        with self.database.transaction():
            gone = remove(self.database.connection, documents)
            if gone:
                self._changed()
        return gone

    def note(self, name: str, value: str) -> None:
        """Keep a setting beside the documents."""
        with self.database.transaction():
            self._set(name, value)

    def noted(self, name: str) -> str | None:
        """What was kept under that name."""
        return self._setting(name)

    def _changed(self) -> None:
        self.database.connection.execute("UPDATE settings SET value = value + 1 WHERE name = 'generation'")

    def _setting(self, name: str) -> str | None:
        row = self.database.one("SELECT value FROM settings WHERE name = ?", [name])
        return None if row is None else row[0]

    def _set(self, name: str, value: str) -> None:
        self.database.connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))


def _portions(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(values), MOST_PARAMETERS):
        yield values[at : at + MOST_PARAMETERS]


def vectors_file(store: SqliteStore) -> Path:
    """The file beside an index in which its vectors lie side by side, when there are many."""
    return store.path.with_name(f"{store.path.name}.vectors")
