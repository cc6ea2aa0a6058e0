"""The index that the settings name, and what is read into it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agentkit.assembly.encoders import encoder_of
from agentkit.core.documents import Document, Embeddings, Facts, Findings, Hit
from agentkit.core.errors import AgentkitError, IndexDiffers, IndexUnusable, ModelError, ToolFault, UsageError
from agentkit.documents import load
from agentkit.documents.media_types import media_type_of
from agentkit.models.embedded import best_encoder, ways_to_an_encoder
from agentkit.retrieval.anew import made_anew
from agentkit.retrieval.index import Index
from agentkit.retrieval.making import Making
from agentkit.retrieval.reading import reading
from agentkit.retrieval.sources import Folder, Source
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.sync import Report, Synced
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon

Answer = TypeVar("Answer")


def index_of(settings: Settings, *, make: bool) -> Index:
    """The index that the settings name, open.

    Args:
        settings: Say where it is.
        make: Whether one that is not there is made.

    Raises:
        UsageError: there is none.
        UnknownModel: the encoder that the settings name is not here.
        IndexUnusable: it cannot be used as it is.
    """
    store = _store_of(settings, make=make)
    try:
        return Index(store, reading(_embeddings_of(settings, store.making, writes=make)))
    except BaseException:
        store.close()
        raise


async def index_made_anew(
    settings: Settings, source: Source | None, *, allow_shrink: bool, report: Report
) -> list[Synced]:
    """Make the index of the settings in their way; see `agentkit.retrieval.anew.made_anew`.

    Raises:
        UsageError: there is none.
        UnknownModel: the encoder is not here.
        IndexUnusable: it cannot be used as it is, or would shrink too much.
    """
    with _store_of(settings, make=source is not None) as store:
        how = reading(_embeddings_of(settings, store.making, writes=True))
        try:
            return await made_anew(store, how, source, allow_shrink=allow_shrink, report=report)
        finally:
            close: Any = getattr(how.embeddings, "aclose", None)
            if close is not None:
                await close()


def way_to_vectors(settings: Settings, made: Making) -> str:
    """The line that gives an index vectors beside its words; empty where it has them or nobody wants them."""
    if made.embeddings or settings.embeddings != "auto":
        return ""
    anew = "agentkit index --anew --embeddings local:minilm"
    return " && ".join(part for part in (ways_to_an_encoder(), anew) if part)


def _store_of(settings: Settings, *, make: bool) -> SqliteStore:
    if settings.index is None:
        raise UsageError("index = none: no file is named that documents are found by; name one with --index")
    if not make and not settings.index.exists():
        raise IndexUnusable(
            f"there is no index {settings.index}; make one with agentkit index PATH, "
            "or name another with --index"
        )
    return SqliteStore.open(settings.index)


class SettledIndex:
    """The index of the settings as an agent's tools search it: opened when the first of them asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._index: Index | None = None
        self._opening = asyncio.Lock()

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        """As the index does.

        Raises:
            ToolFault: it cannot be opened or searched.
        """
        return await self._asked(lambda index: index.retrieve(query, limit=limit, where=where))

    async def find(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Findings:
        """As the index does.

        Raises:
            ToolFault: it cannot be opened or searched.
        """
        return await self._asked(lambda index: index.find(query, limit=limit, where=where))

    async def _asked(self, ask: Callable[[Index], Awaitable[Answer]]) -> Answer:
        try:
            try:
                return await ask(await self._opened())
            except IndexDiffers:  # it was made anew meanwhile
                await self.aclose()
                return await ask(await self._opened())
        except AgentkitError as error:
            raise ToolFault(str(error)) from error

    async def _opened(self) -> Index:
        async with self._opening:
            if self._index is None:
                # its encoder may take seconds to load
                self._index = await in_daemon(lambda: index_of(self._settings, make=False), "open the index")
            return self._index

    async def aclose(self) -> None:
        """Close it if it was opened."""
        if self._index is not None:
            opened, self._index = self._index, None
            await opened.aclose()


def _embeddings_of(settings: Settings, made: Making | None, *, writes: bool) -> Embeddings | None:
    """What the settings name; for `auto` what the index was made with, or what there is for a new one."""
    name = settings.embeddings
    chosen = name != "auto"
    if not chosen:
        name = best_encoder() if made is None else made.encoder
    if not name:
        return None
    try:
        return encoder_of(settings, name)
    except (UsageError, ModelError) as error:
        if chosen or writes or made is None:
            raise
        return Absent(made, str(error))


class Absent:
    """Stands for the encoder of an index that is not here, so that its words can be searched."""

    def __init__(self, made: Making, reason: str) -> None:
        self.name = made.embeddings
        self.window = made.limit
        self._reason = reason

    def count(self, text: str) -> int:  # noqa: ARG002 - named as the protocol has it
        """Refused, as is all that needs the encoder.

        Raises:
            ModelError: always, with the reason why it is not here.
        """
        raise ModelError(self._reason)

    async def embed_documents(
        self,
        texts: Sequence[str],  # noqa: ARG002 - the same
    ) -> Sequence[Sequence[float]]:
        """Refused.

        Raises:
            ModelError: always.
        """
        raise ModelError(self._reason)

    async def embed_query(self, text: str) -> Sequence[float]:  # noqa: ARG002 - the same
        """Refused.

        Raises:
            ModelError: always.
        """
        raise ModelError(self._reason)


def folder_source(path: Path) -> Folder:
    """The files of a folder, or a file, that can be read as documents.

    Raises:
        DocumentError: there is nothing.
    """

    def read(content: bytes, name: str) -> Document:
        return load(content, name=name)

    return Folder(path, read, lambda name: bool(media_type_of(name)))
