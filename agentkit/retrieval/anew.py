"""An index made anew: beside the old one, which takes over the new content in a single transaction.

Until then whoever searches finds the old content, whole. A process that is killed on the way leaves it as it
was, and what it made so far lies beside it for the next one to go on with.
"""

import asyncio
import fcntl
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from agentkit.core.documents import Document
from agentkit.core.errors import DocumentError, IndexUnusable
from agentkit.retrieval.index import Index
from agentkit.retrieval.making import Making
from agentkit.retrieval.reading import Reading
from agentkit.retrieval.sources import Item, Source, digest_of_document
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.sync import Report, Synced, planned, require_not_lost, sync
from agentkit.retrieval.writing import unkept

TRIES = 5
"""How often what another process changed meanwhile is taken over before that is given up."""


async def made_anew(
    store: SqliteStore,
    how: Reading,
    source: Source | None = None,
    *,
    allow_shrink: bool = False,
    report: Report = lambda done, total, what: None,  # noqa: ARG005 - nobody looks
) -> list[Synced]:
    """Make an index in another way, or once more, from what it holds.

    Args:
        store: The index.
        how: How its documents are read from now on.
        source: What is read again; of every other source the texts that the index has are split, and
            turned into vectors, once more. What cannot be read now is taken from there as well.
        allow_shrink: Whether more than a fifth of what the index has of the source may be gone.
        report: Told how far it is.

    Returns:
        What was done for each source.

    Raises:
        IndexWouldShrink: more than a fifth of the source is gone; the index is as it was.
        IndexUnusable: another process is making it anew, or changes it again and again.
        DocumentError: the source cannot be looked at as a whole.
        ModelError: the texts could not be embedded; the next call goes on.
    """
    with _alone(store):
        beside = anew_path(store)
        if _is_of_another_making(beside, how.making):
            _remove(beside)
        for _ in range(TRIES):
            seen = store.generation
            with SqliteStore.open(beside) as new:
                done = await _made(store, new, how, source, allow_shrink=allow_shrink, report=report)
            if await asyncio.to_thread(_taken_over, store, beside, how.making, seen):
                _remove(beside)
                return done
    raise IndexUnusable(f"another process keeps changing {store.path}; make it anew when that is done")


def anew_path(store: SqliteStore) -> Path:
    """Where an index is made anew."""
    return store.path.with_name(f"{store.path.name}.anew")


def without_remains(store: SqliteStore) -> bool:
    """Remove what a process that was killed left of an index made anew; whether none is left."""
    try:
        with _alone(store):
            _remove(anew_path(store))
    except IndexUnusable:  # it is no remains: somebody is making it
        return False
    return True


async def _made(
    old: SqliteStore,
    new: SqliteStore,
    how: Reading,
    source: Source | None,
    *,
    allow_shrink: bool,
    report: Report,
) -> list[Synced]:
    fresh: dict[str, Item] = {}
    if source is not None:
        require_not_lost(planned(source, old), old, allow_shrink=allow_shrink)
        fresh = {item.id: item for item in source.items()}
    index = Index(new, how)
    made = old.making
    known = old if made is not None and made.embeddings == how.making.embeddings else None
    origins = {**dict.fromkeys(old.origins()), **({source.name: None} if source is not None else {})}
    new.remove([name for name, (origin, _) in new.digests().items() if origin not in origins])
    done: list[Synced] = []
    for origin in origins:
        held = _Held(old, origin, fresh, whole=source is not None and origin == source.name)
        synced = await sync(held, index, allow_shrink=True, known=known, report=report)
        unread = (*synced.plan.unread, *held.unread)
        done.append(replace(synced, plan=replace(synced.plan, unread=unread)))
    return done


