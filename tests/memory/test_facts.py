"""What is known: where it comes from, what it replaces, and what is not taken for known."""

import pytest

from agentkit.core.errors import NotRemembered, NotStored, UsageError
from agentkit.core.messages import AssistantMessage, ToolMessage, UserMessage
from agentkit.memory.fact import Origin
from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory

from .conftest import Clock

# a fact and what became of it: written for this test
CHANGED = [
    ("user", "city", "Oslo", "I live in Oslo", "Bergen", "I have moved to Bergen"),
    ("user", "employer", "Acme", "I work for Acme", "Initech", "I work for Initech now"),
    ("user", "diet", "vegetarian", "I'm a vegetarian", "vegan", "I'm a vegan these days"),
    ("Rex", "age", "3", "Rex is 3", "4", "Rex is 4"),
    ("standup", "time", "9:30", "the standup is at 9:30", "9:45", "the standup is at 9:45"),
    ("user", "editor", "vim", "I edit in vim", "emacs", "I edit in emacs"),
    ("release", "day", "Tuesday", "we release on Tuesday", "Thursday", "we release on Thursday"),
    ("server", "port", "8080", "it listens on 8080", "8081", "it listens on 8081"),
    ("user", "phone", "555-0100", "call 555-0100", "555-0101", "call 555-0101"),
    ("Ann", "surname", "Lee", "Ann Lee called", "Li", "Ann Li called, she married"),
    ("我", "城市", "北京", "我住在北京", "南京", "我住在南京"),
    ("我", "公司", "甲公司", "我在甲公司上班", "乙公司", "我在乙公司上班"),
    ("小猫", "名字", "花花", "小猫叫花花", "华华", "小猫叫华华"),
    ("会议", "时间", "周一", "会议在周一", "周二", "会议在周二"),
    ("我", "电话", "13800000000", "电话是13800000000", "13800000001", "电话是13800000001"),
    ("儿子", "年级", "三年级", "儿子上三年级", "四年级", "儿子上四年级"),
]


@pytest.mark.parametrize(("subject", "attribute", "old", "first", "new", "second"), CHANGED)
def test_a_changed_fact_ends_the_old_one_and_merges_nothing(
    ann: Scope, clock: Clock, subject: str, attribute: str, old: str, first: str, new: str, second: str
) -> None:
    talk = ann.conversation("monday")
    (one,) = talk.add(UserMessage(first))
    clock.now += 60
    (two,) = talk.add(UserMessage(second))
    before = ann.facts.write(subject, attribute, old, message=one, quote=first)
    after = ann.facts.write(subject, attribute, new, message=two, quote=second)
    assert (before.how, after.how) == ("new", "changed")
    assert [fact.value for fact in ann.facts.now()] == [new]
    assert [(fact.value, fact.quote) for fact in ann.facts.every()] == [(old, first), (new, second)]
    ended = ann.facts.get(before.fact.id)
    assert (ended.valid_to, ended.ended_by) == (clock.now, after.fact.id)
    assert [fact.value for fact in ann.facts.at(clock.now - 1)] == [old]


def test_the_same_in_another_spelling_is_the_same(ann: Scope) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("My favourite tea is Earl Grey."))
    first = ann.facts.write("user", "favourite tea", "Earl Grey", message=said, quote="Earl Grey")
    again = ann.facts.write("I", "Favourite  Tea:", "earl grey.", message=said, quote="tea is Earl Grey")
    assert (again.how, again.fact) == ("same", first.fact)


def test_what_holds_beside_something_ends_nothing(ann: Scope) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("I speak Dutch and Thai"))
    for language in ("Dutch", "Thai", "Dutch"):
        ann.facts.write("user", "speaks", language, message=said, quote=language, beside=True)
    assert [fact.value for fact in ann.facts.now()] == ["Dutch", "Thai"]


def test_a_fact_that_is_told_late_ends_where_the_newer_one_begins(ann: Scope, clock: Clock) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("Bergen now, Oslo before"))
    newer = ann.facts.write("user", "city", "Bergen", message=said, quote="Bergen")
    older = ann.facts.write("user", "city", "Oslo", message=said, quote="Oslo", at=clock.now - 1000)
    assert (older.how, older.fact.valid_to) == ("older", newer.fact.valid_from)
    assert [fact.value for fact in ann.facts.now()] == ["Bergen"]


