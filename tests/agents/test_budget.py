"""Budgets that hold: of one run, of many runs at once, in tokens, money, steps and seconds."""

import asyncio
import io
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentkit.agents.budget import CLOSING_ANSWER, answer_room
from agentkit.agents.employment import Terms, employ
from agentkit.agents.fold import fold
from agentkit.agents.loop import Agent
from agentkit.agents.pool import Pool
from agentkit.agents.replay import replay
from agentkit.cli.render import replay as shown
from agentkit.cli.screens import Look
from agentkit.core.errors import BadRequest, ProviderDown
from agentkit.core.events import (
    AgentStarted,
    AnswerCut,
    CallFinished,
    Compacted,
    Ending,
    ModelAnswered,
    ModelAsked,
    Nudged,
    RunResumed,
)
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.tools import Effect, Outcome
from agentkit.core.usage import FREE, SHORTEST_ANSWER, Limits, Price, Spent, Usage
from agentkit.journal.memory import MemoryLog, MemoryRuns
from agentkit.models.scripted import ScriptedModel
from agentkit.tooling.remembering import NoMemory
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.agents import PACK

from .conftest import Stage, add

RUNS = 200
ONLY_ADD = {"add": add}
WITH_AGENTS = {**ONLY_ADD, **{one.name: one for one in PACK.tools}}
PRICE = Price(Decimal("0.15"), Decimal("0.60"), Decimal("0.075"))
DEARER = Price(Decimal("1.25"), Decimal("2.50"), Decimal("1.50"))


def adding(n: int) -> ToolCall:
    return ToolCall(f"c{n}", "add", {"a": n, "b": 1})


# --- what an answer may have

AMOUNTS = st.decimals("0", "50", places=3)
PRICES = st.builds(Price, AMOUNTS, AMOUNTS, AMOUNTS | st.none())


@given(
    st.integers(0, 10**6) | st.none(),
    st.decimals("0", "2", places=6) | st.none(),
    PRICES,
    PRICES,
    st.integers(0, 10**5),
    st.integers(0, 10**5),
    st.floats(0, 1),
)
def test_an_answer_that_uses_all_its_room_leaves_the_last_answer_possible(
    tokens: int | None,
    cost: Decimal | None,
    price: Price,
    closing_price: Price,
    estimate: int,
    closing: int,
    cached: float,
) -> None:
    free = Limits(tokens=tokens, cost=cost)
    room = answer_room(free, price, estimate, closing, closing_price)
    if room is None:
        assert tokens is None
        assert cost is None or price.most(0, 1) + closing_price.most(int(closing > 0), 0) == 0
        return
    if room < SHORTEST_ANSWER:
        return
    usage = Usage(estimate, room, int(estimate * cached))
    spent = Spent(1, usage.total, price.of(usage))
    last = Usage(closing + room, CLOSING_ANSWER) if closing else Usage()
    total = spent + Spent(1, last.total, closing_price.of(last))
    assert tokens is None or total.tokens <= tokens
    assert cost is None or total.cost <= cost


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_set_aside_covers_whatever_is_cached(
    estimate: int, used: int, cached: int, output: int
) -> None:
    usage = Usage(min(used, estimate), output, cached)
    assert PRICE.of(usage) <= PRICE.most(estimate, output)


def test_a_price_is_exact() -> None:
    assert PRICE.of(Usage(1000, 100, 400)) == Decimal("0.00018")
    assert Price(Decimal(3), Decimal(15)).of(Usage(1, 1, 1)) == Decimal("0.000018")


# --- one run


async def test_the_last_answer_is_asked_for_without_tools_and_kept(stage) -> None:
    model = ScriptedModel([adding(1), adding(2), "Two sums are done, the third is missing."])
    limits = Limits(steps=3)
    ended = await stage.agent(model, limits=limits).run(stage.start(limits=limits))
    assert (ended.ending, ended.because) == (Ending.BUDGET, "the limit of 3 steps is reached")
    assert ended.result == "Two sums are done, the third is missing."
    assert ended.claimed == (ended.result,)
    assert model.requests[-1].tools == ()
    assert "the limit of 3 steps is reached" in model.requests[-1].messages[-1].text
    assert not model.requests[-1].must_call


