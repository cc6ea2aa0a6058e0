"""Vector stores, both ways: our index as theirs, and any of theirs behind our retriever."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self, cast
from uuid import uuid4

from langchain_core.documents import Document as Theirs
from langchain_core.embeddings import Embeddings as TheirEmbeddings
from langchain_core.vectorstores import VectorStore
from msgspec.structs import replace

from agentkit.bridges.langchain.documents import (
    document_from_langchain,
    document_to_langchain,
    documents_to_langchain,
    hit_from_langchain,
)
from agentkit.bridges.langchain.embeddings import (
    WINDOW,
    AgentkitEmbeddings,
    LangChainEmbeddings,
    embeddings_to_langchain,
)
from agentkit.core.documents import Document, Embeddings, Facts, Hit
from agentkit.core.errors import UsageError
from agentkit.core.runnable.facade import waited
from agentkit.retrieval.index import Index
from agentkit.retrieval.writing import Entry


class AgentkitVectorStore(VectorStore):
    """An index of agentkit as LangChain's vector store: one SQLite file, for several processes.

    A search is the index's own: by words and by vectors, unless it was told otherwise. A text that the
    embeddings cannot read at once is kept whole and found by its pieces.
    """

    def __init__(self, index: Index) -> None:
        """Offer an index.

        Args:
            index: Open, and made with embeddings or without.

        Raises:
            IndexDiffers: it was made in another way.
        """
        self.index = index
        index.store.make(index.how.making)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: TheirEmbeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        path: str | Path | None = None,
        name: str = "",
        window: int = WINDOW,
        **kwargs: Any,
    ) -> Self:
        """Open an index and add texts to it.

        Args:
            texts: What is added.
            embedding: LangChain's embeddings, or ours as LangChain's.
            metadatas: One for each text.
            ids: One for each text.
            path: The index's file, made when it is not there.
            name: The name of the embeddings' model, which an index is bound to.
            window: The tokens that they read of a text.
            kwargs: None are known.

        Raises:
            UsageError: there is no path or no name, or something else was given.
        """
        if kwargs or path is None:
            wrong = f"{', '.join(kwargs)} is nothing an index is made of" if kwargs else "an index is a file"
            raise UsageError(f"{wrong}; give path=, and name= and window= of the embeddings")
        store = cls(Index.open(path, _ours(embedding, name, window)))
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @property
    def embeddings(self) -> TheirEmbeddings | None:
        """What the vectors are made with."""
        ours = self.index.how.embeddings
        return None if ours is None else embeddings_to_langchain(ours)

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, each in the place of what has its id, all or none; the ids."""
        return waited(lambda: self.aadd_texts(texts, metadatas, ids=ids, **kwargs))

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, each in the place of what has its id, all or none; the ids.

        Raises:
            UsageError: there are not as many metadata or ids as texts.
        """
        listed = list(texts)
        given = [Theirs(page_content=text) for text in listed]
        try:
            for document, metadata in zip(given, metadatas or ({} for _ in listed), strict=True):
                document.metadata = metadata
        except ValueError as error:
            raise UsageError(f"there are {len(listed)} texts and another number of metadata") from error
        return await self.aadd_documents(given, ids=ids, **kwargs)

    def add_documents(self, documents: list[Theirs], **kwargs: Any) -> list[str]:
        """Add documents, each in the place of what has its id, all or none; the ids."""
        return waited(lambda: self.aadd_documents(documents, **kwargs))

    async def aadd_documents(self, documents: list[Theirs], **kwargs: Any) -> list[str]:
        """Add documents, each in the place of what has its id, all or none; the ids.

        Args:
            documents: What is added. One without an id gets a new one.
            kwargs: `ids`, in the place of the documents' own.

        Raises:
            UsageError: there are not as many ids as documents.
        """
        given = kwargs.get("ids") or [one.id for one in documents]
        if len(given) != len(documents):
            raise UsageError(f"there are {len(documents)} documents and {len(given)} ids")
        ids = [str(one) if one is not None else str(uuid4()) for one in given]
        ours = [
            replace(document_from_langchain(one), id=id_) for one, id_ in zip(documents, ids, strict=True)
        ]
        entries = [Entry(one, self.index.how.pieces(one)) for one in {one.id: one for one in ours}.values()]
        if (embeddings := self.index.how.embeddings) is not None:
            texts = [piece.chunk.text for entry in entries for piece in entry.pieces]
            vectors = iter(await embeddings.embed_documents(texts) if texts else ())
            entries = [
                replace(entry, pieces=[replace(piece, vector=next(vectors)) for piece in entry.pieces])
                for entry in entries
            ]
        await asyncio.to_thread(self.index.store.put, entries)
        return ids

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:  # noqa: ARG002
        """Remove documents; all of them without ids."""
        store = self.index.store
        store.remove(list(store.digests()) if ids is None else ids)
        return True

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Remove documents; all of them without ids."""
        return await asyncio.to_thread(lambda: self.delete(ids, **kwargs))

    def get_by_ids(self, ids: Sequence[str], /) -> list[Theirs]:
        """The documents of these ids that are there."""
        found = (self.index.store.document(one) for one in ids)
        return list(documents_to_langchain(one for one in found if one is not None))

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Theirs]:
        """The documents of these ids that are there."""
        return await asyncio.to_thread(self.get_by_ids, ids)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Theirs]:
        """What is nearest; `filter` is a mapping of facts that each must have."""
        return waited(lambda: self.asimilarity_search(query, k, **kwargs))

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Theirs]:
        """What is nearest; `filter` is a mapping of facts that each must have."""
        return [one for one, _ in await self.asimilarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Theirs, float]]:
        """The same with scores; the more, the better."""
        return waited(lambda: self.asimilarity_search_with_score(*args, **kwargs))

    async def asimilarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Theirs, float]]:
        """The same with scores; the more, the better."""
        return await self._found(*args, **kwargs)

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Theirs]:
        """What is nearest to a vector."""
        found = self.index.vectors.nearest(embedding, k, cast("Facts | None", kwargs.get("filter")))
        chunks = self.index.store.chunks([key for key, _ in found])
        return [self._theirs(Hit(chunk, score)) for chunk, (_, score) in zip(chunks, found, strict=True)]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda score: min(1.0, max(0.0, score))

    async def _found(self, query: str, k: int = 4, filter: Facts | None = None) -> list[tuple[Theirs, float]]:  # noqa: A002
        hits = await self.index.retrieve(query, limit=k, where=filter)
        return [(self._theirs(hit), hit.score) for hit in hits]

    def _theirs(self, hit: Hit) -> Theirs:
        """The document as it was added; of one in several pieces, the piece and its place."""
        places = self.index.store.places(hit.chunk.document)
        if len(places) == 1 and (whole := self.index.store.document(hit.chunk.document)) is not None:
            return document_to_langchain(whole)
        piece = Document(hit.chunk.document, hit.chunk.text, hit.chunk.source, metadata=hit.chunk.metadata)
        found = document_to_langchain(piece)
        found.metadata["start_index"] = hit.chunk.start
        return found


