"""The index that the settings name, and what is read into it."""

import asyncio
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from agentkit.assembly.parts import options_of
from agentkit.core.documents import Document, Embeddings, Facts, Findings, Hit
from agentkit.core.errors import AgentkitError, IndexUnusable, ModelError, ToolFault, UsageError
from agentkit.documents import load
from agentkit.documents.media_types import media_type_of
from agentkit.models.embedded import best_encoder
from agentkit.models.embeddings.registry import make_embeddings
from agentkit.retrieval.index import Index
from agentkit.retrieval.making import Making
from agentkit.retrieval.reading import reading
from agentkit.retrieval.sources import Folder
from agentkit.retrieval.store import SqliteStore
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon

_DIGEST = re.compile("@[0-9a-f]{8}$")
"""At the end of the name of an encoder that lies in a folder: which one lay there."""


def index_of(settings: Settings, *, make: bool, anew: bool = False) -> Index:
    """The index that the settings name, open.

    Args:
        settings: Say where it is.
        make: Whether one that is not there is made.
        anew: Whether one that was made in another way is opened all the same, to be made anew.

    Raises:
        UsageError: there is none.
        UnknownModel: the encoder that the settings name is not here.
        IndexUnusable: it cannot be used as it is.
    """
    if settings.index is None:
        raise UsageError("index = none: no file is named that documents are found by; name one with --index")
    if not make and not settings.index.exists():
        raise IndexUnusable(
            f"there is no index {settings.index}; make one with agentkit index PATH, "
            "or name another with --index"
        )
    store = SqliteStore.open(settings.index)
    try:
        return Index(store, reading(_embeddings_of(settings, store.making, writes=make)), anew=anew)
    except BaseException:
        store.close()
        raise


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
        with _as_fault():
            return await (await self._opened()).retrieve(query, limit=limit, where=where)

    async def find(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Findings:
        """As the index does.

        Raises:
            ToolFault: it cannot be opened or searched.
        """
        with _as_fault():
            return await (await self._opened()).find(query, limit=limit, where=where)

    async def _opened(self) -> Index:
        async with self._opening:
            if self._index is None:
                # its encoder may take seconds to load
                self._index = await in_daemon(lambda: index_of(self._settings, make=False), "open the index")
            return self._index

    async def aclose(self) -> None:
        """Close it if it was opened."""
        if self._index is not None:
            await self._index.aclose()


@contextmanager
def _as_fault() -> Generator[None]:
    try:
        yield
    except AgentkitError as error:
        raise ToolFault(str(error)) from error


def _embeddings_of(settings: Settings, made: Making | None, *, writes: bool) -> Embeddings | None:
    """What the settings name; for `auto` what the index was made with, or what there is for a new one."""
    name = settings.embeddings
    chosen = name != "auto"
    if not chosen:
        name = best_encoder() if made is None else _DIGEST.sub("", made.embeddings)
    if not name:
        return None
    try:
        # the window of a chat model is none of an encoder's
        return make_embeddings(name, replace(options_of(settings), context_window=None))
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
