"""Questions that wait for their turn: what a person said meanwhile decides about them, too."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agentkit.core.events import RuleKind
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.dispatch import Dispatcher, Reply
from agentkit.tooling.tool import tool


class Turn(asyncio.Lock):
    """A lock that says when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_wanted = asyncio.Event()

    async def acquire(self) -> bool:
        self.is_wanted.set()
        return await super().acquire()


@tool(effect=Effect.NETWORK)
def send(text: str) -> str:
    """Send a text away."""
    return f"sent {text}"


SEND = ToolCall("c1", "send", {"text": "x"})


class Person:
    """Says the same to every question, and counts them."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.questions = reply, 0

    async def __call__(self, *_: object) -> Reply:
        self.questions += 1
        return self.reply


async def answered_after_waiting(
    dispatcher: Dispatcher, meanwhile: Callable[[], Awaitable[None]]
) -> tuple[Outcome, str]:
    """What becomes of a call whose question has to wait while `meanwhile` happens."""
    dispatcher.asking = turn = Turn()
    async with turn:
        turn.is_wanted.clear()
        waiting = asyncio.create_task(dispatcher.perform(SEND))
        await turn.is_wanted.wait()
        await meanwhile()
    result = await waiting
    return result.outcome, result.text


@pytest.mark.parametrize(
    ("kind", "outcome"), [("deny", Outcome.DENIED), ("allow", Outcome.OK)], ids=["deny", "allow"]
)
async def test_a_rule_that_was_given_meanwhile_decides_about_a_call_that_waits_for_its_question(
    desk, kind: RuleKind, outcome: Outcome
) -> None:
    person = Person(Reply(allowed=kind == "deny"))
    dispatcher = desk.dispatcher(send, approver=person)

    async def rule() -> None:
        dispatcher.policy = dispatcher.policy.with_rule(kind, "send")

    assert (await answered_after_waiting(dispatcher, rule))[0] is outcome
    assert person.questions == 0


async def test_a_call_is_asked_about_once_where_nothing_was_said_meanwhile(desk) -> None:
    person = Person(Reply(allowed=True))

    async def nothing() -> None:
        pass

    dispatcher = desk.dispatcher(send, approver=person)
    assert await answered_after_waiting(dispatcher, nothing) == (Outcome.OK, "sent x")
    assert person.questions == 1


async def test_a_rule_about_something_else_leaves_the_question_to_be_asked(desk) -> None:
    person = Person(Reply(allowed=False))
    dispatcher = desk.dispatcher(send, approver=person)

    async def rule() -> None:
        dispatcher.policy = dispatcher.policy.with_rule("deny", "reads")

    assert (await answered_after_waiting(dispatcher, rule))[0] is Outcome.DENIED
    assert person.questions == 1
