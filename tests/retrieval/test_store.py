"""One file is the truth: what is in it is found, what is not is gone, and everybody sees the same."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from agentkit.core.documents import Chunk
from agentkit.core.errors import CorruptIndex, IndexDiffers, UsageError
from agentkit.retrieval.forgetting import forget
from agentkit.retrieval.making import Making
from agentkit.retrieval.reading import reading
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.vectors import Vectors
from agentkit.retrieval.words import by_words
from agentkit.retrieval.writing import Entry, Piece

from .doubles import document, entry, filled

PLAN = document("plan.md", "# Plan\n\nThe port is 8080.\n\n## Budget\n\nPaper costs 40 dollars.", year=2024)
ZH = document("故宫.md", "故宫位于北京市中心。它建于1420年。", year=2023)


def unit(rng: np.random.Generator, count: int, size: int = 96) -> np.ndarray:
    rows = rng.normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def with_vectors(store: SqliteStore, rows: np.ndarray, first: int = 0, **facts: int) -> None:
    """A document of one piece for each row; its fact `tenth` is its number's last digit."""
    entries = []
    for number, row in enumerate(rows, first):
        of = document(f"d{number}", f"text number {number}", tenth=number % 10, **facts)
        entries.append(Entry(of, [Piece(Chunk(of.id, 0, len(of.text), of.text), of.text.split(), row)]))
    store.put(entries)


async def test_words_are_found_in_english_and_chinese(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PLAN, ZH) as index:
        assert [hit.chunk.document for hit in await index.retrieve("ports")] == ["plan.md"]
        assert [hit.chunk.document for hit in await index.retrieve("故宫建于哪一年？")] == ["故宫.md"]


async def test_a_chunk_comes_back_as_it_went_in(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PLAN) as index:
        (hit,) = await index.retrieve("paper")
    chunk = hit.chunk
    assert PLAN.text[chunk.start : chunk.end] == chunk.text
    assert chunk.source == "plan.md"
    assert chunk.metadata == {"year": 2024}


async def test_a_document_that_is_put_again_takes_the_place_of_the_old(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PLAN) as index:
        index.store.put([entry(document("plan.md", "The port is 9090."), index.how)])
        assert not await index.retrieve("dollars")
        assert "9090" in (await index.retrieve("port"))[0].chunk.text
        assert index.store.counts().documents == 1


async def test_facts_are_asked_for_by_their_type(tmp_path: Path) -> None:
    true = document("true", "a lamp", flag=True, price=3.0)
    one = document("one", "a lamp", flag=1, price="3")
    with filled(tmp_path / "i.db", true, one) as index:

        async def found(**where: str | float | bool) -> list[str]:
            return sorted(hit.chunk.document for hit in await index.retrieve("lamp", where=where))

        assert await found(flag=True) == ["true"]
        assert await found(flag=1) == ["one"]
        assert await found(price=3) == ["true"]
        assert await found(price="3", flag=1) == ["one"]
        assert await found(price="3", flag=True) == []
        assert await found(source="one") == ["one"]