def store_from_langchain(
    store: VectorStore, *, filter_of: Callable[[Facts], Any] = dict[str, Any]
) -> "LangChainStore":
    """One of LangChain's vector stores, as a retriever of ours: by itself, or as a leg of an index.

    Args:
        store: Theirs, with its embeddings.
        filter_of: Makes its `filter` of the facts that are asked for; most take a mapping, some their own.
    """
    return LangChainStore(store, filter_of)


class LangChainStore:
    """What `store_from_langchain` makes: a `Retriever` that can be written to."""

    def __init__(self, store: VectorStore, filter_of: Callable[[Facts], Any]) -> None:
        self.store = store
        self.filter_of = filter_of

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        """The nearest, best first. Their scores differ in kind, so a hit's is one over its place."""
        filtered = {"filter": self.filter_of(where)} if where else {}
        found = await self.store.asimilarity_search(query, k=limit, **filtered)
        return [hit_from_langchain(one, place) for place, one in enumerate(found, 1)]

    async def put(self, documents: Sequence[Document]) -> None:
        """Add documents under their ids."""
        theirs = list(documents_to_langchain(documents))
        await self.store.aadd_documents(theirs, ids=[one.id for one in documents])

    async def remove(self, documents: Sequence[str]) -> None:
        """Remove documents by their ids."""
        await self.store.adelete(list(documents))


def _ours(embedding: TheirEmbeddings, name: str, window: int) -> Embeddings:
    if isinstance(embedding, AgentkitEmbeddings):
        return embedding.embeddings
    if not name:
        raise UsageError(
            "an index is bound to a model of embeddings; give its name=, as 'text-embedding-3-small'"
        )
    return LangChainEmbeddings(embedding, name, window)
