"""What is found, in which order, and why: legs, weights, fusion, the gate, and functions on the result."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.documents import MOST_UNKNOWN, Chunk, Facts, Hit
from agentkit.core.errors import UsageError
from agentkit.documents import terms
from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel
from agentkit.retrieval.around import with_neighbours, with_section
from agentkit.retrieval.fusion import fused
from agentkit.retrieval.health import Health, healths_of
from agentkit.retrieval.index import VECTORS, WORDS, Index
from agentkit.retrieval.queries import in_other_words, rated_by, retrieved_by_all, with_facts
from agentkit.retrieval.ranked import compressed, diverse, reranked
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.sync import sync

from .doubles import WordBag, document, filled
from .test_sync import WORDS as WORDS_OF_NOTES

ENGLISH = [
    document(
        f"en{number}", f"The {one} by the {other}. A note about {one} and nothing else, number {number}."
    )
    for number, (one, other) in enumerate(
        (one, other) for one in WORDS_OF_NOTES for other in WORDS_OF_NOTES[:6]
    )
]
CHINESE = [
    document(f"zh{number}", f"第{number}号仓库存放着{thing}。管理员每天清点{thing}的数量，并记在本子上。")
    for number, thing in enumerate(["纸张", "铜线", "灯泡", "石材", "木桶", "布匹", "茶叶", "瓷器"] * 6)
]


class Blind(WordBag):
    """A model that knows no word of some script, as small ones do, and says so or does not."""

    def __init__(self, tells: bool) -> None:
        super().__init__("blind")
        if tells:
            self.unknown = lambda text: 0.0 if text.isascii() else 0.6

    def _vector(self, text: str) -> list[float]:
        # whatever is not ASCII looks the same to it, but for how long it is
        return super()._vector(text if text.isascii() else f"unk{len(text)}")


async def synced(path: Path, bag: WordBag, documents: Sequence[object]) -> Index:
    index = Index.open(path, bag)
    await sync(Documents("all", list(documents)), index)
    return index


async def test_each_leg_is_told_with_its_rank_and_score(tmp_path: Path) -> None:
    with await synced(tmp_path / "i.db", WordBag(), ENGLISH[:20]) as index:
        found = await index.explain("river lamp", limit=5)
        assert len(found.hits) == 5
        best = found.hits[0]
        assert [rank.leg for rank in best.ranks] == [WORDS, VECTORS]
        scores = [one.hit.score for one in found.hits]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] <= 1
        for leg in (WORDS, VECTORS):
            ranks = {rank.rank: rank.score for one in found.hits for rank in one.ranks if rank.leg == leg}
            assert [ranks[at] for at in sorted(ranks)] == sorted(ranks.values(), reverse=True)
        assert found.terms == ("river", "lamp")


async def test_many_search_at_once_while_documents_come_in(tmp_path: Path) -> None:
    with await synced(tmp_path / "i.db", WordBag(), ENGLISH[:30]) as index:
        every, *found = await asyncio.gather(
            sync(Documents("all", ENGLISH), index),
            *(index.retrieve(f"{word} note", limit=3) for word in WORDS_OF_NOTES * 6),
        )
        assert len(every.plan.new) == len(ENGLISH) - 30
        assert all(len(hits) == 3 for hits in found)


async def test_a_weight_of_zero_switches_a_leg_off_and_says_so(tmp_path: Path) -> None:
    with await synced(tmp_path / "i.db", WordBag(), ENGLISH[:20]) as index:
        found = await Index(index.store, index.how, weights={WORDS: 0}).explain("river")
        assert {rank.leg for one in found.hits for rank in one.ranks} == {VECTORS}
        assert found.left_out == {WORDS: "its weight is 0"}
        with pytest.raises(UsageError, match="of words, vectors"):
            Index(index.store, index.how, weights={"colour": 1})


async def test_another_retriever_counts_as_a_leg_and_may_find_what_the_index_has_not(tmp_path: Path) -> None:
    class Other:
        async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
            mine = Chunk("elsewhere", 0, 5, "river")
            return [Hit(mine, 2.0), Hit((await index.retrieve("river", limit=1))[0].chunk, 1.0)]

    with filled(tmp_path / "i.db", *ENGLISH[:20]) as index:
        both = Index(index.store, index.how, legs={"other": Other()}, weights={"other": 9})
        found = await both.explain("river", limit=3)
        assert [one.hit.chunk.document for one in found.hits][:1] == ["elsewhere"]
        legs = [[rank.leg for rank in one.ranks] for one in found.hits]
        assert ["words", "other"] in legs


@pytest.mark.parametrize("tells", [True, False])
async def test_sick_vectors_do_not_count_for_the_script_that_they_are_sick_for(
    tmp_path: Path, tells: bool
) -> None:
    with await synced(tmp_path / "i.db", Blind(tells), [*ENGLISH, *CHINESE]) as index:
        assert {one.script: one.sick for one in healths_of(index.store)} == {
            "latin": False,
            "east asian": True,
        }
        chinese = await index.explain("仓库里的茶叶")
        assert list(chinese.left_out) == [VECTORS]
        assert ("60%" in chinese.left_out[VECTORS]) == tells
        assert (await index.explain("the river")).left_out == {}
        alone = await Index(index.store, index.how, gated=False).explain("仓库里的茶叶")
        assert alone.left_out == {}


async def test_a_few_texts_that_a_model_does_not_know_are_enough_to_tell(tmp_path: Path) -> None:
    with await synced(tmp_path / "i.db", Blind(tells=True), CHINESE[:3]) as index:
        assert list((await index.explain("茶叶")).left_out) == [VECTORS]
    with await synced(tmp_path / "j.db", Blind(tells=False), CHINESE[:3]) as index:
        assert (await index.explain("茶叶")).left_out == {}


async def test_healthy_vectors_count_for_both_scripts(tmp_path: Path) -> None:
    class Letters(WordBag):
        def _vector(self, text: str) -> list[float]:
            return super()._vector(" ".join(terms(text)))

    with await synced(tmp_path / "i.db", Letters(), [*ENGLISH, *CHINESE]) as index:
        assert [one.reason for one in healths_of(index.store)] == ["", ""]


def test_an_unknown_share_is_sick_only_above_the_bound() -> None:
    assert not Health("other", 24, 1.0, MOST_UNKNOWN).sick
    assert Health("other", 24, 1.0, MOST_UNKNOWN + 0.01).sick
    assert Health("other", 24, 0.5, 0.0).sick


def test_rrf_and_minmax_differ_where_one_leg_is_sure() -> None:
    sure = [("a", 9.0), ("b", 1.0), ("c", 0.9), ("d", 0.8)]
    unsure = [("b", 0.50), ("c", 0.49), ("a", 0.48), ("d", 0.01)]
    assert fused({"x": sure, "y": unsure}, {}, "minmax", 4)[0][0] == "a"
    assert fused({"x": sure, "y": unsure}, {}, "rrf", 4)[0][0] == "b"


ranking = st.lists(
    st.tuples(st.integers(1, 30), st.floats(0, 100)), max_size=20, unique_by=lambda pair: pair[0]
)


@given(ranking, ranking, st.sampled_from(["minmax", "rrf"]))
def test_fusion_holds_everything_once_and_what_both_put_first_is_first(one, other, how) -> None:
    legs = {
        "one": sorted(one, key=lambda pair: -pair[1]),
        "other": sorted(other, key=lambda pair: -pair[1]),
    }
    found = fused(legs, {}, how)
    keys = [key for key, _ in found]
    assert sorted(keys) == sorted({key for key, _ in (*one, *other)})
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    if one and other and legs["one"][0][0] == legs["other"][0][0]:
        assert found[0][1] == max(score for _, score in found)
        assert legs["one"][0][0] in [key for key, score in found if score == found[0][1]]


def hits_of(*texts: str) -> list[Hit]:
    return [Hit(Chunk(str(at), 0, len(text), text), 1.0 / (at + 1)) for at, text in enumerate(texts)]


def test_a_diverse_list_does_not_say_the_same_twice() -> None:
    hits = hits_of("the red lamp shines", "the red lamp shines bright", "a boat on the river", "snow")
    assert [hit.chunk.document for hit in diverse(hits, 2, balance=0.3)] == ["0", "2"]
    assert [hit.chunk.document for hit in diverse(hits, 3, balance=1)] == ["0", "1", "2"]
    with pytest.raises(UsageError, match="balance = 2"):
        diverse(hits, 2, balance=2)


async def test_reranked_hits_have_the_new_order_and_scores() -> None:
    async def by_length(query: str, texts: Sequence[str]) -> Sequence[float]:
        return [float(len(text)) for text in texts]

    hits = hits_of("a", "ccc", "bb")
    assert [(hit.chunk.text, hit.score) for hit in await reranked("", hits, by_length, 2)] == [
        ("ccc", 3.0),
        ("bb", 2.0),
    ]


def test_a_compressed_hit_keeps_true_spans() -> None:
    text = "Nothing here. The lamp is red. And more. The lamp burns. The end."
    of = document("a", f"Before. {text}")
    (hit,) = compressed("red lamp", [Hit(Chunk("a", 8, 8 + len(text), text), 1.0)])
    assert hit.chunk.text == "The lamp is red. And more. The lamp burns."
    assert of.text[hit.chunk.start : hit.chunk.end] == hit.chunk.text
    (whole,) = compressed("boat", [Hit(Chunk("a", 8, 8 + len(text), text), 1.0)])
    assert whole.chunk.text == text


async def test_a_hit_can_have_its_neighbours_or_its_section(tmp_path: Path) -> None:
    sections = [f"## Part {at}\n\n" + f"word{at} " * 150 + "\n\n" + f"more{at} " * 150 for at in range(4)]
    of = document("long", "# All\n\n" + "\n\n".join(sections))
    with filled(tmp_path / "i.db", of) as index:
        (hit,) = await index.retrieve("word2", limit=1)
        (grown,) = with_neighbours([hit], index.store)
        assert grown.chunk.start < hit.chunk.start
        assert grown.chunk.end > hit.chunk.end
        assert of.text[grown.chunk.start : grown.chunk.end] == grown.chunk.text
        (section,) = with_section([hit], index.store)
        assert "word2" in section.chunk.text
        assert "more2" in section.chunk.text
        assert "word3" not in section.chunk.text
        assert with_section([hit], index.store, longest=10) == [hit]
        assert len(with_neighbours(await index.retrieve("word2 more2", limit=5), index.store)) == 1


async def test_a_question_in_other_words_finds_what_the_first_does_not(tmp_path: Path) -> None:
    model = ScriptedModel(['{"questions": ["the luminaire", "the luminaire"]}'])
    questions = await in_other_words("the lamp", as_runnable(model))
    assert questions == ["the lamp", "the luminaire"]
    with filled(tmp_path / "i.db", document("a", "a lamp"), document("b", "one luminaire")) as index:
        hits = await retrieved_by_all(questions, index)
        assert sorted(hit.chunk.document for hit in hits) == ["a", "b"]


async def test_the_facts_of_a_question_become_a_filter_and_invented_ones_are_told(tmp_path: Path) -> None:
    with filled(
        tmp_path / "i.db", document("a", "minutes", year=2023), document("b", "minutes", year=2024)
    ) as index:
        said = (
            '{"query": "minutes", "facts": [{"name": "year", "value": "2024"}, {"name": "mood", "value": 1}]}'
        )
        asking = await with_facts(
            "the minutes of 2024", index.store.facts(), as_runnable(ScriptedModel([said]))
        )
        assert asking.where == {"year": 2024}
        assert asking.dropped == ("mood = 1: no document has such a fact",)
        assert [h.chunk.document for h in await index.retrieve(asking.query, where=asking.where)] == ["b"]


@pytest.mark.parametrize(("said", "found"), [("2024.0", ["b"]), ("2025", []), ('"2024"', ["b"])])
async def test_a_number_is_a_filter_however_a_model_writes_it(
    tmp_path: Path, said: str, found: list[str]
) -> None:
    documents = [document("a", "minutes", year=2023), document("b", "minutes", year=2024)]
    with filled(tmp_path / "i.db", *documents) as index:
        form = f'{{"query": "minutes", "facts": [{{"name": "year", "value": {said}}}]}}'
        asking = await with_facts("of 2024", index.store.facts(), as_runnable(ScriptedModel([form])))
        assert asking.dropped == ()
        assert [h.chunk.document for h in await index.retrieve(asking.query, where=asking.where)] == found


async def test_a_model_rates_passages_and_what_it_forgets_comes_last() -> None:
    model = ScriptedModel(['{"ratings": [1, 9]}'])
    ranked = await reranked("q", hits_of("one", "two", "three"), rated_by(as_runnable(model)))
    assert [(hit.chunk.text, hit.score) for hit in ranked] == [("two", 9.0), ("one", 1.0), ("three", 0.0)]
