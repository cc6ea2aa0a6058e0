"""What is forgotten is gone: from answers, from what was made of it, and from the bytes of the files."""

import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import NotRemembered
from agentkit.core.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from agentkit.journal.database import Database
from agentkit.memory.fact import Origin
from agentkit.memory.forgetting import Receipt
from agentkit.memory.schema import KIND, STEPS
from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory
from agentkit.memory.view import Shape
from agentkit.memory.words import FOUND, fact_in_words, passage_in_words

from .conftest import Clock
from .test_view import words


async def retold(before: str, messages: Sequence[Message]) -> str:
    return f"{before} {len(messages)} messages with quokka".strip()


def copies(memory: Memory, text: str) -> int:
    """Counted here, not by the code that is tested."""
    folder = memory.path.parent
    return sum(file.read_bytes().lower().count(text.encode()) for file in folder.glob(f"{memory.path.name}*"))


async def test_a_forgotten_message_leaves_no_byte(memory: Memory, ann: Scope) -> None:
    talk = ann.conversation("monday")
    talk.add(UserMessage("hello"), AssistantMessage("hi"))
    said, _ = talk.add(UserMessage('My Quokka is "called"\nZebediah'), AssistantMessage("noted"))
    ann.facts.write("quokka", "name", "Zebediah", message=said, quote='is "called" Zebediah')
    await talk.shown(Shape(turns=0, summarise=True, goal=False), words, retold)
    assert copies(memory, "quokka") > 3
    receipt = ann.forget(messages=[said])
    assert receipt == Receipt(messages=1, facts=1, summaries=1, conversations=("monday",))
    assert (copies(memory, "quokka"), copies(memory, "zebediah")) == (0, 0)
    assert [one.text for one in talk.messages()] == ["hello", "hi", "noted"]
    assert (ann.facts.every(), talk.summary(), ann.about("Zebediah").mentions) == ((), None, 0)
    assert (await ann.recall("quokka")).found == ()


async def test_much_that_is_forgotten_among_much_that_stays_leaves_no_byte(
    memory: Memory, ann: Scope
) -> None:
    rng, talk = random.Random(1), ann.conversation("monday")
    ids: dict[int, str] = {}
    for number in range(300):
        word = f"wombat{number}x" + "y" * rng.choice((1, 40, 3000))
        ids[talk.add(UserMessage(f"about {word} and Oslo"))[0]] = word
    gone = rng.sample(sorted(ids), 150)
    assert ann.forget(messages=gone).messages == 150
    content = b"".join(file.read_bytes() for file in memory.path.parent.glob(f"{memory.path.name}*"))
    assert [ids[one] for one in gone if ids[one].encode() in content] == []
    assert all(ids[one].encode() in content for one in ids if one not in gone)


def test_a_forgotten_fact_leaves_its_message(memory: Memory, ann: Scope) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("I live in Oslo"))
    fact = ann.facts.write("user", "residence", "Oslo, Norway", message=said, quote="in Oslo").fact
    assert ann.forget(facts=[fact.id]) == Receipt(facts=1)
    assert copies(memory, "norway") == 0
    assert len(ann.conversation("monday").messages()) == 1
    again = ann.facts.write("user", "city", "Oslo", message=said, quote="in Oslo").fact
    assert ann.forget(facts=[again.id]) == Receipt(facts=1, said_in=(said,))


def test_all_that_is_named_is_forgotten_at_once_or_nothing(ann: Scope) -> None:
    said, other = ann.conversation("monday").add(UserMessage("I live in Oslo"), UserMessage("hello"))
    fact = ann.facts.write("user", "city", "Oslo", message=said, quote="in Oslo").fact
    with pytest.raises(NotRemembered):
        ann.forget(messages=[other], facts=[99], conversation="monday")
    assert len(ann.conversation("monday").messages()) == 2
    receipt = ann.forget(messages=[said], facts=[fact.id])
    assert (receipt.messages, receipt.facts) == (1, 1)


@pytest.mark.parametrize("blank", ["  ", "?!", "。"])
def test_a_name_that_is_none_forgets_nothing(ann: Scope, blank: str) -> None:
    ann.conversation("monday").add(UserMessage("Yesterday Ingrid Solberg called"))
    assert ann.forget(name=blank).nothing
    assert len(ann.conversation("monday").messages()) == 1


def test_a_name_is_forgotten_where_nothing_tagged_it_and_told_where_it_may_be_a_word(
    memory: Memory, ann: Scope
) -> None:
    talk = ann.conversation("monday")
    call = ToolCall("c", "remember", {"value": "Ingrid", "line": 'so\n"Ingrid"'})
    low, *_ = talk.add(
        UserMessage("call ingrid"),
        AssistantMessage(calls=(call,)),
        ToolMessage("c", "read_file", "see Ingrid"),
        UserMessage("Ingridsson is somebody else"),
        UserMessage("昨天英格丽来了"),
    )
    ann.facts.write("user", "friend", "Ingrid")
    receipt = ann.forget(name="Ingrid")
    assert (receipt.messages, receipt.facts, receipt.said_in) == (2, 1, (low,))
    assert ann.forget(name="英格丽").messages == 1
    assert [one.text for one in talk.messages()] == ["call ingrid", "Ingridsson is somebody else"]