async def test_answers_may_be_as_short_as_the_model_or_the_person_wants(stage) -> None:
    profile = ModelProfile(context_window=100_000, max_output_tokens=SHORTEST_ANSWER // 2)
    ended = await stage.agent(ScriptedModel(["Hello."], profile=profile)).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.FINISHED, "Hello.")


async def test_a_call_in_the_last_answer_does_not_run(stage) -> None:
    ended = await stage.agent([adding(1), adding(2)], limits=Limits(steps=2)).run(stage.start())
    assert len(stage.events(CallFinished)) == 1
    assert (ended.ending, ended.claimed) == (Ending.BUDGET, ())
    assert "the last answer was empty" in ended.result


@pytest.mark.parametrize("kind", ["steps", "tokens", "cost"])
async def test_where_there_is_room_for_one_answer_only_it_is_for_work(stage, kind: str) -> None:
    model = ScriptedModel([adding(1), "never asked for"])
    estimate = model.estimate(
        ModelRequest(stage.start().opening, stage.agent(model, tools=ONLY_ADD).offered())
    )
    most = {"steps": 1, "tokens": estimate + SHORTEST_ANSWER, "cost": PRICE.most(estimate, SHORTEST_ANSWER)}
    agent = stage.agent(model, tools=ONLY_ADD, limits=Limits(**{kind: most[kind]}), price=PRICE)
    ended = await agent.run(stage.start())
    assert len(stage.events(CallFinished)) == len(model.requests) == 1
    assert ended.ending is Ending.BUDGET
    assert "there was no room for a last answer" in ended.result


async def test_below_a_limit_nothing_is_said_of_it(stage) -> None:
    await stage.agent([adding(n) for n in range(7)] + ["done"], limits=Limits(steps=10)).run(stage.start())
    assert stage.events(Nudged) == []


async def test_most_of_a_limit_is_told_once(stage) -> None:
    await stage.agent([adding(n) for n in range(9)] + ["done"], limits=Limits(steps=10)).run(stage.start())
    (told, closing) = stage.events(Nudged)
    assert (told.reason, closing.reason) == ("budget", "closing")
    assert "8 of 10 steps" in told.text


async def test_a_tool_is_cut_off_when_the_seconds_for_tools_are_used_up(stage) -> None:
    @tool(effect=Effect.EXECUTES)
    async def hang() -> str:
        """Hang."""
        await asyncio.Event().wait()
        return ""

    model = ScriptedModel([[ToolCall("h", "hang", {}), adding(1)], "It hangs."])
    ended = await stage.agent(model, hang, limits=Limits(tool_seconds=0.2)).run(stage.start())
    cut, undone = (event.result for event in stage.events(CallFinished))
    assert (cut.outcome, undone.outcome) == (Outcome.UNKNOWN, Outcome.DENIED)
    assert cut.seconds >= 0.2
    assert "did not run: the limit of 0.2 seconds in tools is reached" in undone.text
    assert (ended.ending, ended.result) == (Ending.BUDGET, "It hangs.")


async def test_an_error_of_the_tool_that_speaks_of_time_is_the_tools_own(stage) -> None:
    @tool(effect=Effect.PURE)
    def slow() -> str:
        """Fail."""
        raise TimeoutError("the server was slow")

    await stage.agent([ToolCall("h", "slow", {}), "done", "done"], slow).run(stage.start())
    (failed,) = stage.events(CallFinished)
    assert (failed.result.outcome, failed.result.text) == (
        Outcome.FAILED,
        "TimeoutError: the server was slow",
    )