class _Held:
    """What an index has of a source, read again where that can be done."""

    def __init__(self, store: SqliteStore, name: str, fresh: Mapping[str, Item], *, whole: bool) -> None:
        """Take documents from two places.

        Args:
            store: The index.
            name: Of the source.
            fresh: What is read again.
            whole: Whether those are all documents of the source, and what is not among them is gone.
        """
        self.name = name
        self.unread: list[tuple[str, str]] = []
        """What could not be read again, with the reason."""
        self._store = store
        self._fresh = fresh
        self._whole = whole

    def items(self) -> Iterator[Item]:
        known = self._store.digests()
        held = {name: digest for name, (origin, digest) in known.items() if origin == self.name}
        for name in self._fresh if self._whole else held:
            if name not in held:
                yield self._fresh[name]
            elif name not in self._fresh:
                yield self._item(name, held[name])
            else:
                yield self._either(self._fresh[name], self._item(name, held[name]))

    def _either(self, fresh: Item, held: Item) -> Item:
        """The document as it is now or, if it cannot be read, as the index has it."""

        def digest() -> bytes:
            try:
                return fresh.digest()
            except DocumentError:
                return held.digest()

        def read() -> tuple[Document, bytes]:
            try:
                return fresh.read()
            except DocumentError as error:
                self.unread.append((fresh.id, str(error)))
                return held.read()

        return Item(fresh.id, digest, read)

    def _item(self, name: str, digest: bytes) -> Item:
        """The document as the index has it."""

        def read() -> tuple[Document, bytes]:
            document = self._store.document(name)
            if document is None:
                raise DocumentError(f"{name} went from the index meanwhile")
            return document, digest or digest_of_document(document)

        # what an app put in has no digest but that of its own
        return Item(name, lambda: digest or read()[1], read)


def _is_of_another_making(beside: Path, making: Making) -> bool:
    if not beside.exists():
        return False
    try:
        with SqliteStore.open(beside) as store:
            return store.making not in (None, making)
    except IndexUnusable:  # the machine lost its power, say
        return True


def _taken_over(store: SqliteStore, beside: Path, making: Making, seen: int) -> bool:
    """Put the content of the index beside in the place of the store's own, unless that changed meanwhile."""
    database = store.database
    with database.lock, database.explained():
        database.connection.execute("ATTACH ? AS anew", (str(beside),))
        try:
            with database.transaction():
                if store.generation != seen:
                    return False
                _replace_content(store)
                store.remade(making)
            return True
        finally:
            database.connection.execute("DETACH anew")


def _replace_content(store: SqliteStore) -> None:
    execute = store.database.connection.execute
    # an id is never used again: whoever knows a piece by its id must not take another for it
    last = dict(execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    documents, chunks = last.get("documents", 0), last.get("chunks", 0)
    execute("INSERT INTO words (words) VALUES ('delete-all')")
    for table in ("vectors", "facts", "chunks", "documents"):
        execute(f"DELETE FROM main.{table}")  # noqa: S608 - ours
    execute(
        "INSERT INTO main.documents SELECT id + ?, name, origin, source, media_type, metadata, digest, text"
        " FROM anew.documents ORDER BY id",
        (documents,),
    )
    execute(
        "INSERT INTO main.chunks SELECT id + ?, document + ?, first, after, headings, metadata, hash, terms"
        " FROM anew.chunks ORDER BY id",
        (chunks, documents),
    )
    execute("INSERT INTO main.vectors SELECT chunk + ?, vector FROM anew.vectors ORDER BY chunk", (chunks,))
    execute(
        "INSERT INTO main.facts SELECT name, value, document + ?, iif(chunk, chunk + ?, 0) FROM anew.facts",
        (documents, chunks),
    )
    terms = store.database.connection.execute("SELECT id, terms FROM anew.chunks ORDER BY id")
    store.database.connection.executemany(
        "INSERT INTO words (rowid, terms) VALUES (?, ?)",
        ((id_ + chunks, unkept(kept)) for id_, kept in terms),
    )
    execute("DELETE FROM main.settings WHERE name = 'health'")
    execute("INSERT INTO main.settings SELECT name, value FROM anew.settings WHERE name = 'health'")


@contextmanager
def _alone(store: SqliteStore) -> Generator[None]:
    """Hold the only place in which an index is made anew.

    Raises:
        IndexUnusable: another process holds it.
    """
    path = anew_path(store).with_name(f"{store.path.name}.anew.lock")
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise IndexUnusable(
                f"another process is making {store.path} anew; it can be searched meanwhile"
            ) from error
        if path.exists() and os.fstat(lock).st_ino == path.stat().st_ino:
            break
        os.close(lock)  # whoever had it has removed it
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _remove(beside: Path) -> None:
    for path in beside.parent.glob(f"{beside.name}*"):
        if not path.name.endswith(".lock"):
            path.unlink(missing_ok=True)
