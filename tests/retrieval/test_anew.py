"""An index made anew takes the place of the old one in one moment, whole, or not at all."""

import asyncio
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.assembly.indexes import folder_source
from agentkit.core.errors import IndexDiffers, IndexUnusable, IndexWouldShrink, ModelError
from agentkit.retrieval.anew import anew_path, made_anew
from agentkit.retrieval.copies import copied
from agentkit.retrieval.forgetting import forget
from agentkit.retrieval.index import VECTORS, Index
from agentkit.retrieval.reading import reading
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.sync import sync
from agentkit.retrieval.vector_store import LocalVectors
from agentkit.retrieval.vectors import Vectors

from .doubles import WordBag, document, entry, filled
from .test_search import ENGLISH
from .test_sync import folder_of

REMAKING = Path(__file__).parent / "remaking.py"


def ids_of(store: SqliteStore) -> list[int]:
    return [id_ for (id_,) in store.database.all("SELECT id FROM chunks ORDER BY id")]


def files_of(folder: Path, holding: bytes = b"") -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.is_file() and holding in file.read_bytes())


def worker_of(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(REMAKING), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


async def names(index: Index, query: str) -> list[str]:
    return [Path(hit.chunk.document).name for hit in await index.retrieve(query, limit=3)]


async def test_everything_is_there_in_the_new_way_from_its_sources_and_from_what_was_held(
    tmp_path: Path,
) -> None:
    one, two = folder_of(tmp_path / "one", 3), folder_of(tmp_path / "two", 3, seed=1)
    path = tmp_path / "i.db"
    with Index.open(path) as index:
        for folder in (one, two):
            await sync(folder_source(folder), index)
        index.store.put([entry(document("by hand", "a zeppelin over the lake", year=1930), index.how)])
        last = max(ids_of(index.store))
    (one / "note001.md").write_text("# Another\n\nNow there is a submarine in it.")
    for file in two.iterdir():
        file.unlink()  # the disk of the second is not there today
    bag = WordBag()
    with SqliteStore.open(path) as store:
        done = await made_anew(store, reading(bag), folder_source(one))
        assert {Path(one.plan.source).name: len(one.plan.new) for one in done} == {"": 1, "one": 3, "two": 3}
        assert min(ids_of(store)) > last  # no piece is taken for another that had its id
    with Index.open(path, bag) as index:
        counts = index.store.counts()
        assert (counts.documents, counts.vectors) == (7, counts.chunks)
        assert index.store.origins() == {"": 1, str(one): 3, str(two): 3}
        for query, name in (("only2x1", "note002.md"), ("submarine", "note001.md"), ("zeppelin", "by hand")):
            assert (await names(index, query))[0] == name
        assert [hit.chunk.document for hit in await index.retrieve("lake", where={"year": 1930})] == [
            "by hand"
        ]
        ranks = (await index.explain("zeppelin over the lake")).hits[0].ranks
        assert VECTORS in [rank.leg for rank in ranks]
        again = await sync(folder_source(one), index)
        assert (again.plan.unchanged, again.chunks) == (3, 0)
    assert files_of(tmp_path) == ["i.db"]


async def test_whoever_searches_finds_the_old_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    with filled(path, *ENGLISH) as reader, SqliteStore.open(path) as store:
        before = await names(reader, "river lamp")
        found: list[list[str]] = []

        class Slow(WordBag):
            async def embed_documents(self, texts):
                found.append(await names(reader, "river lamp"))
                return await super().embed_documents(texts)

        bag = Slow()
        await made_anew(store, reading(bag))
        assert found == [before] * len(found) != []
        with pytest.raises(IndexDiffers, match="embeddings 'bag' instead of 'none'"):
            await reader.retrieve("river lamp")
        with pytest.raises(IndexDiffers):  # nor does it write what it made in the old way
            await sync(Documents("late", [document("late", "a late note")]), reader)
    with Index.open(path, bag) as index:
        assert await names(index, "river lamp")


async def test_a_process_that_is_killed_leaves_the_old_and_the_next_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    with filled(path, *ENGLISH[:30]) as index:
        want = await names(index, "river lamp")
    worker = worker_of(path)
    assert worker.stdin is not None
    assert worker.stdout is not None
    killed = 0
    with worker:
        for statements in range(8, 2000, 8):
            worker.stdin.write(f"{statements}\n")
            worker.stdin.flush()
            if worker.stdout.readline() == "ended\n":
                break
            killed += 1
            with SqliteStore.open(path) as store:
                done = store.making == reading(WordBag()).making
            if done:
                break  # it was killed after the switch
            with Index.open(path) as index:
                assert await names(index, "river lamp") == want
                assert index.store.counts().vectors == 0
        worker.stdin.close()
    assert killed > 10
    bag = WordBag()
    with Index.open(path, bag) as index:
        assert index.store.counts().documents == 30
        assert index.store.counts().vectors == index.store.counts().chunks == 30
        assert (await index.explain("river lamp")).hits[0].ranks


async def test_what_was_made_before_a_failure_is_not_made_again(tmp_path: Path) -> None:
    class Fails(WordBag):
        async def embed_documents(self, texts):
            if len(self.embedded) > 20:
                raise ModelError("the server is gone")
            return await super().embed_documents(texts)

    path = tmp_path / "i.db"
    sources = [Documents(f"s{at}", ENGLISH[at * 20 : at * 20 + 20]) for at in range(3)]
    with Index.open(path) as index:
        for source in sources:
            await sync(source, index)
    with SqliteStore.open(path) as store:
        with pytest.raises(ModelError):
            await made_anew(store, reading(Fails()))
        assert anew_path(store).exists()
        bag = WordBag()
        await made_anew(store, reading(bag))
        assert len(bag.embedded) == 20
        assert not anew_path(store).exists()


async def test_the_same_model_is_asked_for_no_vector_twice(tmp_path: Path) -> None:
    with Index.open(tmp_path / "i.db", bag := WordBag()) as index:
        await sync(Documents("all", ENGLISH[:6]), index)
        before = index.store.database.all("SELECT vector FROM vectors ORDER BY chunk")
        bag.embedded.clear()
        (done,) = await made_anew(index.store, reading(bag))
        assert (done.embedded, bag.embedded) == (0, [])
        assert index.store.database.all("SELECT vector FROM vectors ORDER BY chunk") == before
        await made_anew(index.store, reading(other := WordBag("another bag")))
        assert len(other.embedded) == 6


async def test_a_source_that_lost_much_is_refused_and_the_index_stays(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", 4)
    with Index.open(tmp_path / "i.db") as index:
        await sync(folder_source(folder), index)
    for file in folder.iterdir():
        file.unlink()
    with SqliteStore.open(tmp_path / "i.db") as store:
        with pytest.raises(IndexWouldShrink, match="4 of the 4 documents"):
            await made_anew(store, reading(), folder_source(folder))
        assert store.counts().documents == 4
        await made_anew(store, reading(), folder_source(folder), allow_shrink=True)
        assert store.counts().documents == 0


async def test_what_another_process_changes_meanwhile_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    with filled(path, *ENGLISH[:20]) as other, SqliteStore.open(path) as store:

        class Meanwhile(WordBag):
            async def embed_documents(self, texts):
                if not self.embedded:
                    other.store.remove(["en0"])
                    other.store.put([entry(document("new", "a zeppelin"), other.how)])
                return await super().embed_documents(texts)

        await made_anew(store, reading(bag := Meanwhile()))
    with Index.open(path, bag) as index:
        held = index.store.digests()
        assert ("new" in held, "en0" in held, len(held)) == (True, False, 20)


async def test_two_do_not_make_it_anew_at_once(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    with filled(path, *ENGLISH[:5]), SqliteStore.open(path) as one, SqliteStore.open(path) as two:

        class Long(WordBag):
            async def embed_documents(self, texts):
                with pytest.raises(IndexUnusable, match="another process is making"):
                    await made_anew(two, reading())
                assert not forget(two, []).complete  # its texts are in what is being made
                return await super().embed_documents(texts)

        await made_anew(one, reading(Long()))
        assert forget(two, []).complete


async def test_a_forgotten_text_is_not_left_in_what_a_killed_process_made(tmp_path: Path) -> None:
    class Fails(WordBag):
        async def embed_query(self, text):
            raise ModelError("the server is gone")

    path = tmp_path / "i.db"
    with filled(path, document("secret", "the xylophone code"), *ENGLISH) as index:
        with pytest.raises(ModelError):
            await made_anew(index.store, reading(Fails()))
        assert b"xylophone" in anew_path(index.store).read_bytes()
        assert forget(index.store, ["secret"]).complete
    assert files_of(tmp_path, holding=b"xylophone") == []


async def test_a_copy_follows_an_index_that_was_made_anew(tmp_path: Path) -> None:
    bag = WordBag()
    with Index.open(tmp_path / "i.db", bag) as index, SqliteStore.open(tmp_path / "copy.db") as other:
        await sync(Documents("all", ENGLISH[:6]), index)
        copy = LocalVectors(other, Vectors(other))
        await copied(index.store, copy)
        await made_anew(index.store, reading(bag))
        await copied(index.store, copy)
        assert other.counts().documents == 6


async def test_vectors_that_were_in_memory_are_not_taken_for_those_made_anew(tmp_path: Path) -> None:
    class Reversed(WordBag):
        def _vector(self, text):
            return super()._vector(text)[::-1]

    path = tmp_path / "i.db"
    with filled(path, *ENGLISH) as index, SqliteStore.open(path) as store:
        vectors = Vectors(store)
        await made_anew(index.store, reading(WordBag()))
        assert len(vectors.current()) == len(ENGLISH)
        await made_anew(index.store, reading(Reversed("other bag")))
        now = vectors.current()
        assert now.ids.tolist() == ids_of(store)
        held = store.database.all("SELECT vector FROM vectors ORDER BY chunk")
        assert now.rows.tobytes() == b"".join(vector for (vector,) in held)


def test_the_error_names_a_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "i.db"
    with filled(path, *ENGLISH[:2]):
        pass
    with pytest.raises(IndexDiffers) as raised:
        Index.open(path, WordBag("local:mine@01234567"))
    command = shlex.split(str(raised.value).rpartition("make it anew: ")[2])
    assert command == [
        "agentkit", "index", "--anew", "--index", str(path), "--embeddings", "local:mine",
    ]  # fmt: skip
    asyncio.run(_made(path))


async def _made(path: Path) -> None:
    with SqliteStore.open(path) as store:
        await made_anew(store, reading(WordBag("local:mine@01234567")))
    with Index.open(path, WordBag("local:mine@01234567")) as index:
        assert index.store.counts().documents == 2