async def test_a_piece_may_have_facts_of_its_own_but_not_change_its_documents(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db") as index:
        of = document("a", "first page second page", year=2024)
        first = Piece(Chunk("a", 0, 10, "first page", metadata={"year": 2024, "page": 1}), ["page"])
        second = Piece(Chunk("a", 11, 22, "second page", metadata={"page": 2}), ["page"])
        index.store.put([Entry(of, [first, second])])
        (hit,) = await index.retrieve("page", where={"page": 2, "year": 2024})
        assert (hit.chunk.text, hit.chunk.metadata) == ("second page", {"year": 2024, "page": 2})
        wrong = Piece(Chunk("a", 0, 10, "first page", metadata={"year": 1}), ["page"])
        with pytest.raises(UsageError, match="may add facts, not change them"):
            index.store.put([Entry(of, [wrong])])
        assert len(await index.retrieve("page")) == 2


def test_a_piece_with_a_span_that_is_not_its_own_is_refused(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "i.db") as store:
        of = document("a", "one two three")
        with pytest.raises(UsageError, match="is not what 'a' holds there"):
            store.put([Entry(of, [Piece(Chunk("a", 1, 4, "one"), ["one"])])])
        assert store.counts().documents == 0


def test_terms_are_found_whatever_characters_they_have(tmp_path: Path) -> None:
    odd = ["c++", 'a"b', "naïve", "हिन्दी", "AND", "x*", "🙂", "(", "it's", "ﬁ", "-"]
    with SqliteStore.open(tmp_path / "i.db") as store:
        for number, term in enumerate(odd):
            of = document(str(number), "x")
            store.put([Entry(of, [Piece(Chunk(of.id, 0, 1, "x"), [term])])])
        for number, term in enumerate(odd):
            (found,) = by_words(store, [term], 10)
            assert store.chunks([found[0]])[0].document == str(number), term


def test_a_very_long_question_is_answered(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "i.db") as store:
        of = document("a", "x")
        store.put([Entry(of, [Piece(Chunk("a", 0, 1, "x"), ["w7"])])])
        assert len(by_words(store, [f"w{number}" for number in range(5000)], 10)) == 1


@pytest.mark.parametrize("count", [300, 2500])
def test_the_nearest_vectors_are_exact_also_after_changes_and_from_the_file(
    tmp_path: Path, count: int
) -> None:
    rng = np.random.default_rng(count)
    rows = unit(rng, count)
    with SqliteStore.open(tmp_path / "i.db") as store:
        with_vectors(store, rows)
        vectors = Vectors(store)

        def agrees(vectors: Vectors, alive: np.ndarray) -> None:
            for query in unit(rng, 5):
                scores = rows[alive] @ query
                best = [f"d{alive[at]}" for at in np.argsort(-scores)[:10]]
                found = vectors.nearest(query.tolist(), 10)
                assert [chunk.document for chunk in store.chunks([id_ for id_, _ in found])] == best

        agrees(vectors, np.arange(count))
        store.remove(["d0", "d7", f"d{count - 1}"])
        alive = np.setdiff1d(np.arange(count), [0, 7, count - 1])
        agrees(vectors, alive)
        assert (tmp_path / "i.db.vectors").exists() == (count > 2000)
        rows = np.concatenate([rows, unit(rng, 50)])
        with_vectors(store, rows[count:], first=count)
        agrees(vectors, np.append(alive, np.arange(count, count + 50)))
        agrees(Vectors(store), np.append(alive, np.arange(count, count + 50)))


def test_filtered_vectors_are_the_nearest_of_those_that_have_the_facts(tmp_path: Path) -> None:
    rows = unit(np.random.default_rng(1), 500)
    with SqliteStore.open(tmp_path / "i.db") as store:
        with_vectors(store, rows, all=1)
        vectors = Vectors(store)
        for where, some in (({"tenth": 3}, np.arange(3, 500, 10)), ({"all": 1}, np.arange(500))):
            found = vectors.nearest(rows[42].tolist(), 5, where)
            best = some[np.argsort(-(rows[some] @ rows[42]))[:5]]
            assert [c.document for c in store.chunks([i for i, _ in found])] == [f"d{n}" for n in best]
        assert vectors.nearest(rows[0].tolist(), 5, {"tenth": "3"}) == []


def test_of_many_the_likeliest_are_compared_and_hardly_any_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentkit.retrieval.matrix.EXACT", 1000)
    rng = np.random.default_rng(2)
    centres = unit(rng, 30)
    rows = centres[rng.integers(0, 30, 4000)] + 0.4 * unit(rng, 4000)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    with SqliteStore.open(tmp_path / "i.db") as store:
        with_vectors(store, rows[:3000])
        vectors = Vectors(store)
        assert vectors.current().codes is not None
        with_vectors(store, rows[3000:], first=3000)
        for one in (vectors, Vectors(store)):
            hits = 0
            for query in rows[::200]:
                best = {f"d{at}" for at in np.argsort(-(rows @ query))[:10]}
                found = store.chunks([id_ for id_, _ in one.nearest(query.tolist(), 10)])
                hits += len(best & {chunk.document for chunk in found})
            assert hits >= 0.97 * 10 * len(rows[::200])


def test_a_file_of_vectors_that_is_damaged_or_of_another_index_is_made_again(tmp_path: Path) -> None:
    rows = unit(np.random.default_rng(3), 2100)
    with SqliteStore.open(tmp_path / "i.db") as store:
        with_vectors(store, rows)
        expected = Vectors(store).nearest(rows[5].tolist(), 3)
        file = tmp_path / "i.db.vectors"
        whole = file.read_bytes()
        for damaged in (b"", whole[:100], whole[:-1], b"x" * len(whole), whole[:20] + b"x" + whole[21:]):
            file.write_bytes(damaged)
            assert Vectors(store).nearest(rows[5].tolist(), 3) == expected
            assert file.read_bytes() == whole


def test_a_vector_of_another_size_is_refused(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "i.db") as store:
        with_vectors(store, unit(np.random.default_rng(4), 3))
        with pytest.raises(UsageError, match="a vector of 3 numbers cannot be compared"):
            Vectors(store).nearest([1.0, 0.0, 0.0], 1)


def test_an_open_reader_finds_what_another_writes(tmp_path: Path) -> None:
    rows = unit(np.random.default_rng(5), 3500)
    path = tmp_path / "i.db"
    with SqliteStore.open(path) as writer, SqliteStore.open(path) as reader:
        with_vectors(writer, rows[:500])
        vectors = Vectors(reader)
        vectors.nearest(rows[0].tolist(), 1)
        with_vectors(writer, rows[500:], first=500)
        Vectors(writer).nearest(rows[0].tolist(), 1)
        for number in range(500, 3500, 37):
            (found,) = vectors.nearest(rows[number].tolist(), 1)
            assert reader.chunks([found[0]])[0].document == f"d{number}"


def test_no_byte_of_a_forgotten_document_is_left(tmp_path: Path) -> None:
    secret = "xylophonist's quarterdeck zwieback"
    rng = np.random.default_rng(6)
    rows = unit(rng, 2200)
    how = reading()
    with SqliteStore.open(tmp_path / "i.db") as store:
        with_vectors(store, rows)
        of = document("secret", f"{secret}. " * 3, owner="ombudsperson")
        vector = unit(rng, 1)[0]
        store.put([entry(of, how, [vector] * len(how.pieces(of)))])
        store.put([entry(document("other", "nothing special here"), how, [rows[0]])])
        Vectors(store).nearest(rows[0].tolist(), 1)
        parts = vector.tobytes()[:64], vector.tobytes()[-64:]
        needles = [
            secret.encode(), b"uarterdeck", b"wieback", b"ombudsperson", *parts
        ]  # fmt: skip

        def left() -> int:
            everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
            return sum(everything.count(needle) for needle in needles)

        assert left() > 5
        done = forget(store, ["secret", "never there"])
        assert (done.documents, done.complete) == (1, True)
        assert left() == 0
        assert by_words(store, how.terms("zwieback"), 5) == []
        assert Vectors(store).nearest(rows[7].tolist(), 1)[0][1] == pytest.approx(1)


def test_forgetting_says_when_another_keeps_the_log_from_being_emptied(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PLAN, ZH) as index, SqliteStore.open(tmp_path / "i.db") as reader:
        index.store.database.connection.execute("PRAGMA busy_timeout=100")
        with reader.snapshot():
            reader.counts()
            assert not forget(index.store, ["plan.md"]).complete
        assert forget(index.store, []).complete


def test_what_was_made_otherwise_is_refused_and_left_alone(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PLAN) as index:
        other = Making("split-2/512/32", index.how.making.analyser, "minilm")
        with pytest.raises(IndexDiffers, match=r"splitter .* embeddings .*agentkit index --anew --index "):
            index.store.make(other)
        with pytest.raises(IndexDiffers):
            index.store.put([], making=other)
        assert index.store.making == index.how.making
        assert index.store.counts().documents == 1


@pytest.mark.parametrize(
    "content", [b"no database at all, only text" * 50, b"SQLite format 3\0" + b"\7" * 4096]
)
def test_what_is_no_index_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "i.db").write_bytes(content)
    with pytest.raises(CorruptIndex, match=r"--index|damaged"):
        SqliteStore.open(tmp_path / "i.db")
    assert (tmp_path / "i.db").read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "i.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(CorruptIndex, match="is a database, but not an index"):
        SqliteStore.open(tmp_path / "i.db")
