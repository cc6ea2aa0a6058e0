"""Embeddings, both ways."""

from collections.abc import Sequence
from typing import cast

from langchain_core.embeddings import Embeddings as Theirs

from agentkit.core.documents import Embeddings
from agentkit.core.runnable.facade import waited
from agentkit.core.usage import estimated_tokens

WINDOW = 512
"""Tokens that are taken for the window of embeddings that say none."""


def embeddings_to_langchain(embeddings: Embeddings) -> Theirs:
    """Embeddings of ours, for LangChain."""
    return AgentkitEmbeddings(embeddings=embeddings)


def embeddings_from_langchain(embeddings: Theirs, *, name: str, window: int = WINDOW) -> Embeddings:
    """LangChain's embeddings, for our indexes.

    Args:
        embeddings: Theirs.
        name: The name of the model: vectors of different names are never compared.
        window: How many tokens of a text it reads. Texts are split to it, since the rest would be lost.
    """
    return LangChainEmbeddings(embeddings, name, window)


class AgentkitEmbeddings(Theirs):
    """What `embeddings_to_langchain` makes."""

    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text."""
        return waited(lambda: self.aembed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return waited(lambda: self.aembed_query(text))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text."""
        return [[float(one) for one in vector] for vector in await self.embeddings.embed_documents(texts)]

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return [float(one) for one in await self.embeddings.embed_query(text)]


class LangChainEmbeddings:
    """What `embeddings_from_langchain` makes."""

    def __init__(self, embeddings: Theirs, name: str, window: int) -> None:
        self.embeddings = embeddings
        self._name = name
        self._window = window

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def window(self) -> int:
        """How many tokens of a text it reads."""
        return self._window

    def count(self, text: str) -> int:
        """An upper estimate, since theirs do not count."""
        return estimated_tokens(text)

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, of length 1."""
        return [_of_length_one(vector) for vector in await self.embeddings.aembed_documents(list(texts))]

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question, of length 1."""
        return _of_length_one(await self.embeddings.aembed_query(text))


def _of_length_one(vector: Sequence[float]) -> Sequence[float]:
    length = cast("float", sum(one * one for one in vector) ** 0.5)
    return [one / length for one in vector] if length else list(vector)