async def test_what_memory_told_goes_with_what_it_told_of(memory: Memory, ann: Scope) -> None:
    long = "the quokka bit me " * 60
    said, _ = ann.conversation("monday").add(UserMessage(long), AssistantMessage("ow"))
    fact = ann.facts.write("pet", "kind", "wallaby").fact
    other = ann.facts.write("user", "mood", "calm").fact
    found = await ann.recall("quokka")
    told = "\n".join([FOUND, fact_in_words(fact), *map(passage_in_words, found.found)])
    today = ann.conversation("tuesday")
    today.add(ToolMessage("c", "recall", told), ToolMessage("d", "recall", told[:-300]), recalled=True)
    today.add(ToolMessage("e", "recall", fact_in_words(other)), recalled=True)
    assert ann.forget(messages=[said]) == Receipt(messages=3, conversations=("monday", "tuesday"))
    assert copies(memory, "quokka") == 0
    today.add(ToolMessage("f", "recall", fact_in_words(fact)), recalled=True)
    assert ann.forget(facts=[fact.id]) == Receipt(messages=1, facts=1, conversations=("tuesday",))
    assert (copies(memory, "wallaby"), copies(memory, "calm")) == (0, 2)


def test_what_was_forgotten_is_not_taken_in_again_under_its_key(memory: Memory, ann: Scope) -> None:
    talk = ann.conversation("run")
    said = UserMessage("my quokka")
    one, _ = talk.add(said, AssistantMessage("ah"), keys=("1", "2"))
    ann.forget(messages=[one])
    assert len(talk.add(said, AssistantMessage("ah"), UserMessage("more"), keys=("1", "2", "3"))) == 2
    assert copies(memory, "quokka") == 0
    assert len(memory.of("bob").conversation("run").add(said, keys=("1",))) == 1


def test_somebody_is_forgotten_by_name(memory: Memory, ann: Scope) -> None:
    talk = ann.conversation("monday")
    talk.add(
        UserMessage("Yesterday Ingrid Solberg called"), UserMessage("It rained"), UserMessage("I like Ingrid")
    )
    ann.facts.write("Ingrid", "phone", "555")
    receipt = ann.forget(name="Ingrid")
    assert (receipt.messages, receipt.facts) == (2, 1)
    assert copies(memory, "ingrid") == 0
    assert [one.text for one in talk.messages()] == ["It rained"]


def test_forgetting_everything_leaves_the_others(memory: Memory, ann: Scope) -> None:
    bob = memory.of("bob")
    for scope in (ann, bob):
        scope.conversation("monday").add(UserMessage(f"quokka of {scope.handle.person}"))
    receipt = ann.forget(everything=True)
    assert (receipt.messages, receipt.conversations) == (1, ("monday",))
    assert memory.people() == (("local", "bob"),)
    assert (copies(memory, "quokka of ann"), copies(memory, "quokka of bob")) == (0, 1)


def test_of_whom_nothing_is_remembered_no_name_is_left(memory: Memory) -> None:
    one, said = memory.of("ann-quokka", tenant="wombat-shop"), UserMessage("my hat is red")
    one.conversation("numbat").add(said, keys=("1",))
    one.facts.write("user", "hat", "red")
    two = memory.of("bob-quokka")
    two.facts.write("user", "hat", "blue")
    assert min(copies(memory, name) for name in ("ann-quokka", "wombat", "numbat", "bob-quokka")) > 0
    one.forget(everything=True)
    two.forget(facts=[two.facts.now()[0].id])
    names = ("ann-quokka", "wombat", "numbat", "bob-quokka")
    assert [copies(memory, name) for name in names] == [0, 0, 0, 0]
    assert one.conversation("numbat").add(said, keys=("1",)) == ()
    assert [copies(memory, name) for name in names] == [0, 0, 0, 0]
    assert len(one.conversation("numbat").add(said, keys=("2",))) == 1


def test_a_fact_goes_with_what_it_confirmed_and_what_else_says_it_is_named(
    memory: Memory, ann: Scope
) -> None:
    ann.facts.write("user", "city", "Zagreb")
    (said,) = ann.conversation("monday").add(UserMessage("user: city: Zagreb"))
    written = ann.facts.write("user", "city", "Zagreb", message=said, quote="city: Zagreb")
    home = ann.facts.write("user", "home", "near Zagreb").fact
    assert (written.how, written.ended[0].id) == ("confirmed", 1)
    receipt = ann.forget(facts=[written.fact.id])
    assert (receipt.messages, receipt.facts, receipt.known_in) == (1, 2, (home.id,))
    assert ann.forget(facts=[home.id]).known_in == ()
    assert copies(memory, "zagreb") == 0


