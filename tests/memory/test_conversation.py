"""What was said is kept as it was; summaries stand beside it."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentkit.core.errors import MemoryUnusable, ProviderDown, UsageError
from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.journal.redact import Redactor
from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory
from agentkit.memory.view import RETOLD, Shape

from .conftest import Clock
from .test_view import texts, words

CALL = ToolCall("c1", "look", {"where": "shelf", "deep": [1, {"a": None}]})
SAID: tuple[Message, ...] = (
    SystemMessage("be kind"),
    UserMessage("“看一下” the shelf\n\0"),
    AssistantMessage("I look", calls=(CALL,), reasoning="hm"),
    ToolMessage("c1", "look", "empty", failed=True),
    AssistantMessage("It is empty"),
)


def test_messages_come_back_as_they_were(ann: Scope, clock: Clock) -> None:
    talk = ann.conversation("monday")
    ids = talk.add(*SAID)
    assert talk.messages() == SAID
    assert [one.id for one in talk.kept()] == list(ids)
    assert {one.at for one in talk.kept()} == {clock.now}


def test_a_key_that_is_there_adds_nothing(ann: Scope) -> None:
    talk = ann.conversation("monday")
    first = talk.add(UserMessage("one"), keys=("k1",))
    assert talk.add(UserMessage("one"), UserMessage("two"), keys=("k1", "k2"))[0] == first[0]
    assert [one.text for one in talk.messages()] == ["one", "two"]


def test_nobody_elses_conversation_is_found(memory: Memory, ann: Scope) -> None:
    ann.conversation("monday").add(*SAID)
    for other in (memory.of("bob"), memory.of("ann", tenant="shop")):
        assert other.conversation("monday").messages() == ()
        assert other.conversations() == ()
    assert memory.people() == (("local", "ann"),)


def test_secrets_are_taken_out_before_they_are_kept(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.db", redact=Redactor({"PIN": "hunter2hunter2"})) as memory:
        talk = memory.of("ann").conversation("monday")
        talk.add(UserMessage("it is hunter2hunter2"))
        assert talk.messages() == (UserMessage("it is [secret:PIN]"),)
        assert memory.traces("hunter2hunter2") == 0


def test_what_was_said_cannot_be_altered(memory: Memory, ann: Scope) -> None:
    ann.conversation("monday").add(*SAID)
    with sqlite3.connect(memory.path) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute("UPDATE messages SET body = x'7b7d'")
    other.close()


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_name_is_one_line(memory: Memory, name: str) -> None:
    with pytest.raises(UsageError, match="one line"):
        memory.of(name)


def test_a_journal_is_no_memory(tmp_path: Path) -> None:
    from agentkit.journal.store import Journal

    Journal.open(tmp_path / "journal.db").close()
    with pytest.raises(MemoryUnusable, match="not a memory; name another with --memory-file"):
        Memory.open(tmp_path / "journal.db")


TALK = [
    UserMessage("hello"),
    AssistantMessage("hi there"),
    UserMessage("one two three"),
    AssistantMessage("eins zwei drei"),
    UserMessage("four five six"),
    AssistantMessage("vier fünf sechs"),
]
SHORT = Shape(tokens=14, summarise=True, goal=False)


class Told:
    """Summarises, and remembers what it was given."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.given: list[tuple[str, list[str]]] = []

    async def __call__(self, before: str, messages: Sequence[Message]) -> str:
        self.given.append((before, [one.text for one in messages]))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_summary_tells_what_leaves_and_lasts(ann: Scope) -> None:
    talk = ann.conversation("monday")
    talk.add(*TALK)
    told = Told("greeted; numbers")
    found = await talk.shown(SHORT, words, told)
    assert told.given == [
        ("", ["hello", "hi there", "one two three", "eins zwei drei", "four five six", "vier fünf sechs"][:6])
    ]
    assert texts(found) == [f"{RETOLD}\ngreeted; numbers"]
    assert texts(ann.conversation("monday").view(SHORT, words)) == texts(found)


async def test_a_later_summary_goes_on_from_the_one_before(ann: Scope) -> None:
    talk = ann.conversation("monday")
    talk.add(*TALK)
    await talk.shown(SHORT, words, Told("numbers"))
    talk.add(UserMessage("seven"), AssistantMessage("sieben"))
    told = Told()
    found = await talk.shown(SHORT, words, told)  # it still fits
    assert (texts(found)[1:], told.given) == (["seven", "sieben"], [])
    talk.add(UserMessage("eight nine"), AssistantMessage("acht neun"))
    later = Told("more numbers")
    await talk.shown(SHORT, words, later)
    assert later.given[0][0] == "numbers"
    assert "hello" not in later.given[0][1]


@pytest.mark.parametrize(
    "answer",
    [ProviderDown("no answer"), TimeoutError(), "   ", " ".join(["long"] * 50)],
    ids=["error", "anybody's error", "empty", "too long"],
)
async def test_a_summary_that_failed_leaves_the_history_as_it_is(ann: Scope, answer: str | Exception) -> None:
    talk = ann.conversation("monday")
    talk.add(*TALK)
    before = talk.view(SHORT, words)
    found = await talk.shown(SHORT, words, Told(answer))
    assert found.messages == before.messages
    assert found.left == before.left
    assert found.fault
    assert talk.messages() == tuple(TALK)
    assert talk.summary() is None
    mended = await talk.shown(SHORT, words, Told("numbers"))
    assert texts(mended)[0] == f"{RETOLD}\nnumbers"


async def test_what_answers_no_call_is_no_reason_for_a_summary(ann: Scope) -> None:
    talk = ann.conversation("monday")
    talk.add(UserMessage("go"), AssistantMessage("gone"), ToolMessage("x", "look", "nobody asked"))
    told = Told()
    found = await talk.shown(Shape(summarise=True, turns=1), words, told)
    assert (texts(found), told.given) == (["go", "gone"], [])
