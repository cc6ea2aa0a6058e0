"""An index brought to what its source holds now, and never to less than that by mistake."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.errors import DocumentError, IndexWouldShrink
from agentkit.retrieval.health import Health, examined
from agentkit.retrieval.index import Index
from agentkit.retrieval.reading import Reading
from agentkit.retrieval.sources import Item, Source
from agentkit.retrieval.store import UNKNOWN, SqliteStore
from agentkit.retrieval.writing import Entry, Piece, hash_of

MOST_LOST = 0.2
"""The part of a source's documents that may be gone before somebody has to say that this is so."""
BATCH = 256
"""Pieces that are written together; a sync that is killed loses no more than these."""

Report = Callable[[int, int, str], None]
"""Told how many of how many documents are done, and which one is read."""


class Plan(Struct, frozen=True):
    """What a sync does; the names are ids of documents."""

    source: str
    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    unchanged: int
    unread: tuple[tuple[str, str], ...] = ()
    """What cannot be read now, with the reason; what the index has of it stays."""
    known: int = 0
    """How many documents of this source the index had."""

    @property
    def loses_much(self) -> bool:
        """Whether so much is gone that the source may be the wrong one, or not whole."""
        return len(self.gone) > MOST_LOST * self.known


class Synced(Struct, frozen=True):
    """What a sync did."""

    plan: Plan
    chunks: int = 0
    """Pieces that were written."""
    embedded: int = 0
    """Texts that were turned into vectors; for the others the index had one."""
    embeds: bool = False
    """Whether the index has vectors at all."""
    healths: tuple[Health, ...] = ()
    """How its vectors do, where they were looked at."""


def _unwatched(done: int, total: int, what: str) -> None:
    """Nobody looks."""


def planned(source: Source, store: SqliteStore) -> Plan:
    """What a sync would do now, as far as that is told without reading a document; nothing is written.

    Raises:
        DocumentError: the source cannot be looked at as a whole.
    """
    return _planned(source, store)[0]


def rehearsed(source: Source, store: SqliteStore | None, report: Report = _unwatched) -> Plan:
    """What a sync would do now: what it would read is read, and nothing is written.

    Args:
        source: What the documents are.
        store: What they would be taken into; `None` where there is no index yet.
        report: Told how far it is.

    Raises:
        DocumentError: the source cannot be looked at as a whole.
    """
    plan, items = _planned(source, store)
    unread: list[tuple[str, str]] = []
    for at, item in enumerate(items):
        report(at, len(items), item.id)
        try:
            item.read()
        except DocumentError as error:
            unread.append((item.id, str(error)))
    report(len(items), len(items), "")
    return _without(plan, unread)


async def sync(
    source: Source,
    index: Index,
    *,
    allow_shrink: bool = False,
    known: SqliteStore | None = None,
    report: Report = _unwatched,
) -> Synced:
    """Bring the index to what the source holds now.

    Documents are taken in a few at a time, each whole or not at all, and what is gone is removed at the
    end. A sync that was killed is gone on with by the next one. What did not change is neither embedded
    nor written again, and of what did change only the pieces with another text are embedded.

    Args:
        source: What the documents are.
        index: What they are taken into.
        allow_shrink: Whether more than a fifth of what the index has of the source may be gone.
        known: Another index with vectors of the same model, which are taken for equal texts.
        report: Told how far it is.

    Raises:
        IndexDiffers: the index was made in another way.
        IndexWouldShrink: more than a fifth is gone; nothing was written.
        DocumentError: the source cannot be looked at as a whole.
        ModelError: the texts could not be embedded; what came before is kept.
    """
    store, how = index.store, index.how
    store.make(how.making)
    plan, items = _planned(source, store)
    require_not_lost(plan, store, allow_shrink=allow_shrink)
    done = Synced(plan)
    batch: list[Entry] = []
    pieces = 0
    unread: list[tuple[str, str]] = []
    for at, item in enumerate(items):
        report(at, len(items), item.id)
        await asyncio.sleep(0)  # whoever wants to stop it is heard, also where nothing else is waited for
        try:
            document, digest = item.read()
            entry = Entry(document, how.pieces(document), digest)
        except DocumentError as error:
            unread.append((item.id, str(error)))
            continue
        batch.append(entry)
        pieces += len(entry.pieces)
        if pieces >= BATCH:
            done = await _taken_in(batch, source, store, how, done, known)
            batch, pieces = [], 0
    if batch:
        done = await _taken_in(batch, source, store, how, done, known)
    report(len(items), len(items), "")
    if plan.gone:
        store.remove(plan.gone)
    if done.chunks or plan.gone:
        index.look_again()
    done = replace(done, plan=_without(plan, unread), embeds=how.embeddings is not None)
    if how.embeddings is not None and (done.embedded or store.noted("health") == UNKNOWN):
        healths = await examined(store, how.embeddings, index.vectors)
        store.note("health", msgspec.json.encode(healths).decode())
        done = replace(done, healths=healths)
    return done