def test_what_a_forgotten_fact_had_ended_holds_no_more_for_that(ann: Scope) -> None:
    ann.facts.write("user", "city", "Oslo")
    later = ann.facts.write("user", "city", "Bergen").fact
    ann.forget(facts=[later.id])
    assert ann.facts.now() == ()
    assert [(one.value, one.valid_to) for one in ann.facts.every()] == [("Oslo", later.valid_from)]
    assert ann.facts.write("user", "city", "Oslo").how == "new"


def test_what_is_somebody_elses_cannot_be_forgotten(memory: Memory, ann: Scope) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("I live in Oslo"))
    fact = ann.facts.write("user", "city", "Oslo", message=said, quote="Oslo").fact
    bob = memory.of("bob")
    with pytest.raises(NotRemembered):
        bob.forget(messages=[said])
    with pytest.raises(NotRemembered):
        bob.forget(facts=[fact.id])
    assert bob.forget(conversation="monday").nothing
    assert bob.forget(everything=True).nothing
    assert len(ann.conversation("monday").messages()) == len(ann.facts.now()) == 1


def test_what_is_old_is_forgotten_by_who_said_it(memory: Memory, ann: Scope, clock: Clock) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("I live in Oslo"))
    ann.facts.write("user", "city", "Oslo", message=said, quote="Oslo")
    ann.facts.write("user", "mood", "good")
    clock.now += 100
    ann.facts.write("user", "hat", "red")
    receipt = ann.expire(facts={Origin.AGENT: 50})
    assert (receipt.facts, [one.value for one in ann.facts.now()]) == (1, ["Oslo", "red"])
    assert ann.expire(messages=200).nothing
    assert ann.expire(messages=99).facts == 1
    assert [one.value for one in ann.facts.now()] == ["red"]
    assert copies(memory, "oslo") == 0


@pytest.mark.parametrize("by_age", [False, True])
def test_words_that_say_nothing_but_a_fact_go_with_it(
    memory: Memory, ann: Scope, clock: Clock, by_age: bool
) -> None:
    (said,) = ann.conversation("by hand").add(UserMessage("user: city: Oslo"))
    fact = ann.facts.write("user", "city", "Oslo", message=said, quote="city: Oslo").fact
    ann.facts.write("user", "note", "a city", message=said, quote="city")
    clock.now += 10
    receipt = ann.expire(facts={Origin.PERSON: 5}) if by_age else ann.forget(facts=[fact.id])
    assert (receipt.messages, receipt.facts, receipt.said_in) == (1, 2, ())
    assert copies(memory, "oslo") == 0


def test_a_file_that_names_whom_it_forgot_names_nobody_once_it_is_opened(tmp_path: Path) -> None:
    with closing(Database.open(tmp_path / "old.db", STEPS[:2], marked=False, kind=KIND)) as old:
        old.write("INSERT INTO scopes (tenant, person) VALUES ('local', 'quokka')")
        old.write("INSERT INTO gone (conversation, key, scope) VALUES ('wombat', '1', 1)")
    with Memory.open(tmp_path / "old.db") as memory:
        assert (copies(memory, "quokka"), copies(memory, "wombat")) == (0, 0)
        talk = memory.of("quokka").conversation("wombat")
        assert talk.add(UserMessage("hello"), keys=("1",)) == ()
        assert len(talk.add(UserMessage("hello"), keys=("2",))) == 1


async def test_a_file_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    Database.open(tmp_path / "old.db", STEPS[:1], marked=False, kind=KIND).close()
    with Memory.open(tmp_path / "old.db") as memory:
        said = memory.of("ann").conversation("run").add(UserMessage("my quokka"), keys=("1",))
        assert memory.of("ann").forget(messages=said).messages == 1
        assert memory.of("ann").conversation("run").add(UserMessage("my quokka"), keys=("1",)) == ()


def test_a_memory_file_is_its_owners_alone(memory: Memory) -> None:
    assert memory.path.stat().st_mode & 0o077 == 0


def test_traces_are_counted_in_every_file(memory: Memory, ann: Scope) -> None:
    ann.conversation("monday").add(UserMessage('a "quokka"'))
    assert memory.traces('a "quokka"') == copies(memory, '\\"quokka\\"') > 0


def test_the_hygiene_report_names_what_a_person_would_look_at(
    tmp_path: Path, ann: Scope, memory: Memory
) -> None:
    talk = ann.conversation("monday")
    said, _, _ = talk.add(UserMessage("The port is 80"), UserMessage("hello"), UserMessage("hello"))
    ann.facts.write("server", "port", "80", message=said, quote="port is 80")
    ann.facts.write("server", "port", "81")
    ann.facts.write("server", "listens on", "80", message=said, quote="80")
    found = ann.hygiene()
    assert (found.messages, found.facts, found.said_again, found.never_recalled) == (3, 3, 1, 3)
    assert [[one.value for one in group] for group in found.doubted] == [["80", "81"]]
    assert [[one.attribute for one in group] for group in found.alike] == [["port", "listens on"]]
    assert [one.value for one in found.groundless] == ["81"]
    assert found.secrets == ()
