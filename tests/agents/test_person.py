"""A run that goes on with the person's next words, and what stopping it leaves and tells."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from agentkit.agents.fold import fold
from agentkit.agents.loop import Agent
from agentkit.core.events import (
    CallIntended,
    Ending,
    PersonSaid,
    PersonStopped,
    Recorded,
    RunEnded,
    RunResumed,
)
from agentkit.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.tools import Effect, Outcome
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.scripted import ScriptedModel
from agentkit.tooling.tool import tool
from agentkit.tooling.work_clock import WorkClock


def adding(n: int) -> ToolCall:
    return ToolCall(f"c{n}", "add", {"a": n, "b": 1})


async def rest(agent: Agent) -> Ending:
    while agent.state.ended is None:
        await agent.step()
    return agent.state.ended.ending


async def stopped_in_step(agent: Agent) -> None:
    """Stop the step that is running once it waits for something."""
    step = asyncio.ensure_future(agent.step())
    await asyncio.sleep(0.05)
    step.cancel("the person stopped it")
    await asyncio.gather(step, return_exceptions=True)


class Slow:
    """A model that says a few words and then takes for ever."""

    name = "scripted:slow"
    profile = ModelProfile(context_window=1_000_000)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        yield TextDelta("first of ")
        yield TextDelta("all")
        await asyncio.sleep(60)
        yield Answer(AssistantMessage("never"))

    def estimate(self, request: ModelRequest) -> int:
        return 10

    async def aclose(self) -> None:
        pass


async def test_a_run_that_is_over_goes_on_with_the_persons_next_words(stage) -> None:
    model = ScriptedModel([adding(1), "Two.", "You are welcome."])
    agent = stage.agent(model)
    await agent.run(stage.start())
    await agent.say("Thanks.")
    assert await rest(agent) is Ending.FINISHED
    assert agent.state.ended.result == "You are welcome."
    last = model.requests[-1].messages
    assert [type(one) for one in last[-3:]] == [ToolMessage, AssistantMessage, UserMessage]
    assert last[-1] == UserMessage("Thanks.")


async def test_the_state_is_the_same_when_it_is_folded_again(stage) -> None:
    agent = stage.agent(ScriptedModel([adding(1), "Two.", adding(2), "Three."]))
    await agent.run(stage.start())
    await agent.say("And the next?")
    await rest(agent)
    assert fold(stage.log.events()) == agent.state


async def test_steps_and_seconds_are_counted_anew_for_each_task_and_tokens_are_not(stage) -> None:
    agent = stage.agent([*map(adding, range(2)), "a", *map(adding, range(2, 4)), "b"], limits=Limits(steps=4))
    await agent.run(stage.start())
    await agent.say("again")
    assert await rest(agent) is Ending.FINISHED
    assert agent.state.steps == 6
    spent = agent.state.spent.tokens
    poor = stage.agent(["never"], limits=Limits(tokens=spent))
    await poor.say("more")
    assert await rest(poor) is Ending.BUDGET


async def test_time_at_the_prompt_is_not_work(stage) -> None:
    now = [0.0]
    agent = stage.agent(["a", "b"], clock=WorkClock(lambda: now[0]), limits=Limits(seconds=50))
    await agent.run(stage.start())
    now[0] += 1000
    await agent.say("still there?")
    assert await rest(agent) is Ending.FINISHED
    assert agent.seconds < 10


def test_the_fold_takes_the_time_at_the_prompt_from_the_work(stage) -> None:
    start = stage.start()
    told = [Recorded(1, 10.0, start), Recorded(2, 12.0, RunResumed(1)), Recorded(3, 13.0, PersonStopped())]
    told += [Recorded(4, 14.0, RunEnded(Ending.INTERRUPTED, "x")), Recorded(5, 500.0, PersonSaid("go"))]
    assert fold(told).seconds == fold(told[:4]).seconds == 2.0


async def test_a_stopped_answer_stays_as_far_as_it_came_and_the_model_is_told(stage) -> None:
    agent = stage.agent(Slow())
    agent.record(stage.start())
    await stopped_in_step(agent)
    await agent.stop()
    assert stage.events(PersonStopped) == [PersonStopped("first of all")]
    assert agent.state.ended.ending is Ending.INTERRUPTED
    assert agent.state.lost.tokens > 0
    agent.model = model = ScriptedModel(["x", "Sorry."])
    await agent.say("Shorter, please.")
    await rest(agent)
    half, words = model.requests[0].messages[-2:]
    assert half == AssistantMessage("first of all")
    assert words.text.startswith("[The person stopped your answer here")
    assert words.text.endswith("Shorter, please.")


async def test_a_stopped_call_is_told_as_unknown_and_calls_not_begun_as_not_run(stage) -> None:
    begun: list[str] = []

    @tool(effect=Effect.EXECUTES)
    async def wait(name: str) -> str:
        """Wait."""
        begun.append(name)
        await asyncio.sleep(60)
        return "never"

    calls = [ToolCall("c1", "wait", {"name": "one"}), ToolCall("c2", "wait", {"name": "two"})]
    model = ScriptedModel([calls, "I see."])
    agent = stage.agent(model, wait)
    agent.record(stage.start())
    await agent.step()
    await stopped_in_step(agent)
    assert agent.state.attempts[-1].result.outcome is Outcome.UNKNOWN
    await agent.stop()
    await agent.say("What happened?")
    await rest(agent)
    first, second = [m for m in model.requests[-1].messages if isinstance(m, ToolMessage)]
    assert "the person stopped it while wait was running" in first.text
    assert second.text == "wait did not run: the person stopped the work first"
    assert begun == ["one"]


async def test_a_word_in_between_is_heard_before_the_next_question_to_the_model(stage) -> None:
    words = ["", "not so fast", ""]
    model = ScriptedModel([[adding(1), adding(2)], "Slowly then."])
    agent = stage.agent(model, hear=lambda: words.pop(0) if words else "")
    await agent.run(stage.start())
    kinds = [type(message) for message in model.requests[-1].messages[-4:]]
    assert kinds == [AssistantMessage, ToolMessage, ToolMessage, UserMessage]
    assert agent.state.task == "do it\nnot so fast"


async def test_a_failure_of_an_earlier_task_is_not_held_against_the_next(stage) -> None:
    @tool(effect=Effect.PURE)
    def broken() -> str:
        """Fail."""
        raise ValueError("no")

    model = ScriptedModel([ToolCall("c1", "broken", {}), "I could not.", "I could not.", "Hello."])
    agent = stage.agent(model, broken)
    await agent.run(stage.start())
    asked = len(model.requests)
    await agent.say("Never mind. Hello!")
    assert await rest(agent) is Ending.FINISHED
    assert len(model.requests) == asked + 1


async def test_what_a_task_changed_is_told_for_that_task_only(stage) -> None:
    def writing(name: str) -> ToolCall:
        return ToolCall(name, "write_file", {"path": name, "content": "x"})

    agent = stage.agent([writing("a.txt"), "done", writing("b.txt"), "done"])
    first = await agent.run(stage.start())
    await agent.say("now b")
    await rest(agent)
    assert [one.claim for one in first.verified] == ["a.txt was made"]
    assert [one.claim for one in agent.state.ended.verified] == ["b.txt was made"]


async def test_a_killed_run_that_is_told_something_else_settles_what_was_running(stage) -> None:
    agent = stage.agent([ToolCall("c1", "write_file", {"path": "a.txt", "content": "x"})])
    agent.record(stage.start())
    await agent.step()
    stage.log.append(CallIntended(agent.state.pending[0], Effect.EXECUTES, False))
    again = stage.agent(ScriptedModel(["x", "Fine."]))
    again.record(RunResumed(1))
    await again.say("leave it")
    assert await rest(again) is Ending.FINISHED
    told = [m.text for m in again.state.messages if isinstance(m, ToolMessage)]
    assert len(told) == 1
    assert told[0].startswith("outcome unknown")


async def test_a_last_word_that_was_not_reviewed_is_no_work_that_was_stopped(stage) -> None:
    agent = stage.agent(ScriptedModel(["Two.", "Three."]))
    agent.record(stage.start())
    await agent.step()
    await agent.say("And one more?")
    assert await rest(agent) is Ending.FINISHED
    assert not stage.events(PersonStopped)
    assert [event.result for event in stage.events(RunEnded)] == ["Two.", "Three."]
    assert agent.state.messages[-2] == UserMessage("And one more?")


@pytest.mark.parametrize(("talks", "asked"), [(True, 2), (False, 3)])
async def test_in_a_conversation_what_may_be_right_is_left_to_the_person(
    stage, talks: bool, asked: int
) -> None:
    @tool(effect=Effect.PURE)
    def broken() -> str:
        """Fail."""
        raise ValueError("no")

    model = ScriptedModel([ToolCall("c1", "broken", {}), "It fails.", "It does."])
    await stage.agent(model, broken, talks=talks).run(stage.start("why does it fail?"))
    assert len(model.requests) == asked
    assert [bool(event.doubts) for event in stage.events(RunEnded)] == [not talks]


async def test_cut_off_anywhere_a_conversation_goes_on_with_the_next_words(stage) -> None:
    @tool(effect=Effect.EXECUTES)
    async def wait(name: str) -> str:
        """Wait."""
        await asyncio.sleep(60)
        return name

    calls = [adding(1), ToolCall("c9", "wait", {"name": "x"}), adding(2)]
    whole = stage.agent(ScriptedModel([calls, adding(3), "Three.", adding(4), "Four."]), wait)
    whole.record(stage.start())
    for _ in range(2):
        await whole.step()
    await stopped_in_step(whole)
    await whole.stop()
    await whole.say("second")
    await rest(whole)
    await whole.say("third")
    await rest(whole)
    for count in range(1, len(stage.log.events()) + 1):
        log = MemoryLog(events=[recorded.event for recorded in stage.log.events()[:count]])
        agent = stage.agent(ScriptedModel(["-"] * 9 + ["Fine."]), wait, log=log, talks=True)
        if agent.state.ended is None:
            agent.record(RunResumed(1))
        await agent.say("and now?")
        assert await rest(agent) is Ending.FINISHED
        told = agent.state.messages
        asked = [call.id for one in told if isinstance(one, AssistantMessage) for call in one.calls]
        assert asked == [one.call_id for one in told if isinstance(one, ToolMessage)]
        said = [event.event.text for event in log.events() if isinstance(event.event, PersonSaid)]
        heard = [one.text for one in told if isinstance(one, UserMessage)]
        assert all(any(text in one for one in heard) for text in said)
        assert fold(log.events()) == agent.state
