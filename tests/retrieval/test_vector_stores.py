"""What every store of vectors does, ours and Chroma's; Chroma's tests have a make target of their own."""

import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from agentkit.core.documents import Chunk, Document, Facts, Hit
from agentkit.core.errors import IndexUnusable, UsageError
from agentkit.retrieval.copies import copied
from agentkit.retrieval.filters import value_text
from agentkit.retrieval.flat import flat
from agentkit.retrieval.index import VECTORS, WORDS, Index
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.sync import sync
from agentkit.retrieval.vector_store import LocalVectors, VectorStore
from agentkit.retrieval.vectors import Vectors

from .doubles import WordBag, document
from .test_search import ENGLISH
from .test_store import unit

CHROMA = pytest.param("chroma", marks=pytest.mark.chroma)
KINDS = ["sqlite", CHROMA]


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[VectorStore]:
    if kind == "sqlite":
        with SqliteStore.open(folder / "i.db") as store:
            yield LocalVectors(store, Vectors(store))
        return
    from agentkit.retrieval.chroma import ChromaVectors

    with ChromaVectors.open(folder / "chroma") as store:
        yield store


def text(name: str, words: str, **facts: str | float | bool) -> Chunk:
    return Chunk(name, 0, len(words), words, (), "src", facts)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_added_is_found_by_its_vector_and_facts(kind: str, tmp_path: Path) -> None:
    rows = unit(np.random.default_rng(0), 50).tolist()
    chunks = [text(f"d{at}", f"text {at}", even=at % 2 == 0, third=at % 3) for at in range(50)]
    with opened(kind, tmp_path) as store:
        await store.add(chunks, rows)
        (hit,) = await store.nearest(rows[7], limit=1)
        assert hit.chunk == chunks[7]
        assert hit.score == pytest.approx(1, abs=1e-5)
        found = await store.nearest(rows[7], limit=50, where={"even": True, "third": 1})
        assert {hit.chunk.document for hit in found} == {f"d{at}" for at in range(50) if at % 6 == 4}
        assert await store.nearest(rows[7], where={"even": 1}) == []
        scores = [hit.score for hit in found]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_added_again_is_replaced_and_what_is_removed_is_gone(kind: str, tmp_path: Path) -> None:
    one, other = unit(np.random.default_rng(1), 2).tolist()
    with opened(kind, tmp_path) as store:
        await store.add([text("a", "text"), text("b", "text")], [one, one])
        await store.add([text("a", "text")], [other])
        hits = await store.nearest(other, limit=10)
        assert [hit.chunk.document for hit in hits] == ["a", "b"]
        await store.remove(["a", "never there"])
        assert [hit.chunk.document for hit in await store.nearest(other)] == ["b"]
    with opened(kind, tmp_path) as store:
        assert [hit.chunk.document for hit in await store.nearest(one)] == ["b"]