async def test_the_cost_of_every_answer_is_recorded(stage) -> None:
    agent = stage.agent([adding(1), "done"], price=PRICE)
    await agent.run(stage.start())
    costs = [event.cost for event in stage.events(ModelAnswered)]
    assert costs == [PRICE.of(event.usage) for event in stage.events(ModelAnswered)]
    assert agent.state.cost == sum(costs)
    assert agent.state.unpriced == 0


@pytest.mark.parametrize(("price", "cost", "unpriced"), [(FREE, Decimal(0), 0), (None, None, 1)])
async def test_nothing_and_unknown_are_not_the_same(stage, price, cost, unpriced) -> None:
    agent = stage.agent(["done"], price=price)
    await agent.run(stage.start())
    assert [event.cost for event in stage.events(ModelAnswered)] == [cost]
    assert agent.state.unpriced == unpriced


# --- many runs at once


class Greedy:
    """Asks for one more call each time, uses mostly all of its reservation, and breaks off at times.

    At times the call lets another agent work for it.
    """

    def __init__(self, dice: random.Random, usage: list[Spent], price: Price) -> None:
        self.name = "greedy"
        self.profile = ModelProfile(context_window=100_000, max_output_tokens=300)
        self._dice = dice
        self._usage = usage
        self._price = price
        self._asked = 0

    def estimate(self, request: ModelRequest) -> int:
        return 40 * len(request.messages)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | StreamRestarted | Answer]:
        for _ in range(self._dice.randrange(4)):
            await asyncio.sleep(0)
        self._asked += 1
        if self._dice.random() < 0.02:
            raise ProviderDown("over capacity")
        while self._dice.random() < 0.2:
            self._took(request, 1)  # nobody is told how much it was
            yield TextDelta("half")
            await asyncio.sleep(0)
            yield StreamRestarted("it broke off")
        usage = self._took(request, self._dice.choice([0, 0.5, 1, 1, 1]))
        calls = () if self._dice.random() < 0.1 else (self._call({spec.name for spec in request.tools}),)
        yield Answer(AssistantMessage("" if calls else "done", calls), usage, "calls" if calls else "stop")

    def _call(self, offered: set[str]) -> ToolCall:
        n, wait = self._asked, self._dice.random() < 0.5
        if "start_agent" not in offered or self._dice.random() < 0.8:
            return adding(n)
        return ToolCall(f"c{n}", "start_agent", {"name": f"a{n}", "task": "add", "share": 0.5, "wait": wait})

    def _took(self, request: ModelRequest, part: float) -> Usage:
        usage = Usage(int(self.estimate(request) * part), int(request.max_tokens * part))
        self._usage.append(Spent(0, usage.total, self._price.of(usage)))
        return usage

    async def aclose(self) -> None: ...