def test_the_quote_must_stand_in_the_message(ann: Scope) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("I live in\nOslo"))
    ann.facts.write("user", "city", "Oslo", message=said, quote="live in Oslo")
    for quote in ("live in Bergen", "", "Live In Oslo"):
        with pytest.raises(NotStored, match="does not say"):
            ann.facts.write("user", "city", "Bergen", message=said, quote=quote)


def test_what_came_out_of_memory_is_not_stored_again(ann: Scope) -> None:
    talk = ann.conversation("monday")
    (told,) = talk.add(ToolMessage("c", "recall", "user: city: Oslo"), recalled=True)
    (repeated,) = talk.add(AssistantMessage("I see, user: city: Oslo"))
    for message in (told, repeated):
        with pytest.raises(NotStored, match="came out of memory"):
            ann.facts.write("user", "home", "Oslo", message=message, quote="city: Oslo")
    (said,) = talk.add(UserMessage("Yes, city: Oslo"))
    assert ann.facts.write("user", "home", "Oslo", message=said, quote="city: Oslo").how == "new"


def test_the_agent_never_outranks_a_tool_nor_a_tool_the_person(ann: Scope) -> None:
    talk = ann.conversation("monday")
    person, tool = talk.add(UserMessage("The port is 80"), ToolMessage("c", "read_file", "port = 81"))
    ann.facts.write("server", "port", "80", message=person, quote="port is 80")
    doubted = ann.facts.write("server", "port", "81", message=tool, quote="port = 81")
    assert (doubted.how, doubted.fact.origin) == ("doubted", Origin.TOOL)
    guessed = ann.facts.write("server", "port", "82")
    assert (guessed.how, guessed.fact.origin) == ("doubted", Origin.AGENT)
    assert [(fact.value, fact.origin) for fact in ann.facts.now()] == [("80", Origin.PERSON)]


def test_the_person_confirms_what_the_agent_thought(ann: Scope) -> None:
    guessed = ann.facts.write("user", "pet", "a dog")
    (said,) = ann.conversation("monday").add(UserMessage("I have a dog"))
    confirmed = ann.facts.write("user", "pet", "a dog", message=said, quote="a dog")
    assert (confirmed.how, confirmed.ended[0].id) == ("confirmed", guessed.fact.id)
    assert ann.facts.write("user", "pet", "A DOG").how == "same"


def test_what_may_be_about_the_same_is_named_and_left_alone(ann: Scope) -> None:
    ann.facts.write("user", "phone", "555")
    written = ann.facts.write("user", "mobile phone", "556")
    assert [fact.attribute for fact in written.near] == ["phone"]
    assert len(ann.facts.now()) == 2


def test_ids_of_somebody_else_are_not_found(memory: Memory, ann: Scope) -> None:
    (said,) = ann.conversation("monday").add(UserMessage("I live in Oslo"))
    fact = ann.facts.write("user", "city", "Oslo", message=said, quote="Oslo").fact
    bob = memory.of("bob")
    bob.facts.write("user", "city", "Rome")
    with pytest.raises(NotRemembered, match=f"there is no message {said} of bob"):
        bob.facts.write("user", "town", "Oslo", message=said, quote="Oslo")
    for wrong in (fact.id, 4711):
        with pytest.raises(NotRemembered, match=f"there is no fact {wrong} of bob"):
            bob.facts.get(wrong)
        with pytest.raises(NotRemembered, match=f"there is no fact {wrong} of bob"):
            bob.facts.end(wrong)
    assert [one.value for one in bob.facts.every()] == ["Rome"]


def test_a_fact_can_be_let_end(ann: Scope, clock: Clock) -> None:
    fact = ann.facts.write("user", "city", "Oslo").fact
    assert ann.facts.end(fact.id).valid_to == clock.now
    assert ann.facts.now() == ()


def test_a_fact_is_three_lines(ann: Scope) -> None:
    with pytest.raises(UsageError, match="value = '' cannot be"):
        ann.facts.write("user", "city", "  ")
    with pytest.raises(UsageError, match="confidence = 2"):
        ann.facts.write("user", "city", "Oslo", confidence=2)
    with pytest.raises(NotStored, match="needs the message"):
        ann.facts.write("user", "city", "Oslo", quote="in Oslo")
