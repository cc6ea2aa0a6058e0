"""The model of vectors that the settings name, made when it is first needed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from agentkit.assembly.parts import options_of
from agentkit.core.documents import Embeddings, TellsUnknown
from agentkit.models.embedded import best_encoder
from agentkit.models.embeddings.registry import make_embeddings
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon


def encoder_of(settings: Settings, name: str) -> Embeddings:
    """The model of vectors of that name.

    Raises:
        UnknownModel: there is none, or it is not here.
        MissingKey: its provider needs a key.
        ModelError: it cannot be loaded.
    """
    # the window of a chat model is none of an encoder's
    return make_embeddings(name, replace(options_of(settings), context_window=None))


def later_encoder(settings: Settings) -> "LaterEmbeddings | None":
    """What the settings name, or by themselves the encoder that is here; `None` for words alone."""
    name = best_encoder() if settings.embeddings == "auto" else settings.embeddings
    return LaterEmbeddings(lambda: encoder_of(settings, name)) if name else None


class LaterEmbeddings:
    """A model of vectors that is loaded by the first question: that takes seconds, and most runs ask none."""

    def __init__(self, make: Callable[[], Embeddings]) -> None:
        self._make = make
        self._made: Embeddings | None = None
        self._making = asyncio.Lock()

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question.

        Raises:
            ModelError: it could not be made.
            UsageError: the model cannot be.
        """
        return await (await self._loaded()).embed_query(text)

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text; as for a question."""
        return await (await self._loaded()).embed_documents(texts)

    @property
    def name(self) -> str:
        """The model's, which is loaded for that if need be, as for all that follows."""
        return self._now().name

    @property
    def window(self) -> int:
        """How many tokens of a text it reads."""
        return self._now().window

    def count(self, text: str) -> int:
        """How many of its tokens the text has."""
        return self._now().count(text)

    def unknown(self, text: str) -> float:
        """The part of a text that it does not know; 0 where it cannot tell."""
        made = self._now()
        return made.unknown(text) if isinstance(made, TellsUnknown) else 0.0

    async def aclose(self) -> None:
        """Close it, if it was made and is to be closed."""
        close: Any = getattr(self._made, "aclose", None)
        if close is not None:
            await close()

    async def _loaded(self) -> Embeddings:
        async with self._making:
            if self._made is None:
                self._made = await in_daemon(self._make, "load the model of vectors")
            return self._made

    def _now(self) -> Embeddings:
        if self._made is None:
            self._made = self._make()
        return self._made