class Kept(MemoryRuns):
    """Runs in memory that can be looked at."""

    @property
    def logs(self) -> list[MemoryLog]:
        return list(self._logs.values())


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 60_000) | st.none(),
    st.integers(0, 300) | st.none(),
    st.decimals("0", "0.03", places=6) | st.none(),
    st.integers(),
)
@example(40_000, 200, Decimal("0.02"), 7)
def test_two_hundred_runs_at_once_never_exceed_a_ceiling(
    tokens: int | None, steps: int | None, cost: Decimal | None, seed: int
) -> None:
    """Two models with two prices, and agents that work for some of the runs."""
    dice = random.Random(seed)
    pool = Pool(Limits(steps=steps, tokens=tokens, cost=cost))
    used: list[Spent] = []

    class Guard:
        """Looks at the pool at every event of every run."""

        def on_event(self, recorded: Any) -> None:
            now = pool.spent + pool.drawn
            assert tokens is None or now.tokens <= tokens
            assert steps is None or now.steps <= steps
            assert cost is None or now.cost <= cost

        def on_text(self, text: str) -> None: ...
        def on_restart(self, reason: str) -> None: ...
        def on_output(self, call_id: str, text: str) -> None: ...

    def agent(stage: Stage, price: Price, below: Kept) -> Agent:
        made = stage.agent(
            Greedy(dice, used, price),
            tools=WITH_AGENTS,
            pool=pool,
            price=price,
            limits=Limits(steps=8, tokens=20_000, cost=Decimal("0.02")),
            sinks=(Guard(),),
        )
        terms = Terms(
            runs=below,
            snapshots=lambda _log: Snapshots(stage.workspace),
            memory=lambda _log: (NoMemory(), (Guard(),)),
            beginning=lambda task, _name, one: stage.start(task, one.limits),
            resumed=lambda _one: RunResumed(1),
            most=2,
            depth=1,
        )
        employ(made, lambda: terms)
        return made

    async def run(root: Path) -> None:
        below = Kept()
        with Workspace.open(root) as workspace:
            stages = [Stage(workspace, MemoryLog()) for _ in range(RUNS)]
            agents = [agent(stage, (PRICE, DEARER)[n % 2], below) for n, stage in enumerate(stages)]
            await asyncio.gather(
                *(agent.run(stage.start()) for agent, stage in zip(agents, stages, strict=True))
            )
            for one in agents:
                await one.crew.aclose()
                total = one.state.total
                assert total.steps <= one.limits.steps
                assert total.tokens <= one.limits.tokens
                assert total.cost <= one.limits.cost
        begun = [log.run_id for log in below.logs]
        assert set(begun) >= {event.run for stage in stages for event in stage.events(AgentStarted)}
        told = Spent()
        for stage in (*stages, *(Stage(workspace, log) for log in below.logs)):
            asked = {event.step: event for event in stage.events(ModelAsked)}
            for answered in stage.events(ModelAnswered):
                told += Spent(1, answered.usage.total, answered.cost)
                asked.pop(answered.step)
            for cut in stage.events(AnswerCut):  # what broke off before an answer is in that
                told += Spent(0, cut.tokens, cut.cost) if cut.step in asked else Spent()
            for at in asked.values():  # it failed, or the agent was stopped
                told += Spent(1, at.reserved_tokens, at.reserved_cost)
        assert pool.drawn == Spent()
        assert pool.spent == told
        computed = sum(used, Spent())
        assert computed.tokens <= pool.spent.tokens
        assert computed.cost <= pool.spent.cost

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
    assert tokens is None or pool.spent.tokens <= tokens
    assert steps is None or pool.spent.steps <= steps
    assert cost is None or pool.spent.cost <= cost


async def test_a_pool_that_is_spent_ends_each_run_by_what_it_has(stage) -> None:
    pool = Pool(Limits(steps=3))
    model = ScriptedModel([adding(1), adding(2), "One sum is missing."])
    ended = await stage.agent(model, pool=pool).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.BUDGET, "One sum is missing.")
    assert "shared pool" in ended.because
    again = Stage(stage.workspace)
    ended = await again.agent(["never asked for"], pool=pool).run(again.start())
    assert (ended.ending, again.events(ModelAsked)) == (Ending.BUDGET, [])


async def test_a_run_that_is_cancelled_gives_nothing_back_of_what_may_be_charged(stage) -> None:
    begun = asyncio.Event()

    class Hanging(ScriptedModel):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
            begun.set()
            await asyncio.Event().wait()
            yield

    pool = Pool(Limits(tokens=100_000))
    task = asyncio.create_task(stage.agent(Hanging(["x"]), pool=pool).run(stage.start()))
    await begun.wait()
    drawn = pool.drawn
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (pool.spent, pool.drawn) == (drawn, Spent())


