"""What bears on a question is found: by words, by neighbours, by meaning, and never somebody else's."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentkit.core.messages import AssistantMessage, ToolMessage, UserMessage
from agentkit.memory.recall import Recall
from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory

from .conftest import Clock

HOLIDAY = [
    UserMessage("Where should we go this summer?"),
    AssistantMessage("Would you rather have mountains or the sea?"),
    UserMessage("The sea, and somewhere with good seafood"),
    AssistantMessage("Then Galicia: the octopus there is famous"),
    UserMessage("Deal. Book the ferry for the third of June"),
    AssistantMessage("The ferry is booked"),
]
PRINTER = [
    UserMessage("The printer on the second floor is jammed"),
    AssistantMessage("Open the rear tray and pull the paper out"),
    UserMessage("That worked"),
    AssistantMessage("Good"),
]
CHINESE = [
    UserMessage("我对花生过敏，请记住"),
    AssistantMessage("好的，我会注意"),
    UserMessage("晚上吃什么好？"),
    AssistantMessage("可以做番茄炒蛋"),
]


@pytest.fixture
def talks(ann: Scope) -> Scope:
    for name, messages in (("holiday", HOLIDAY), ("printer", PRINTER), ("dinner", CHINESE)):
        ann.conversation(name).add(*messages)
    return ann


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("which ferries did you book?", "Book the ferry"),
        ("jammed printers", "printer on the second floor"),
        ("花生", "花生过敏"),
        ("我过敏吗", "花生过敏"),
        ("octopus", "Galicia"),
    ],
)
async def test_words_find_what_was_said(talks: Scope, question: str, answer: str) -> None:
    found = (await talks.recall(question)).found
    assert any(answer in one.message.text for one in found[0].around)


async def test_an_answer_is_found_by_the_words_of_its_question(talks: Scope) -> None:
    found = (await talks.recall("mountains or the sea", limit=2)).found
    assert any("octopus" in one.message.text for one in found[0].around + found[1].around)
    assert all(len(one.around) in (2, 3) for one in found)


async def test_the_same_said_twice_is_found_once(ann: Scope) -> None:
    for day in ("monday", "tuesday"):
        ann.conversation(day).add(UserMessage("my locker is 17"), AssistantMessage("ok"))
    found = (await ann.recall("locker")).found
    assert [one.kept.conversation for one in found] == ["tuesday"]


async def test_the_question_itself_is_found_only_where_it_was_answered(ann: Scope) -> None:
    ann.conversation("monday").add(UserMessage("Which locker is mine?"))
    ann.conversation("tuesday").add(UserMessage("which locker is mine"), AssistantMessage("17"))
    found = (await ann.recall("Which locker is mine?")).found
    assert [[one.message.text for one in passage.around] for passage in found] == [
        ["which locker is mine", "17"]
    ]


async def test_time_and_conversations_narrow_what_is_found(ann: Scope, clock: Clock) -> None:
    for day in ("monday", "tuesday"):
        ann.conversation(day).add(UserMessage(f"the locker on {day}"))
        clock.now += 100
    start = clock.now - 200

    async def days(**narrowed: object) -> list[str]:
        return [one.kept.conversation for one in (await ann.recall("locker", **narrowed)).found]  # type: ignore[arg-type]

    assert await days(since=start + 50) == ["tuesday"]
    assert await days(until=start + 50) == ["monday"]
    assert await days(without=["tuesday"]) == ["monday"]


async def test_nothing_of_somebody_else_is_found_nor_weighs(memory: Memory, talks: Scope) -> None:
    before = await talks.recall("ferry")
    for number in range(20):
        memory.of("bob").conversation("sea").add(UserMessage(f"ferry {number}"))
    assert await talks.recall("ferry") == before
    assert (await memory.of("carl").recall("ferry")).found == ()


async def test_results_and_what_came_out_of_memory_are_not_found(ann: Scope) -> None:
    talk = ann.conversation("monday")
    talk.add(ToolMessage("c", "read_file", "the ferry"))
    talk.add(AssistantMessage("the ferry"), recalled=True)
    assert (await ann.recall("ferry")).found == ()


async def test_facts_come_with_it_one_for_each_key_and_are_counted(ann: Scope) -> None:
    talk = ann.conversation("monday")
    (said,) = talk.add(UserMessage("I moved from Oslo to Bergen"))
    ann.facts.write("user", "city", "Oslo", message=said, quote="Oslo")
    ann.facts.write("user", "city", "Bergen", message=said, quote="Bergen")
    ann.facts.write("user", "city", "Rome")
    ann.facts.write("cat", "name", "Tom")
    found = await ann.recall("which city?")
    assert [one.value for one in found.facts] == ["Bergen"]
    assert [one.recalls for one in ann.facts.now()] == [1, 0]


async def test_nothing_asked_finds_nothing(talks: Scope) -> None:
    assert (await talks.recall("   ")).found == ()
    assert (await talks.recall("xylophone")).found == ()


class Meanings:
    """Knows three topics by their words."""

    name = "three topics"
    window = 50
    topics = (("dog", "puppy", "hound"), ("boat", "ferry", "ship"), ("tea", "coffee", "drink"))

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def count(self, text: str) -> int:
        return len(text.split())

    def _vector(self, text: str) -> list[float]:
        found = [float(any(word in text.lower() for word in topic)) for topic in self.topics]
        length = sum(one * one for one in found) ** 0.5
        return [one / length for one in found] if length else [0.0, 0.0, 0.0]

    async def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        assert all(self.count(text) <= self.window for text in texts)
        self.embedded += texts
        return [self._vector(text) for text in texts]

    async def embed_query(self, text: str) -> list[float]:
        return self._vector(text)


async def test_meaning_finds_what_words_do_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    meanings = Meanings()
    with Memory.open(tmp_path_factory.mktemp("m") / "m.db", embeddings=meanings) as memory:
        ann = memory.of("ann")
        ann.conversation("a").add(
            UserMessage("we took the ship " + "slowly " * 100), AssistantMessage("nice")
        )
        ann.conversation("b").add(UserMessage("my hound is old"), AssistantMessage("aw"))
        found = (await ann.recall("a puppy")).found
        assert found[0].kept.message.text == "my hound is old"
        await ann.recall("a boat")
        assert len(meanings.embedded) == 4  # each once
        assert (await ann.recall("a puppy", without=["b"])).found == ()
        ann.forget(conversation="b")
        assert (await ann.recall("a puppy")).found == ()


async def test_what_has_nothing_to_do_with_a_question_is_not_the_nearest_to_it(tmp_path: Path) -> None:
    class Faint(Meanings):
        """Finds a little of everything in everything, as models do."""

        def _vector(self, text: str) -> list[float]:
            return [0.15, *(math.sqrt(1 - 0.15**2) * one for one in super()._vector(text))]

    with Memory.open(tmp_path / "m.db", embeddings=Faint()) as memory:
        ann = memory.of("ann")
        ann.conversation("a").add(UserMessage("my hound is old"), AssistantMessage("aw"))
        ann.facts.write("dinghy", "kind", "ship")
        assert await ann.recall("the price of coffee") == Recall()
        assert len((await ann.recall("a puppy")).found) == 1


@pytest.mark.parametrize("question", ["蒙古的首都是哪里", "我想写一首关于秋天的诗"])
async def test_lone_chinese_characters_are_no_relation(ann: Scope, question: str) -> None:
    ann.conversation("dinner").add(*CHINESE, UserMessage("我的猫是黑的"))
    ann.facts.write("我", "首选", "是茶")
    assert await ann.recall(question) == Recall()
    assert (await ann.recall("猫")).found[0].kept.message.text == "我的猫是黑的"


async def test_meaning_finds_facts_that_words_do_not_and_their_vectors_are_forgotten(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.db", embeddings=(meanings := Meanings())) as memory:
        ann = memory.of("ann")
        ann.facts.write("user", "transport", "ferry")
        rex = ann.facts.write("rex", "kind", "hound").fact
        for _ in range(2):
            assert [one.value for one in (await ann.recall("a puppy")).facts] == ["hound"]
        assert len(meanings.embedded) == 2  # each once
        assert memory.traces("three topics") > 0  # the model's name stands beside each vector
        ann.forget(facts=[rex.id])
        assert (await ann.recall("a puppy")).facts == ()
        ann.forget(everything=True)
        assert memory.traces("three topics") == 0


def test_names_are_remembered_with_what_is_known_of_them(ann: Scope) -> None:
    talk = ann.conversation("monday")
    (said,) = talk.add(UserMessage("Yesterday I met Ingrid Solberg, who works at Acme Ltd."))
    talk.add(UserMessage("Ingrid lives in Bergen"), UserMessage("我的同事王小明在北京大学读书"))
    ann.facts.write("Ingrid", "employer", "Acme Ltd", message=said, quote="works at Acme Ltd")
    known = ann.about("ingrid")
    assert (known.kind, known.mentions) == ("person", 2)
    assert [one.value for one in known.facts] == ["Acme Ltd"]
    assert [one.message.text[:9] for one in known.said] == ["Yesterday", "Ingrid li"]
    assert {name: kind for name, kind, _ in ann.names()} == {
        "Ingrid Solberg": "person",
        "Ingrid": "person",
        "Acme Ltd": "organisation",
        "Bergen": "place",
        "王小明": "person",
        "北京大学": "organisation",
    }


def test_another_tagger_takes_the_place_of_the_rules(tmp_path_factory: pytest.TempPathFactory) -> None:
    from agentkit.memory.names.entity import Entity

    class Shouted:
        def entities(self, text: str) -> Sequence[Entity]:
            return [
                Entity(word, "name", text.index(word), text.index(word) + len(word))
                for word in text.split()
                if word.isupper()
            ]

    with Memory.open(tmp_path_factory.mktemp("m") / "m.db", tagger=Shouted()) as memory:
        memory.of("ann").conversation("a").add(UserMessage("i know BOB and Carl"))
        assert [name for name, _, _ in memory.of("ann").names()] == ["BOB"]


def test_the_mean_with_neighbours_is_the_mean_over_all(ann: Scope) -> None:
    from agentkit.memory.ranking import said_in

    for name, lengths in (("a", (3,)), ("b", (1, 5)), ("c", (2, 9, 4, 1))):
        ann.conversation(name).add(
            *(UserMessage(" ".join(f"w{n}" for n in range(length))) for length in lengths)
        )
    said = said_in(ann.handle, (), trusted=False)
    wide = [sum(said.words[one] for one in said.around(place)) for place in range(len(said.ids))]
    assert wide == [3, 6, 6, 11, 15, 14, 5]
    assert said.mean_around() == sum(wide) / len(wide)


async def test_a_model_that_fails_leaves_the_words_and_is_told(tmp_path: Path) -> None:
    class Gone(Meanings):
        async def embed_query(self, text: str) -> list[float]:
            raise ConnectionError("the server is gone")

    with Memory.open(tmp_path / "m.db", embeddings=Gone()) as memory:
        ann = memory.of("ann")
        ann.conversation("a").add(UserMessage("my hound is old"), AssistantMessage("aw"))
        recalled = await ann.recall("the hound")
        assert [one.kept.message.text for one in recalled.found] == ["my hound is old"]
        assert recalled.fault == "the server is gone"


async def test_vectors_say_nothing_of_words_that_their_model_does_not_know(tmp_path: Path) -> None:
    class Latin(Meanings):
        def unknown(self, text: str) -> float:
            return 0.0 if text.isascii() else 0.6

        def _vector(self, text: str) -> list[float]:
            # whatever it cannot read looks like the first topic
            return super()._vector(text) if text.isascii() else [1.0, 0.0, 0.0]

    with Memory.open(tmp_path / "m.db", embeddings=(latin := Latin())) as memory:
        ann = memory.of("ann")
        ann.conversation("a").add(*CHINESE)
        ann.conversation("b").add(UserMessage("my hound is old"), AssistantMessage("aw"))
        found = (await ann.recall("花生")).found
        assert [one.kept.message.text for one in found] == ["我对花生过敏，请记住"]
        found = (await ann.recall("a puppy")).found
        assert [one.kept.message.text for one in found] == ["my hound is old"]
        await ann.recall("a puppy")
        assert sorted(latin.embedded) == ["aw", "my hound is old"]  # the others were looked at once, and left


async def test_a_question_of_the_few_words_that_a_model_has_of_a_script_is_looked_for_by_them_alone(
    tmp_path: Path,
) -> None:
    class Latin(Meanings):
        def unknown(self, text: str) -> float:
            return 0.0 if text.isascii() or text == "花生" else 0.6

        async def embed_query(self, text: str) -> list[float]:
            return [0.0, 0.0, 1.0] if text == "花生" else await super().embed_query(text)

    with Memory.open(tmp_path / "m.db", embeddings=Latin()) as memory:
        ann = memory.of("ann")
        ann.conversation("a").add(*CHINESE)
        ann.conversation("b").add(UserMessage("tea or coffee"), AssistantMessage("aw"))
        found = (await ann.recall("花生")).found
        assert [one.kept.message.text for one in found] == ["我对花生过敏，请记住"]
        assert len((await ann.recall("a drink")).found) == 1


async def test_what_was_said_last_is_embedded_first_and_the_rest_with_later_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentkit.memory.meaning.MOST_NEW", 2)
    with Memory.open(tmp_path / "m.db", embeddings=(meanings := Meanings())) as memory:
        ann = memory.of("ann")
        ann.conversation("a").add(*(UserMessage(f"note {number}") for number in range(5)))
        for count in (2, 4, 5, 5):
            await ann.recall("a puppy")
            assert len(meanings.embedded) == count
        assert set(meanings.embedded[:2]) == {"note 3", "note 4"}