async def test_a_part_of_a_document_is_refused_by_what_keeps_whole_ones(tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as store, pytest.raises(UsageError, match=r"SqliteStore\.put"):
        await store.add([Chunk("a", 5, 9, "text")], [[1.0]])


class Remembering:
    """A store that keeps what it is told, and can die in the middle."""

    name = "remembering"

    def __init__(self) -> None:
        self.held: dict[tuple[str, int], Chunk] = {}
        self.dies = False
        self.calls = 0

    async def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        self.calls += 1
        self.held.update({(chunk.document, chunk.start): chunk for chunk in chunks})
        if self.dies:
            raise RuntimeError("killed before it was noted")

    async def remove(self, documents: Collection[str]) -> None:
        self.held = {key: chunk for key, chunk in self.held.items() if key[0] not in documents}

    async def nearest(
        self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
    ) -> Sequence[Hit]:
        return []


async def test_a_copy_follows_the_index_also_when_it_was_cut_off(tmp_path: Path) -> None:
    other = Remembering()
    with Index.open(tmp_path / "i.db", WordBag()) as index:

        async def same() -> bool:
            ids = index.vectors.current().ids.tolist()
            return sorted(other.held) == sorted((c.document, c.start) for c in index.store.chunks(ids))

        await sync(Documents("all", ENGLISH[:30]), index)
        assert await copied(index.store, other) == index.store.counts().chunks
        assert await same()
        calls = other.calls
        assert await copied(index.store, other) == 0
        assert other.calls == calls
        changed = document(ENGLISH[3].id, "words " * 60 + "\n\nA zeppelin.")
        documents = [changed if one.id == changed.id else one for one in ENGLISH[1:32]]
        await sync(Documents("all", documents), index)
        other.dies = True
        with pytest.raises(RuntimeError):
            await copied(index.store, other)
        other.dies = False
        await sync(Documents("all", [document(ENGLISH[3].id, "short"), *ENGLISH[4:34]]), index)
        await copied(index.store, other)
        assert await same()


class Comparing(Remembering):
    """A store that finds what has the facts in what it was given, as others do by what `flat` makes."""

    async def nearest(
        self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
    ) -> Sequence[Hit]:
        said = [(one, flat(one, "fact ")) for one in self.held.values()]
        asked = {f"fact {name}": value_text(value) for name, value in (where or {}).items()}
        return [Hit(one, 1.0) for one, facts in said if asked.items() <= facts.items()][:limit]


async def test_a_copy_has_every_fact_that_the_index_can_be_asked_for(tmp_path: Path) -> None:
    plain = Document("plain", "a lamp", "a.txt", "text/plain", {"year": 2024})
    with Index.open(tmp_path / "i.db", WordBag()) as index:
        await sync(Documents("all", [plain, document("marked", "a lamp as well", year=2025)]), index)
        both = Index(index.store, index.how, copy=Comparing(), weights={WORDS: 0})
        for where in ({"media_type": "text/plain"}, {"source": "a.txt"}, {"year": 2024}):
            hits = await both.retrieve("lamp", where=where)
            assert [hit.chunk.document for hit in hits] == ["plain"]
            assert hits[0].chunk.metadata == {"year": 2024}


@pytest.mark.chroma
async def test_an_index_searches_its_copy_in_chroma_and_finds_the_same(tmp_path: Path) -> None:
    from agentkit.retrieval.chroma import ChromaVectors

    with Index.open(tmp_path / "i.db", WordBag()) as index, ChromaVectors.open(tmp_path / "c") as chroma:
        await sync(Documents("all", ENGLISH), index)
        both = Index(index.store, index.how, copy=chroma)
        for question in ("river lamp", "the bridge", "winter"):
            mine, theirs = await index.explain(question), await both.explain(question)
            assert [one.hit.chunk for one in mine.hits[:3]] == [one.hit.chunk for one in theirs.hits[:3]]
            assert VECTORS in {rank.leg for one in theirs.hits for rank in one.ranks}
        assert await chroma.count() == index.store.counts().chunks
        await sync(Documents("all", ENGLISH[5:]), index)
        await both.retrieve("river")
        assert await chroma.count() == index.store.counts().chunks


@pytest.mark.chroma
def test_chroma_is_open_in_one_process_only(tmp_path: Path) -> None:
    from agentkit.retrieval.chroma import ChromaVectors

    program = f"from agentkit.retrieval.chroma import ChromaVectors; ChromaVectors.open({str(tmp_path)!r})"
    with ChromaVectors.open(tmp_path):
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "another process has the Chroma store" in other.stderr
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.chroma
def test_a_foreign_folder_is_not_opened(tmp_path: Path) -> None:
    import chromadb

    from agentkit.retrieval.chroma import ChromaVectors

    chromadb.PersistentClient(str(tmp_path)).create_collection("theirs", embedding_function=None)
    with pytest.raises(IndexUnusable, match="holds something that is not ours"):
        ChromaVectors.open(tmp_path)


@pytest.mark.chroma
def test_chroma_sends_nothing_and_loads_no_function(tmp_path: Path) -> None:
    from agentkit.retrieval.chroma import ChromaVectors

    with ChromaVectors.open(tmp_path) as store:
        assert store._client.get_settings().anonymized_telemetry is False
        assert store._collection._embedding_function is None