class BreaksOff(ScriptedModel):
    """Two answers of each request break off."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        for _ in range(2):
            yield TextDelta("half")
            yield StreamRestarted("it broke off")
        async for piece in super().stream(request):
            yield piece


async def test_an_answer_that_breaks_off_counts_as_all_that_was_set_aside(stage) -> None:
    agent = stage.agent(BreaksOff(["done"]), price=PRICE)
    await agent.run(stage.start())
    (asked,), (answered,) = stage.events(ModelAsked), stage.events(ModelAnswered)
    whole = ScriptedModel(["done"])
    plain = Stage(stage.workspace)
    await plain.agent(whole, price=PRICE).run(plain.start())
    (once,) = plain.events(ModelAnswered)
    assert answered.usage.total == once.usage.total + 2 * asked.reserved_tokens
    assert answered.cost == once.cost + 2 * asked.reserved_cost
    assert answered.usage.estimated
    assert agent.state.spent.steps == 1
    assert agent.state.spent.tokens == answered.usage.total  # told while it broke off, and counted once


class Killed(BreaksOff):
    """The process dies in the third attempt."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        async for piece in super().stream(request):
            if isinstance(piece, Answer):
                raise asyncio.CancelledError
            yield piece


async def test_attempts_that_broke_off_before_a_kill_count_as_spent(stage) -> None:
    agent = stage.agent(Killed(["never"]), price=PRICE)
    with pytest.raises(asyncio.CancelledError):
        await agent.run(stage.start())
    (asked,) = stage.events(ModelAsked)
    three = Spent(1, 3 * asked.reserved_tokens, 3 * asked.reserved_cost)
    assert agent.state.spent == three
    agent.record(RunResumed(1))
    assert agent.state.spent == fold(stage.log.events()).spent == three
    assert (await replay(stage.log.events(), agent.tools)).difference is None
    out = io.StringIO()
    shown(out, Look.PLAIN, "run", stage.log.events())
    assert out.getvalue().count("the answer broke off and began anew; ") == 2
    agent.model = ScriptedModel(["done"])
    await agent.run()
    (answered,) = stage.events(ModelAnswered)
    assert agent.state.spent.tokens == three.tokens + answered.usage.total


@pytest.mark.parametrize("shared", [True, False])
async def test_an_answer_begins_anew_only_where_as_much_is_left(stage, shared: bool) -> None:
    # of three attempts at an answer of 300 tokens, and a request of some hundreds, two are paid for
    profile = ModelProfile(context_window=100_000, max_output_tokens=300)
    probe = Stage(stage.workspace)
    await probe.agent(ScriptedModel(["done"], profile=profile)).run(probe.start())
    (asked,) = probe.events(ModelAsked)
    limits = Limits(tokens=3 * asked.reserved_tokens - 1)
    pool = Pool(limits) if shared else None
    own = Limits() if shared else limits
    agent = stage.agent(BreaksOff(["done"], profile=profile), pool=pool, limits=own)
    ended = await agent.run(stage.start(limits=own))
    assert ended.ending is Ending.BUDGET
    assert "no room for another attempt" in ended.result
    spent = agent.state.spent if pool is None else pool.spent
    (asked,) = stage.events(ModelAsked)
    assert spent.tokens == 2 * asked.reserved_tokens
    assert agent.state.spent.tokens == 2 * asked.reserved_tokens


