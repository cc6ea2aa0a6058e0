"""Legs beside the words: one that fails or is sick takes none with it, and the search says so."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from agentkit.core.documents import Chunk, Facts, Hit
from agentkit.core.errors import IndexUnusable, ModelError
from agentkit.retrieval.index import VECTORS, WORDS, Explanation, Index, LegFailed

from .doubles import WordBag, document, filled
from .test_search import CHINESE, ENGLISH, synced


class Down(WordBag):
    """A model of vectors that embeds documents, and whose server is gone when a question comes."""

    async def embed_query(self, text: str) -> Sequence[float]:
        if self.embedded and not text.startswith("asked"):
            return await super().embed_query(text)  # while the index looks at its health
        raise ModelError("the server is gone")


class Leg:
    """A retriever that counts what it is asked."""

    def __init__(self, *, of: Index | None = None, hits: Sequence[Hit] = (), fault: str = "") -> None:
        self.of = of
        self.hits = hits
        self.fault = fault
        self.asked = 0

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        self.asked += 1
        if self.fault:
            raise ConnectionError(self.fault)
        return self.hits[:limit] if self.of is None else await self.of.retrieve(query, limit=limit)


def legs_of(found: Explanation) -> set[str]:
    return {rank.leg for one in found.hits for rank in one.ranks}


async def test_a_leg_that_fails_is_said_and_the_others_count(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", *ENGLISH) as index:
        both = Index(index.store, index.how, legs={"far": Leg(fault="no route")})
        found = await both.explain("river lamp", limit=3)
        assert (legs_of(found), found.failed, found.left_out) == ({WORDS}, {"far": "no route"}, {})
        assert (await both.find("river lamp", limit=3)).failed == {"far": "no route"}
        with pytest.warns(LegFailed, match="searched without far: no route"):
            hits = await both.retrieve("river lamp", limit=3)
        assert hits == await index.retrieve("river lamp", limit=3)


async def test_a_question_that_cannot_be_embedded_is_looked_for_by_its_words(tmp_path: Path) -> None:
    with await synced(tmp_path / "i.db", Down(), ENGLISH) as index:
        found = await index.explain("asked for the river", limit=3)
        assert (legs_of(found), found.failed) == ({WORDS}, {VECTORS: "the server is gone"})


async def test_vectors_of_another_size_are_said_and_words_count(tmp_path: Path) -> None:
    class Other(WordBag):
        async def embed_query(self, text: str) -> Sequence[float]:
            return [1.0, 0.0]

    with await synced(tmp_path / "i.db", WordBag(), ENGLISH[:9]) as index:
        index.how.embeddings.embed_query = Other().embed_query
        found = await index.explain("river", limit=3)
        assert legs_of(found) == {WORDS}
        assert "a vector of 2 numbers" in found.failed[VECTORS]


async def test_where_every_leg_fails_that_is_an_error_with_all_reasons(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", *ENGLISH[:3]) as index:
        legs = {"far": Leg(fault="no route"), "near": Leg(fault="busy")}
        none = Index(index.store, index.how, legs=legs, weights={WORDS: 0})
        with pytest.raises(IndexUnusable, match=r"i\.db could be searched \(far: no route; near: busy\)"):
            await none.find("river")


async def test_a_copy_that_fails_is_said_and_the_index_compares_its_own_vectors(tmp_path: Path) -> None:
    class Gone:
        name = "far store"

        async def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
            raise ConnectionError("no route")

        async def remove(self, documents: Collection[str]) -> None:
            raise ConnectionError("no route")

        async def nearest(
            self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
        ) -> Sequence[Hit]:
            raise ConnectionError("no route")

    with await synced(tmp_path / "i.db", WordBag(), ENGLISH) as index:
        found = await Index(index.store, index.how, copy=Gone()).explain("river lamp", limit=3)
        assert (legs_of(found), found.failed) == ({WORDS, VECTORS}, {"far store": "no route"})
        assert found.hits == (await index.explain("river lamp", limit=3)).hits


async def test_a_leg_that_does_not_find_what_it_is_asked_for_does_not_count(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", *ENGLISH) as index:
        blind = Leg(hits=await index.retrieve("lamp", limit=5))
        assert blind.hits
        found = await Index(index.store, index.how, legs={"blind": blind}).explain("river lamp", limit=3)
        assert list(found.left_out) == ["blind"]
        assert "a sentence of latin text finds its own piece only" in found.left_out["blind"]
        assert found.hits == (await index.explain("river lamp", limit=3)).hits
        free = await Index(index.store, index.how, legs={"blind": blind}, gated=False).explain("river lamp")
        assert "blind" in legs_of(free)


async def test_a_leg_is_left_out_only_for_the_script_that_it_is_blind_for(tmp_path: Path) -> None:
    with (
        filled(tmp_path / "e.db", *ENGLISH) as english,
        filled(tmp_path / "i.db", *ENGLISH, *CHINESE) as index,
    ):
        leg = Leg(of=english)
        both = Index(index.store, index.how, legs={"english": leg})
        assert list((await both.explain("仓库里的茶叶")).left_out) == ["english"]
        looked = leg.asked
        found = await both.explain("river lamp")
        assert (found.left_out, leg.asked) == ({}, looked + 1)  # it was looked at once
        assert "english" in legs_of(found)


async def test_nothing_is_said_against_a_leg_that_searches_texts_of_its_own(tmp_path: Path) -> None:
    elsewhere = [Hit(Chunk("elsewhere", 0, 5, "river"), 2.0)]
    with filled(tmp_path / "i.db", *ENGLISH) as index:
        both = Index(index.store, index.how, legs={"other": Leg(hits=elsewhere)}, weights={"other": 9})
        found = await both.explain("river lamp", limit=3)
        assert (found.left_out, found.hits[0].hit.chunk.document) == ({}, "elsewhere")
        silent = Index(index.store, index.how, legs={"silent": Leg()})
        assert list((await silent.explain("river lamp", limit=3)).left_out) == ["silent"]


async def test_a_filter_holds_for_a_leg_that_does_not_heed_it_and_nothing_counts_twice(
    tmp_path: Path,
) -> None:
    notes = [document(f"n{year}", f"a note of the river, {year}", year=year) for year in (2023, 2024)]
    with filled(tmp_path / "i.db", *notes) as index:
        every = list(await index.retrieve("river"))
        theirs = [Hit(Chunk(f"x{year}", 0, 1, "x", metadata={"year": year}), 0.5) for year in (2023, 2024)]
        careless = Leg(hits=[*every, *every, *theirs])
        both = Index(index.store, index.how, legs={"careless": careless}, fusion="rrf")
        found = await both.explain("river", where={"year": 2024})
        assert [(one.hit.chunk.document, len(one.ranks)) for one in found.hits] == [
            ("n2024", 2),
            ("x2024", 1),
        ]
        assert [rank.rank for rank in found.hits[0].ranks] == [1, 1]
