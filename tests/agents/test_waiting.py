"""While the person is asked nobody is at work, however long they take."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from agentkit.agents.fold import fold
from agentkit.agents.replay import replay
from agentkit.core.events import CallDecided, CallFinished, Ending, PersonStopped
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Outcome
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.tooling.policy import Approve, Policy
from agentkit.tooling.tool import Tool
from agentkit.tooling.work_clock import WorkClock

WRITE = ToolCall("w", "write_file", {"path": "a.txt", "content": "a"})
QUESTION = ToolCall("q", "ask_user", {"question": "Which one?"})


class Watched(WorkClock):
    """Knows which limits run."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.running: list[asyncio.Timeout] = []

    @contextmanager
    def stops(self, limit: asyncio.Timeout) -> Generator[None]:
        self.running.append(limit)
        with super().stops(limit):
            yield
        self.running.remove(limit)


class AnHourLater:
    """A person who comes back to the question in an hour."""

    def __init__(self) -> None:
        self.now = 0.0
        self.clock = Watched(lambda: self.now)
        self.deadlines: list[float | None] = []

    async def allow(self, tool: Tool, call: ToolCall, reason: str) -> bool:
        await self.answer(reason)
        return True

    async def answer(self, question: str) -> str:
        await asyncio.sleep(0)
        self.now += 3600
        self.deadlines += [limit.when() for limit in self.clock.running]
        return "the second"


@pytest.mark.parametrize(("call", "limits"), [(WRITE, 1), (QUESTION, 2)])
async def test_a_question_that_waits_for_an_hour_takes_no_time_from_the_run(
    stage, call: ToolCall, limits: int
) -> None:
    person = AnHourLater()
    stage.log = MemoryLog(clock=lambda: person.now)
    agent = stage.agent(
        [call, "Done."],
        clock=person.clock,
        limits=Limits(seconds=60, tool_seconds=30),
        policy=Policy(Approve.ASK),
        approver=person.allow,
        ask=person.answer,
    )
    ended = await agent.run(stage.start(limits=agent.limits))
    assert ended.ending is Ending.FINISHED
    (finished,) = stage.events(CallFinished)
    assert (finished.result.outcome, finished.result.seconds) == (Outcome.OK, 0.0)
    assert person.deadlines == [None] * limits  # of the step; of the tool, where that asks
    assert agent.seconds == agent.state.seconds == fold(stage.log.events()).seconds == 0.0
    told = [one.waited for kind in (CallDecided, CallFinished) for one in stage.events(kind)]
    assert sum(told) == 3600
    again = await replay(stage.log.events(), agent.tools)
    assert again.difference is None


async def test_a_question_that_is_broken_off_took_no_time_either(stage) -> None:
    person = AnHourLater()
    stage.log = MemoryLog(clock=lambda: person.now)

    async def never(tool: Tool, call: ToolCall, reason: str) -> bool:
        person.now += 3600
        raise asyncio.CancelledError

    agent = stage.agent([WRITE, "Done."], clock=person.clock, policy=Policy(Approve.ASK), approver=never)
    agent.record(stage.start())
    await agent.step()
    with pytest.raises(asyncio.CancelledError):
        await agent.step()
    await agent.stop()
    assert [one.waited for one in stage.events(PersonStopped)] == [3600]
    assert agent.state.seconds == 0.0
    assert (await replay(stage.log.events(), agent.tools)).difference is None


async def test_a_limit_goes_on_where_it_stood() -> None:
    clock, loop = WorkClock(), asyncio.get_running_loop()
    seen: list[float | None] = []
    first = clock.asking()
    first.__enter__()  # a question waits already
    async with asyncio.timeout(1000) as limit:
        with clock.stops(limit):
            with clock.asking():
                await asyncio.sleep(0)
                seen.append(limit.when())
            seen.append(limit.when())  # the other one still waits
            first.__exit__(None, None, None)
            seen.append(limit.when())
    *standing, when = seen
    assert standing == [None, None]
    assert when is not None
    assert loop.time() < when <= loop.time() + 1000


async def test_a_limit_that_ran_out_stays_so() -> None:
    clock = WorkClock()

    async def asking_at_the_end() -> None:
        async with asyncio.timeout(0) as limit:
            with clock.stops(limit):
                try:
                    await asyncio.sleep(60)
                finally:
                    with clock.asking():
                        assert limit.expired()

    with pytest.raises(TimeoutError):
        await asking_at_the_end()


async def test_an_agents_question_stops_the_clock_of_the_run_that_it_works_for_too(stage) -> None:
    person = AnHourLater()
    head = stage.agent(["x"], clock=person.clock, ask=person.answer)
    other = stage.agent(["x"], clock=head.clock, ask=head.ask, log=MemoryLog())
    await other._context("c").ask("Which one?")
    assert person.now == 3600
    assert head.seconds == other.seconds == 0.0