class BreaksOffOften(ScriptedModel):
    """Every request is 1000 tokens, and the second answer breaks off for as long as it may."""

    def estimate(self, request: ModelRequest) -> int:
        return 1000

    meanwhile: Callable[[], None] = staticmethod(lambda: None)
    """What happens before it does."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        if len(self.requests) == 1:
            self.meanwhile()
        while len(self.requests) == 1:
            try:
                yield TextDelta("half")
                yield StreamRestarted("it broke off")
            except GeneratorExit:  # it may not once more
                self.requests.append(request)
                raise
        async for piece in super().stream(request):
            yield piece


@pytest.mark.parametrize("kind", ["tokens", "cost"])
@pytest.mark.parametrize("shared", [True, False])
async def test_attempts_at_an_answer_leave_the_last_answer_possible(stage, kind: str, shared: bool) -> None:
    # after the first answer: two attempts, and 1000 + 300 + 256 for the last answer, but no third
    profile = ModelProfile(context_window=100_000, max_output_tokens=300)
    price = Price(Decimal(1), Decimal(1))
    model = BreaksOffOften([adding(1), "One sum is done."], profile=profile)
    most = {"tokens": 5500, "cost": Decimal("0.0055")}
    limits = Limits(**{kind: most[kind]})
    pool, own = (Pool(limits), Limits()) if shared else (None, limits)
    agent = stage.agent(model, tools=ONLY_ADD, limits=own, pool=pool, price=price)
    ended = await agent.run(stage.start(limits=own))
    assert (ended.ending, ended.result) == (Ending.BUDGET, "One sum is done.")
    assert "it broke off; the budget has no room for another attempt" in ended.because
    assert len(stage.events(AnswerCut)) == 1
    assert agent.state.spent.tokens <= 5500
    assert (await replay(stage.log.events(), agent.tools)).difference is None


async def test_what_is_set_aside_for_an_agent_while_an_answer_is_waited_for_is_not_for_attempts(
    stage,
) -> None:
    # without the agent there would be room for a third attempt
    profile = ModelProfile(context_window=100_000, max_output_tokens=300)
    model = BreaksOffOften([adding(1), "One sum is done."], profile=profile)
    agent = stage.agent(model, tools=ONLY_ADD, limits=Limits(tokens=7500))
    slice_of_it = AgentStarted("scout", "its-run", "look", "c0", Limits(tokens=2000))
    model.meanwhile = lambda: agent.record(slice_of_it)
    ended = await agent.run(stage.start(limits=agent.limits))
    assert (ended.ending, ended.result) == (Ending.BUDGET, "One sum is done.")
    assert len(stage.events(AnswerCut)) == 1
    assert agent.state.spent.tokens <= 7500


@pytest.mark.parametrize(("error", "lost"), [(BadRequest("no"), False), (ProviderDown("gone"), True)])
async def test_what_was_turned_down_is_given_back_and_what_may_be_charged_is_not(stage, error, lost) -> None:
    pool = Pool(Limits(steps=9, tokens=100_000, cost=Decimal(1)))
    agent = stage.agent([error], pool=pool, price=PRICE)
    await agent.run(stage.start())
    (asked,) = stage.events(ModelAsked)
    set_aside = Spent(tokens=asked.reserved_tokens, cost=asked.reserved_cost)
    assert agent.state.lost == (set_aside if lost else Spent())
    assert agent.state.reserved == pool.drawn == Spent()
    assert pool.spent == Spent(steps=1) + agent.state.lost


def test_a_pool_cannot_hold_time() -> None:
    with pytest.raises(ValueError, match="limit the time of each run"):
        Pool(Limits(seconds=5))


async def test_a_last_answer_is_asked_for_in_a_view_that_can_be_paid_for(stage) -> None:
    for n in range(6):
        (stage.root / f"{n}.txt").write_text("".join(f"line {n} {k}\n" for k in range(700)))
    reads = [ToolCall(f"c{n}", "read_file", {"path": f"{n}.txt"}) for n in range(6)]
    model = ScriptedModel([*reads[:5], "Five files are read."] * 2)
    limits = Limits(tokens=14_000)
    agent = stage.agent(model, limits=limits)
    ended = await agent.run(stage.start(limits=limits))
    assert ended.ending is Ending.BUDGET
    assert agent.state.spent.tokens <= 14_000
    assert stage.events(Compacted)
    assert model.requests[-1].tools == ()


def test_a_pool_holds_in_threads_as_well() -> None:
    pool = Pool(Limits(steps=3000, tokens=900_000))
    beyond: list[Spent] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(1000):
            if (drawn := pool.draw(Spent(1, dice.randint(1, 400)))) is not None:
                now = pool.spent + pool.drawn
                beyond.extend([now] if now.tokens > 900_000 or now.steps > 3000 else [])
                drawn.settle(Spent(1, 100))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert beyond == []
    assert pool.drawn == Spent()
    assert pool.spent == Spent(3000, 300_000)