def require_not_lost(plan: Plan, store: SqliteStore, *, allow_shrink: bool) -> None:
    """Refuse a plan that loses much.

    Raises:
        IndexWouldShrink: it does, and nobody said that it may.
    """
    if plan.loses_much and not allow_shrink:
        raise IndexWouldShrink(
            f"{len(plan.gone)} of the {plan.known} documents that {store.path} has of {plan.source} are not "
            f"there any more, such as {plan.gone[0]}; if that is right, say --allow-shrink"
        )


def _without(plan: Plan, unread: Sequence[tuple[str, str]]) -> Plan:
    """The plan without what turned out to be nothing that can be read."""
    failed = {name for name, _ in unread}
    return replace(
        plan,
        new=tuple(name for name in plan.new if name not in failed),
        changed=tuple(name for name in plan.changed if name not in failed),
        unread=(*plan.unread, *unread),
    )


def _planned(source: Source, store: SqliteStore | None) -> tuple[Plan, list[Item]]:
    known = {} if store is None else store.digests()
    mine = {name for name, (origin, _) in known.items() if origin == source.name}
    new: list[str] = []
    changed: list[str] = []
    unread: list[tuple[str, str]] = []
    todo: list[Item] = []
    seen: set[str] = set()
    for item in source.items():
        seen.add(item.id)
        try:
            digest = item.digest()
        except DocumentError as error:
            unread.append((item.id, str(error)))
            continue
        if item.id in known and known[item.id][1] == digest:
            continue
        (changed if item.id in known else new).append(item.id)
        todo.append(item)
    gone = tuple(sorted(mine - seen))
    unchanged = len(seen) - len(todo) - len(unread)
    return Plan(source.name, tuple(new), tuple(changed), gone, unchanged, tuple(unread), len(mine)), todo


async def _taken_in(
    batch: Sequence[Entry],
    source: Source,
    store: SqliteStore,
    how: Reading,
    done: Synced,
    known: SqliteStore | None,
) -> Synced:
    """Embed what has no vector yet and write the batch."""
    embedded = 0
    if how.embeddings is not None:
        batch, embedded = await _with_vectors(batch, store, how, known)
    store.put(batch, source.name, how.making)
    count = sum(len(entry.pieces) for entry in batch)
    return replace(done, chunks=done.chunks + count, embedded=done.embedded + embedded)


async def _with_vectors(
    batch: Sequence[Entry], store: SqliteStore, how: Reading, known: SqliteStore | None
) -> tuple[list[Entry], int]:
    assert how.embeddings is not None
    texts = {hash_of(piece.chunk.text): piece.chunk.text for entry in batch for piece in entry.pieces}
    vectors = dict[bytes, object](store.vectors(texts))
    if known is not None:
        vectors.update(known.vectors(key for key in texts if key not in vectors))
    missing = [key for key in texts if key not in vectors]
    if missing:
        made = await how.embeddings.embed_documents([texts[key] for key in missing])
        vectors.update(zip(missing, made, strict=True))

    def pieces(entry: Entry) -> list[Piece]:
        return [replace(piece, vector=vectors[hash_of(piece.chunk.text)]) for piece in entry.pieces]

    return [replace(entry, pieces=pieces(entry)) for entry in batch], len(missing)
