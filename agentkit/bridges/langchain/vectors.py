"""LangChain's vector stores as ours: an index's own vectors are kept and found in any of theirs."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

from langchain_core.documents import Document as Theirs
from langchain_core.embeddings import Embeddings as TheirEmbeddings
from langchain_core.vectorstores import VectorStore

from agentkit.bridges.langchain.embeddings import AgentkitEmbeddings
from agentkit.core.documents import Chunk, Embeddings, Facts, Hit
from agentkit.core.errors import IndexUnusable, UsageError
from agentkit.retrieval.filters import value_text
from agentkit.retrieval.flat import DOCUMENT, flat, from_flat

FACT = "fact_"
"""Before the name of a fact in the metadata that a store keeps."""
AT_ONCE = 100
"""Documents whose pieces are looked for, to be removed, in one search."""
MOST_FOUND = 1000
"""Pieces that are removed at a time."""
_ASKED = "(the vector of a question)"
"""Stands for a question whose vector is there already."""

Wanted: TypeAlias = Mapping[str, Sequence[str]]
"""By name in the metadata, the values of which it must have one."""


def operators(wanted: Wanted) -> dict[str, Any]:
    """A filter of `$in` and `$and`, as Chroma, pgvector and Pinecone take it.

    >>> operators({"fact_year": ["2024"]})
    {'fact_year': {'$in': ['2024']}}
    """
    each = [{name: {"$in": list(values)}} for name, values in wanted.items()]
    return each[0] if len(each) == 1 else {"$and": each}


def vectors_from_langchain(
    make: Callable[[TheirEmbeddings], VectorStore],
    embeddings: Embeddings,
    *,
    name: str,
    filter_of: Callable[[Wanted], Any] = operators,
    product_of: Callable[[float], float] = float,
) -> "LangChainVectors":
    """One of LangChain's vector stores for the vectors of an index: `Index(store, how, copy=…)`.

    The store is given the vectors that the index has; nothing is embedded a second time.

    Args:
        make: Makes theirs, or opens it, with the embeddings that it is given. It has to keep what is added
            under an id that is there in its place, as their interface says of `add_documents`.
        embeddings: Those of the index.
        name: What tells this store from every other one, on whatever machine.
        filter_of: Makes its `filter`. Facts are asked for as texts under `fact_` and their names.
        product_of: The product of two vectors of length 1 from a score of theirs: itself for a cosine,
            `lambda d: 1 - d` for a cosine distance, `lambda d: 1 - d / 2` for the square of a distance.
    """
    return LangChainVectors(make(_Made(embeddings)), embeddings, name, filter_of, product_of)


class LangChainVectors:
    """What `vectors_from_langchain` makes: a `VectorStore`."""

    def __init__(
        self,
        store: VectorStore,
        embeddings: Embeddings,
        name: str,
        filter_of: Callable[[Wanted], Any],
        product_of: Callable[[float], float],
    ) -> None:
        self.store = store
        self.name = name
        self._embeddings = embeddings
        self._filter_of = filter_of
        self._product_of = product_of
        self._any: Sequence[float] | None = None

    async def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Keep pieces, each with its vector, all of one size and of length 1."""
        given = {chunk.text: vector for chunk, vector in zip(chunks, vectors, strict=True)}
        theirs = [Theirs(page_content=one.text, metadata=flat(one, FACT)) for one in chunks]
        before = _GIVEN.set(given)
        try:
            await self.store.aadd_documents(theirs, ids=[_id(one) for one in chunks])
        finally:
            _GIVEN.reset(before)

    async def remove(self, documents: Collection[str]) -> None:
        """Remove every piece of these documents, as far as there are any.

        Raises:
            IndexUnusable: the store says that it removed them, and has them still.
        """
        names = list(documents)
        for at in range(0, len(names), AT_ONCE):
            wanted = {DOCUMENT: names[at : at + AT_ONCE]}
            last: set[str] = set()
            while found := await self._nearest(await self._some(), MOST_FOUND, wanted):
                ids = {_id(chunk) for chunk, _ in found}
                if ids == last:
                    raise IndexUnusable(
                        f"{self.name} keeps what it was told to remove, as {found[0][0].document!r}"
                    )
                await self.store.adelete(sorted(ids))
                last = ids

    async def nearest(
        self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
    ) -> Sequence[Hit]:
        """The nearest pieces, as far as their store compares them all.

        Raises:
            UsageError: their scores rise from the best to the worst; `product_of` has to say what they are.
        """
        wanted = {FACT + name: [value_text(value)] for name, value in (where or {}).items()}
        hits = [
            Hit(chunk, self._product_of(score)) for chunk, score in await self._nearest(vector, limit, wanted)
        ]
        if any(one.score < other.score - 1e-6 for one, other in pairwise(hits)):
            raise UsageError(
                f"the scores of {self.name} rise from {hits[0].score:.3g}, for the best, to "
                f"{hits[-1].score:.3g}: they are distances; say with product_of= what product one stands for"
            )
        return hits

    async def _nearest(
        self, vector: Sequence[float], limit: int, wanted: Wanted
    ) -> list[tuple[Chunk, float]]:
        filtered = {"filter": self._filter_of(wanted)} if wanted else {}
        before = _GIVEN.set({_ASKED: vector})
        try:
            found = await self.store.asimilarity_search_with_score(_ASKED, k=limit, **filtered)
        finally:
            _GIVEN.reset(before)
        try:
            return [(from_flat(one.page_content, one.metadata), float(score)) for one, score in found]
        except KeyError as error:
            raise IndexUnusable(
                f"{self.name} holds something that is not ours, which says no {error}; "
                "give it a collection of its own"
            ) from error

    async def _some(self) -> Sequence[float]:
        """Any vector: what is looked for by its document has one."""
        if self._any is None:
            self._any = await self._embeddings.embed_query("any")
        return self._any


_GIVEN: ContextVar[Mapping[str, Sequence[float]]] = ContextVar(
    "the vectors of the texts in hand", default=MappingProxyType({})
)
"""Theirs are given texts only; LangChain passes this on to the threads it works in."""


class _Made(AgentkitEmbeddings):
    """Embeddings that give the vectors in hand; those of other texts, by which it sees a size, are made."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        given = _GIVEN.get()
        if all(text in given for text in texts):
            return [[float(one) for one in given[text]] for text in texts]
        return super().embed_documents(texts)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        given = _GIVEN.get()
        if all(text in given for text in texts):
            return [[float(one) for one in given[text]] for text in texts]
        return await super().aembed_documents(texts)

    def embed_query(self, text: str) -> list[float]:  # noqa: ARG002 - it stands for a vector
        return _asked_with()

    async def aembed_query(self, text: str) -> list[float]:  # noqa: ARG002
        return _asked_with()


def _asked_with() -> list[float]:
    try:
        return [float(one) for one in _GIVEN.get()[_ASKED]]
    except KeyError as error:
        raise UsageError(
            "this store is asked with vectors, by `nearest`; a text is not embedded here"
        ) from error


def _id(chunk: Chunk) -> str:
    """Of a piece at its place; a UUID, since some stores take nothing else."""
    place = f"{chunk.document}\0{chunk.start}\0{chunk.end}".encode("utf-8", "surrogatepass")
    return str(UUID(bytes=hashlib.sha256(place).digest()[:16], version=5))
