"""Real vector stores of LangChain's behind our indexes: Qdrant and Chroma, in folders of this machine."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromadb.config import Settings
from langchain_chroma import Chroma
from langchain_core.documents import Document as Theirs
from langchain_core.embeddings import Embeddings as TheirEmbeddings
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient, models

from agentkit.bridges.langchain import LangChainVectors, store_from_langchain, vectors_from_langchain
from agentkit.core.documents import Chunk, Document
from agentkit.core.errors import IndexUnusable, UsageError
from agentkit.retrieval.index import VECTORS, Index
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.sync import sync
from agentkit.retrieval.vector_store import VectorStore as OurVectorStore
from tests.retrieval.doubles import SIZE, WordBag, document

pytestmark = pytest.mark.langchain


@contextmanager
def qdrant(folder: Path, embeddings: WordBag) -> Iterator[LangChainVectors]:
    with closing(QdrantClient(path=str(folder))) as client:
        if not client.collection_exists("pieces"):
            sizes = models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
            client.create_collection("pieces", vectors_config=sizes)

        def made(theirs: TheirEmbeddings) -> VectorStore:
            return QdrantVectorStore(client, "pieces", theirs)

        yield vectors_from_langchain(made, embeddings, name="qdrant", filter_of=conditions)


def conditions(wanted: Any) -> models.Filter:
    return models.Filter(
        must=[
            models.FieldCondition(key=f"metadata.{name}", match=models.MatchAny(any=list(values)))
            for name, values in wanted.items()
        ]
    )


@contextmanager
def chroma(folder: Path, embeddings: WordBag) -> Iterator[LangChainVectors]:
    settings = Settings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder))

    def made(theirs: TheirEmbeddings) -> VectorStore:
        return Chroma(
            "pieces",
            theirs,
            client_settings=settings,
            persist_directory=str(folder),
            collection_metadata={"hnsw:space": "cosine"},
        )

    # its filters are mappings, as they are made by themselves
    yield vectors_from_langchain(made, embeddings, name="chroma", product_of=lambda distance: 1 - distance)


Opened = Callable[[Path, WordBag], Any]
STORES = [pytest.param(qdrant, id="qdrant"), pytest.param(chroma, id="chroma")]


def rows(seed: int, count: int) -> list[list[float]]:
    found = np.random.default_rng(seed).normal(size=(count, SIZE))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).tolist()


def piece(name: str, words: str, start: int = 0, **facts: str | float | bool) -> Chunk:
    return Chunk(name, start, start + len(words), words, ("One", "Two"), "src", facts)


@pytest.mark.parametrize("opened", STORES)
async def test_what_is_added_is_found_by_its_vector_and_facts_and_as_it_was(
    opened: Opened, tmp_path: Path
) -> None:
    embeddings = WordBag()
    vectors = rows(0, 50)
    chunks = [piece(f"d{at}", f"text {at}", even=at % 2 == 0, third=at % 3) for at in range(50)]
    with opened(tmp_path / "s", embeddings) as made:
        store: OurVectorStore = made
        before = len(embeddings.embedded)  # of a text that the store looked at the size of
        await store.add(chunks, vectors)
        (hit,) = await store.nearest(vectors[7], limit=1)
        assert hit.chunk == chunks[7]
        assert hit.score == pytest.approx(1, abs=1e-5)
        scores = {hit.chunk.document: hit.score for hit in await store.nearest(vectors[7], limit=50)}
        products = np.asarray(vectors) @ np.asarray(vectors[7])
        assert scores == {f"d{at}": pytest.approx(products[at], abs=1e-5) for at in range(50)}
        found = await store.nearest(vectors[7], limit=50, where={"even": True, "third": 1})
        assert {hit.chunk.document for hit in found} == {f"d{at}" for at in range(50) if at % 6 == 4}
        # a truth is no number, and a number no text
        assert await store.nearest(vectors[7], where={"even": 1}) == []
        assert await store.nearest(vectors[7], where={"third": "1"}) == []
        assert len(embeddings.embedded) == before


@pytest.mark.parametrize("opened", STORES)
async def test_what_is_added_again_is_replaced_and_what_is_removed_is_gone_also_after_it_was_closed(
    opened: Opened, tmp_path: Path
) -> None:
    one, other = rows(1, 2)
    with opened(tmp_path / "s", WordBag()) as store:
        await store.add([piece("a", "text"), piece("b", "text"), piece("b", "more", 9)], [one, one, one])
        await store.add([piece("a", "text")], [other])
        hits = await store.nearest(other)
        assert [hit.chunk.document for hit in hits] == ["a", "b", "b"]
    with opened(tmp_path / "s", WordBag()) as store:
        await store.remove(["b", "never there"])
        assert [hit.chunk.document for hit in await store.nearest(one)] == ["a"]
        await store.remove([])
        await store.remove(["a"])
        assert await store.nearest(one) == []


@pytest.mark.parametrize("opened", STORES)
async def test_a_document_of_more_pieces_than_are_removed_at_a_time_is_removed_whole(
    opened: Opened, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("agentkit.bridges.langchain.vectors.MOST_FOUND", 10)
    vectors = rows(2, 35)
    with opened(tmp_path / "s", WordBag()) as store:
        await store.add([piece("a", f"text {at}", at * 10) for at in range(34)], vectors[:34])
        await store.add([piece("b", "text")], vectors[34:])
        await store.remove(["a"])
        assert [hit.chunk.document for hit in await store.nearest(vectors[0], limit=100)] == ["b"]


WORDS = ["river", "bridge", "lamp", "winter", "harbour", "letter", "garden", "violin"]
NOTES = [
    document(f"n{number}", f"The {one} by the {other}. A note about {one}, number {number}.", half=number % 2)
    for number, (one, other) in enumerate((one, other) for one in WORDS for other in WORDS)
]


@pytest.mark.parametrize("opened", STORES)
async def test_an_index_searches_its_copy_there_finds_the_same_and_it_follows(
    opened: Opened, tmp_path: Path
) -> None:
    bag = WordBag()
    with Index.open(tmp_path / "i.db", bag) as index, opened(tmp_path / "s", bag) as store:
        both = Index(index.store, index.how, copy=store)

        async def same(question: str, where: dict[str, Any] | None = None, first: int = 3) -> None:
            mine, theirs = [await one.explain(question, where=where) for one in (index, both)]
            assert [hit.hit.chunk for hit in theirs.hits[:first]] == [
                hit.hit.chunk for hit in mine.hits[:first]
            ]
            assert not theirs.failed
            assert VECTORS in {rank.leg for hit in theirs.hits for rank in hit.ranks}

        async def held() -> set[str]:
            every = await store.nearest(await bag.embed_query("note"), limit=500)
            return {hit.chunk.document for hit in every}

        await sync(Documents("all", NOTES), index)
        await same("river lamp")
        await same("the bridge", {"half": 1})
        assert await held() == {note.id for note in NOTES}
        changed = document("n9", "A zeppelin over the roofs.", half=1)
        await sync(Documents("all", [changed, *NOTES[10:]]), index, allow_shrink=True)
        await same("a zeppelin over the roofs", first=1)  # all others are equally far
        assert await held() == {"n9", *(note.id for note in NOTES[10:])}
        embedded = len(bag.embedded)
        await sync(Documents("all", [changed, *NOTES[10:]]), index)
        await both.retrieve("river")
        assert [text for text in bag.embedded[embedded:] if "note" in text] == []


async def test_a_store_that_holds_something_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    with qdrant(tmp_path / "s", WordBag()) as store:
        store.store.add_documents([Theirs("a stranger's text")])
        with pytest.raises(
            IndexUnusable, match="qdrant holds something that is not ours, which says no 'document'"
        ):
            await store.nearest(rows(0, 1)[0])
        with pytest.raises(UsageError, match="asked with vectors, by `nearest`"):
            store.store.similarity_search("a text")


async def test_distances_that_are_taken_for_products_are_refused() -> None:
    store = vectors_from_langchain(lambda theirs: Far(theirs), WordBag(), name="far")
    vectors = rows(3, 4)
    await store.add([piece(f"d{at}", f"text {at}") for at in range(4)], vectors)
    with pytest.raises(UsageError, match=r"the scores of far rise from .* say with product_of="):
        await store.nearest(vectors[0])


class Far(InMemoryVectorStore):
    """Scores by distance, as FAISS does."""

    def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Theirs, float]]:
        return [(one, 1 - score) for one, score in super().similarity_search_with_score(*args, **kwargs)]

    async def asimilarity_search_with_score(self, *args: Any, **kwargs: Any) -> list[tuple[Theirs, float]]:
        return self.similarity_search_with_score(*args, **kwargs)


@pytest.mark.parametrize("opened", STORES)
async def test_the_same_stores_serve_as_retrievers_of_texts(opened: Opened, tmp_path: Path) -> None:
    """Theirs with embeddings of their own: what `store_from_langchain` is for."""
    from agentkit.bridges.langchain import embeddings_to_langchain

    with opened(tmp_path / "s", WordBag()) as made:
        theirs = made.store
        if isinstance(theirs, Chroma):
            theirs._embedding_function = embeddings_to_langchain(WordBag())
        else:
            theirs._embeddings = embeddings_to_langchain(WordBag())
        store = store_from_langchain(theirs, filter_of=plain(theirs))
        first, second = "0b9c6b0e-0000-4000-8000-000000000001", "0b9c6b0e-0000-4000-8000-000000000002"
        await store.put(
            [
                Document(first, "The boat is red.", "a.md", metadata={"n": 1}),
                Document(second, "Taxes are due.", "b.md", metadata={"n": 2}),
            ]
        )
        (hit, _) = await store.retrieve("boat red", limit=2)
        assert (hit.chunk.document, hit.chunk.source, hit.chunk.metadata) == (first, "a.md", {"n": 1})
        assert [one.chunk.document for one in await store.retrieve("boat", where={"n": 2})] == [second]
        await store.put([Document(first, "The boat is blue.", "a.md", metadata={"n": 1})])
        (hit,) = await store.retrieve("boat", where={"n": 1})
        assert hit.chunk.text == "The boat is blue."
        await store.remove([first])
        assert [one.chunk.document for one in await store.retrieve("boat red")] == [second]


def plain(store: VectorStore) -> Callable[[Any], Any]:
    if isinstance(store, Chroma):
        return dict
    return lambda where: models.Filter(
        must=[
            models.FieldCondition(key=f"metadata.{name}", match=models.MatchValue(value=value))
            for name, value in where.items()
        ]
    )
