"""Agents that work for a run: what they may spend and do, how they end, and what is known of them."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.agents.budget import slice_of
from agentkit.agents.fold import fold
from agentkit.agents.replay import replay
from agentkit.assembly import Outcome, Surroundings, resume_run, run_goal
from agentkit.core.errors import ProviderDown, UndoRefused, UsageError
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    CallDecided,
    CallFinished,
    CallIntended,
    Ending,
    Event,
    ModelAsked,
    PersonSaid,
    Recorded,
    RuleSet,
    RunEnded,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest
from agentkit.core.tools import Effect, ToolResult
from agentkit.core.tools import Outcome as CallOutcome
from agentkit.core.usage import Limits, Spent, Usage
from agentkit.journal.memory import MemoryLog, MemoryRuns
from agentkit.journal.store import Journal
from agentkit.models.scripted import After
from agentkit.settings import load_settings
from agentkit.tooling.context import ToolContext
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.dispatch import Reply
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoing import redo, undo
from agentkit.tooling.tool import Tool, tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.agents import PACK

from .cast import Cast, call
from .conftest import add
from .test_faults import alive, descendants, wait_until

START = {"name": "scout", "task": "scout ahead"}


@tool(effect=Effect.NETWORK)
def send(text: str) -> str:
    """Send a text away."""
    raise AssertionError(f"{text} was sent")


TOOLS = {one.name: one for one in (add, send, *PACK.tools)}


class Place:
    """A workspace and a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir(exist_ok=True)

    def settings(self, **chosen: Any) -> Any:
        return load_settings(
            {"workspace": str(self.workspace), "journal": str(self.folder / "journal.db"), **chosen}
        )

    def around(self, model: Cast, *more: Tool, **given: Any) -> Surroundings:
        tools = {**installed_tools(), **TOOLS, **{one.name: one for one in more}}
        return Surroundings(model=model, tools=tools, **given)

    async def run(self, model: Cast, *more: Tool, around: Any = None, **chosen: Any) -> Outcome:
        return await run_goal("lead us", self.settings(**chosen), around or self.around(model, *more))

    def events(self, parent: bool = True) -> list[Event]:
        """Of the run that a person began, or of the only one that works for it."""
        with Journal.open(self.folder / "journal.db") as journal:
            (run_id,) = [run.run_id for run in journal.runs() if bool(run.parent) is not parent]
            return [recorded.event for recorded in journal.events(run_id)]

    def of(self, kind: type, parent: bool = True) -> list[Any]:
        return [event for event in self.events(parent) if isinstance(event, kind)]

    def results(self, parent: bool = True) -> list[str]:
        return [event.result.text for event in self.of(CallFinished, parent)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- a child is a run of its own


async def test_an_agent_works_in_a_run_of_its_own_and_its_answer_comes_back(place: Place) -> None:
    model = Cast(
        scout=[call("add", a=1, b=2), "It is three."], lead=[call("start_agent", "s", **START), "Three."]
    )
    outcome = await place.run(model)
    assert outcome.ended.result == "Three."
    assert place.results() == ["scout: finished, 2 steps, " + place.results()[0].split(", ", 2)[2]]
    assert place.results()[0].endswith("\nIt is three.")
    first = place.events(parent=False)[0]
    assert isinstance(first, RunStarted)
    assert (first.parent, first.agent, first.goal) == (outcome.run_id, "scout", "scout ahead")
    assert "You are scout, an agent that works for another one" in first.opening[-1].text
    assert [used.name for used in first.also] == ["agent/for-another"]
    assert outcome.steps == 4


class Guest:
    """Something that is held open."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_what_agents_share_with_the_run_is_one_thing_that_outlives_them(place: Place) -> None:
    made: list[Guest] = []

    def guest() -> Guest:
        made.append(Guest())
        return made[-1]

    @tool(effect=Effect.READS)
    def share(context: ToolContext) -> str:
        """Share."""
        ours, own = context.residents.shared("ours", guest), context.residents.get("own", guest)
        return f"{made.index(ours)} is open for all: {not ours.closed}; {made.index(own)} for one"

    model = Cast(
        scout=[call("share"), "Shared."],
        lead=[call("share"), call("start_agent", "s", **START), call("share"), "Done."],
    )
    await place.run(model, share)
    first, _, last = place.results()
    assert first == last == "0 is open for all: True; 1 for one"
    assert place.results(parent=False) == ["0 is open for all: True; 2 for one"]
    assert [one.closed for one in made] == [1, 1, 1]


async def test_what_an_agent_did_not_spend_comes_back(place: Place) -> None:
    model = Cast(scout=["Nothing there."], lead=[call("start_agent", "s", **START), "Done."])
    outcome = await place.run(model, max_steps=20, max_tokens=100_000, prices="scripted:cast=1/2", max_cost=1)
    (started,), (ended,) = place.of(AgentStarted), place.of(AgentEnded)
    assert started.granted.steps == 4  # a quarter of what is left beside two
    assert 0 < started.granted.tokens < 25_000
    assert 0 < started.granted.cost < Decimal("0.25")
    assert ended.spent.steps == 1
    assert outcome.steps == 3
    assert outcome.tokens < 100_000
    assert outcome.cost is not None
    assert outcome.cost > ended.spent.cost > 0


async def test_an_agent_that_ends_at_its_slice_says_what_it_has_and_the_run_goes_on(place: Place) -> None:
    model = Cast(
        scout=[call("add", f"a{n}", a=n, b=1) for n in range(2)] + ["Two sums, one is missing."],
        lead=[call("start_agent", "s", **START, max_steps=3), "Enough."],
    )
    outcome = await place.run(model)
    assert outcome.ended.ending is Ending.FINISHED
    (ended,) = place.of(AgentEnded)
    assert (ended.ending, ended.result) == (Ending.BUDGET, "Two sums, one is missing.")
    assert place.of(RunEnded, parent=False)[0].ending is Ending.BUDGET


@pytest.mark.parametrize("limit", [{"max_steps": 3}, {"max_tokens": 4000}])
async def test_where_nothing_can_be_set_aside_no_agent_begins(place: Place, limit: dict[str, Any]) -> None:
    model = Cast(scout=["never"], lead=[call("start_agent", "s", **START), "Alone.", "Alone."])
    await place.run(model, **limit)
    assert place.of(AgentStarted) == []
    assert "does not allow another agent" in place.results()[0]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 10**6), st.integers(1, 10**9), st.decimals("0.000001", "100", places=6), st.floats(0.01, 1)
)
def test_slices_never_come_to_more_than_there_is(
    steps: int, tokens: int, cost: Decimal, share: float
) -> None:
    free = Limits(steps, 10.0, tokens, cost, 5.0)
    taken = Limits(0, None, 0, Decimal(0), 0.0)
    for _ in range(5):
        rest = Limits(
            free.steps - taken.steps, 10.0, free.tokens - taken.tokens, free.cost - taken.cost,
            free.tool_seconds - taken.tool_seconds,
        )  # fmt: skip
        part = slice_of(rest, share, None)
        if part is None:
            break
        taken = Limits(
            taken.steps + part.steps, None, taken.tokens + part.tokens, taken.cost + part.cost,
            taken.tool_seconds + part.tool_seconds,
        )  # fmt: skip
    assert taken.steps <= steps
    assert taken.tokens <= tokens
    assert taken.cost <= cost
    assert taken.tool_seconds <= 5.0 + 1e-9


# --- several at once


async def test_agents_work_at_the_same_time_and_all_within_the_budget(place: Place) -> None:
    dice = random.Random(3)
    begun: list[str] = []
    together = asyncio.Event()

    @tool(effect=Effect.PURE)
    async def meet(who: str) -> str:
        """Wait for the others."""
        begun.append(who)
        if len(begun) == 4:
            together.set()
        await asyncio.wait_for(together.wait(), 20)
        return "met"

    names = ["ada", "bob", "cyd", "dan"]
    scripts: dict[str, list[Any]] = {
        name: [call("meet", "m", who=name)]
        + [call("add", f"a{n}", a=n, b=dice.randrange(9)) for n in range(30)]
        for name in names
    }
    lead = [call("start_agent", name, name=name, task=f"{name}, go", wait=False) for name in names]
    scripts["lead"] = [lead, call("list_agents", "l", wait=True), "All are back.", "All are back."]
    outcome = await place.run(Cast(**scripts), meet, max_steps=30, max_tokens=200_000)
    assert set(begun) == set(names)
    assert outcome.steps <= 30
    assert outcome.tokens <= 200_000
    with Journal.open(place.folder / "journal.db") as journal:
        runs = [journal.events(run.run_id) for run in journal.runs()]
    asked = sum(isinstance(one.event, ModelAsked) for events in runs for one in events)
    assert asked == outcome.steps
    assert place.results()[-1].count("budget") == 4


async def test_there_are_four_and_two_levels_where_nobody_says_otherwise(place: Place) -> None:
    five = [call("start_agent", f"s{n}", name=f"scout{n}", task="scout ahead", wait=False) for n in range(5)]
    model = Cast(scout=["ok"], lead=[five, call("list_agents", "l", wait=True), "done"])
    await place.run(model)
    assert "4 agents are the most" in place.results()[4]
    assert len(place.of(AgentStarted)) == 4


@pytest.mark.parametrize(("depth", "deepest"), [(1, "ada"), (2, "bob"), (3, "cyd")])
async def test_how_far_down_agents_go_is_a_setting(place: Place, depth: int, deepest: str) -> None:
    def starting(name: str) -> ToolCall:
        return call("start_agent", f"to {name}", name=name, task=f"{name}, go", share=1)

    model = Cast(
        ada=[starting("bob"), "done", "done"], bob=[starting("cyd"), "done", "done"],
        cyd=[starting("dan"), "done", "done"], dan=["done"], lead=[starting("ada"), "done"],
    )  # fmt: skip
    await place.run(model, max_agent_depth=depth)
    with Journal.open(place.folder / "journal.db") as journal:
        agents = [
            event.agent
            for run in journal.runs()
            if isinstance(event := journal.events(run.run_id)[0].event, RunStarted) and event.agent
        ]
    assert agents[-1] == deepest
    offered = {spec.name for spec in model.requests[deepest][0].tools}
    assert "start_agent" not in offered
    assert "add" in offered


async def test_how_many_agents_there_may_be_is_a_setting(place: Place) -> None:
    both = [call("start_agent", name, name=name, task="scout ahead") for name in ("a", "b")]
    await place.run(Cast(scout=["ok"], lead=[both, "done", "done"]), max_agents=1)
    assert "1 agents are the most" in place.results()[1]


class Wild:
    """Starts, messages, stops and waits for agents as the dice say, and uses all that is set aside."""

    def __init__(self, seed: int) -> None:
        self.name = "wild"
        self.profile = ModelProfile(context_window=200_000, max_output_tokens=200)
        self._dice = random.Random(seed)
        self._number = 0

    def estimate(self, request: ModelRequest) -> int:
        return 30 * len(request.messages)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Answer]:
        for _ in range(self._dice.randrange(3)):
            await asyncio.sleep(0)
        if self._dice.random() < 0.03:
            raise ProviderDown("over capacity")
        self._number += 1
        message = self._said({spec.name for spec in request.tools})
        usage = Usage(self.estimate(request), request.max_tokens)
        yield Answer(message, usage, "calls" if message.calls else "stop")

    async def aclose(self) -> None: ...

    def _said(self, offered: set[str]) -> AssistantMessage:
        dice, number = self._dice, f"{self._number}"
        somebody = f"a{dice.randint(1, self._number)}"
        calls = {
            "start_agent": {
                "name": f"a{number}", "task": "work", "share": dice.choice([0.1, 0.5, 1]),
                "wait": dice.random() < 0.5, "max_steps": dice.choice([0, 0, 3]),
            },
            "message_agent": {"name": somebody, "message": "more", "wait": dice.random() < 0.5},
            "stop_agent": {"name": somebody},
            "list_agents": {"wait": dice.random() < 0.5},
            "add": {"a": self._number, "b": 1},
        }  # fmt: skip
        weighed = ["start_agent"] * 4 + ["message_agent", "stop_agent", "list_agents", "add", "add"]
        able = [name for name in weighed if name in offered]
        if not able or dice.random() < 0.1:
            return AssistantMessage("that is all")
        name = dice.choice(able)
        return AssistantMessage(calls=(ToolCall(f"c{number}", name, calls[name]),))


class Kept(MemoryRuns):
    """Runs in memory that can be looked at."""

    @property
    def logs(self) -> list[MemoryLog]:
        return list(self._logs.values())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 60),
    st.integers(500, 40_000) | st.none(),
    st.decimals("0.001", "0.05", places=4) | st.none(),
    st.integers(),
)
def test_a_run_and_all_below_it_never_exceed_a_ceiling(
    steps: int, tokens: int | None, cost: Decimal | None, seed: int
) -> None:
    async def run(folder: Path) -> tuple[Outcome, list[MemoryLog]]:
        log, runs = MemoryLog(), Kept()
        chosen = {"workspace": str(folder), "max_steps": steps, "max_tokens": tokens, "max_cost": cost}
        around = Surroundings(model=Wild(seed), tools=TOOLS, log=log, runs=runs)
        outcome = await run_goal("go", load_settings({**chosen, "prices": "wild=0.5/2"}), around)
        return outcome, [log, *runs.logs]

    with TemporaryDirectory(prefix="agentkit-crew-") as folder:
        place = Path(folder) / "workspace"
        place.mkdir()
        outcome, logs = asyncio.run(run(place))
    states = [fold(log.events()) for log in logs]
    own = [
        Spent(state.steps, state.usage.total, state.cost) + state.reserved + state.lost for state in states
    ]
    spent = sum(own, Spent())
    assert spent.steps <= steps
    assert tokens is None or spent.tokens <= tokens
    assert cost is None or spent.cost <= cost
    assert all(one.ended is not None for state in states for one in state.agents)
    # what was set aside for one that was stopped before it could begin may count as spent, never less
    counted = states[0].total
    assert counted.steps >= spent.steps
    assert tokens is None or counted.tokens >= spent.tokens
    assert outcome.steps <= counted.steps


# --- no more than the run may


@pytest.mark.parametrize(
    ("rules", "tried"),
    [
        ({"deny": ["write_file"]}, call("write_file", path="a", content="x")),
        ({"deny": ["writes"]}, call("append_file", path="a", content="x")),
        ({"deny": ["run_shell(touch *)"]}, call("run_shell", command="cd . && env touch a")),
        ({"ask": ["write_file"]}, call("write_file", path="a", content="x")),
        ({"approve": "read"}, call("write_file", path="a", content="x")),
        ({"approve": "ask"}, call("run_shell", command="touch a")),
        ({}, call("send", text="secret")),
    ],
)
@pytest.mark.parametrize("below", [1, 2])
async def test_an_agent_can_never_do_what_the_run_may_not(
    place: Place, rules: dict[str, Any], tried: ToolCall, below: int
) -> None:
    scout = [tried, "I may not.", "I may not."]
    lead = [call("start_agent", "s", **START, share=0.9), "Not done.", "Not done."]
    middle = {"middle": lead} if below == 2 else {}
    if below == 2:
        lead = [call("start_agent", "m", name="middle", task="middle, see to it", share=0.9), "No.", "No."]
    await place.run(Cast(scout=scout, **middle, lead=lead), **rules)
    assert list(place.workspace.iterdir()) == []
    with Journal.open(place.folder / "journal.db") as journal:
        last = journal.events(journal.runs()[-1].run_id)
    (result,) = [one.event.result for one in last if isinstance(one.event, CallFinished)]
    assert (result.name, result.outcome) == (tried.name, CallOutcome.DENIED)


async def test_an_agent_that_is_given_few_tools_has_no_others(place: Place) -> None:
    write = call("write_file", path="a", content="x")
    model = Cast(
        scout=[write, "No.", "No."], lead=[call("start_agent", "s", **START, tools=["add"]), "No.", "No."]
    )
    await place.run(model)
    assert {spec.name for spec in model.requests["scout"][0].tools} == {"add", "finish"}
    assert "there is no tool 'write_file'" in place.results(parent=False)[0]


async def test_no_agent_is_shown_more_tools_than_the_model_takes_however_many_it_is_given(
    place: Place,
) -> None:
    given = ["add", "send", "read_file", "write_file", "run_shell", "list_files"]
    lead = [call("load_tools", "l", pack="everyday/2"), call("start_agent", "s", **START, tools=given)]
    model = Cast(scout=[call("load_tools", pack="everyday/2"), "No.", "No."], lead=[*lead, "No.", "No."])
    model.profile = ModelProfile(context_window=1_000_000, most_tools=5)
    await place.run(model)
    offered = [{spec.name for spec in request.tools} for request in model.requests["scout"]]
    assert max(map(len, offered)) <= 5
    assert {"finish", "load_tools", "add", "send", "run_shell"} <= offered[0] | offered[1]


async def test_a_tool_that_the_run_does_not_have_cannot_be_given(place: Place) -> None:
    await place.run(Cast(scout=["x"], lead=[call("start_agent", "s", **START, tools=["fly"]), "No.", "No."]))
    assert "you have no tool fly to give" in place.results()[0]


async def test_a_question_for_an_agent_reaches_the_person_with_its_name(place: Place) -> None:
    heard: list[str] = []

    async def approver(tool: Tool, call: ToolCall, reason: str) -> bool:
        heard.append(f"{call.name}: {reason}")
        return False

    async def ask(question: str) -> str:
        heard.append(question)
        return "blue"

    model = Cast(
        scout=[call("send", text="x"), call("ask_user", "q", question="Which?"), "Blue.", "Blue."],
        lead=[call("start_agent", "s", **START), "Blue."],
    )
    await place.run(model, around=place.around(model, approver=approver, ask=ask))
    assert heard[0].startswith("send: the agent scout asks: ")
    assert heard[1] == "scout asks: Which?"
    assert [event.by for event in place.of(CallDecided, parent=False)] == ["person"]


async def test_a_rule_that_is_given_to_an_agent_holds_for_the_run_and_for_its_other_agents(
    place: Place,
) -> None:
    asked: list[str] = []

    async def approver(tool: Tool, call: ToolCall, reason: str) -> Reply:
        asked.append(call.name)
        return Reply(allowed=False, rules=(RuleSet("deny", "send"),))

    model = Cast(
        scout=[call("send", text="x"), "No.", "No."],
        second=[call("send", text="x"), "No.", "No."],
        lead=[
            call("start_agent", "s", **START),
            call("send", "x", text="x"),
            call("start_agent", "t", name="second", task="second try"),
            "No.",
            "No.",
        ],
    )
    around = place.around(model, approver=approver)
    await place.run(model, around=around)
    assert asked == ["send"]
    with Journal.open(place.folder / "journal.db") as journal:
        records = [journal.events(run.run_id) for run in journal.runs()]
    runs: dict[str, Sequence[Recorded]] = {}
    for events in records:
        assert isinstance(events[0].event, RunStarted)
        runs[events[0].event.agent or "lead"] = events
    given = {
        name: [one.event for one in events if isinstance(one.event, RuleSet)] for name, events in runs.items()
    }
    assert given == {"lead": [RuleSet("deny", "send")], "scout": [RuleSet("deny", "send")], "second": []}
    started = runs["second"][0].event
    assert isinstance(started, RunStarted)
    assert started.deny == ("send",)
    for events in runs.values():
        assert (await replay(events, around.tools or {})).difference is None


# --- messages and stops


async def test_a_message_to_an_agent_that_is_done_lets_it_go_on(place: Place) -> None:
    model = Cast(
        scout=["It is red.", "I said red."],
        lead=[
            call("start_agent", "s", **START),
            call("message_agent", "m", name="scout", message="What did you say?"),
            "Red.",
        ],
    )
    await place.run(model)
    assert place.results()[1].endswith("\nI said red.")
    assert [event.text for event in place.of(PersonSaid, parent=False)] == ["What did you say?"]
    last = model.requests["scout"][-1].messages[-1]
    assert last == UserMessage("What did you say?")
    assert [event.goes_on for event in place.of(AgentStarted)] == [False, True]


async def test_a_message_to_an_agent_at_work_is_heard_between_two_steps(place: Place) -> None:
    told = asyncio.Event()

    @tool(effect=Effect.PURE)
    async def dig() -> str:
        """Dig until somebody says more."""
        await asyncio.wait_for(told.wait(), 20)
        return "dug"

    @tool(effect=Effect.PURE)
    async def ring() -> str:
        """Let the other one go on."""
        told.set()
        return "rung"

    model = Cast(
        scout=[call("dig"), "Deeper, then."],
        lead=[
            call("start_agent", "s", **START, wait=False),
            [call("message_agent", "m", name="scout", message="Dig deeper.", wait=False), call("ring", "r")],
            call("list_agents", "l", wait=True),
            "Done.",
        ],
    )
    await place.run(model, dig, ring)
    assert model.requests["scout"][-1].messages[-1] == UserMessage("Dig deeper.")
    assert place.results()[-1].endswith("\nDeeper, then.")
    assert len(place.of(AgentStarted)) == 1


async def test_an_agent_that_is_stopped_gives_back_what_it_did_not_spend(place: Place) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    @tool(effect=Effect.EXECUTES)
    async def hang() -> str:
        """Hang."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")
        return ""

    @tool(effect=Effect.PURE)
    async def watch() -> str:
        """Wait until the other one hangs."""
        await asyncio.wait_for(begun.wait(), 20)
        return "it hangs"

    model = Cast(
        scout=[call("hang"), "never"],
        lead=[
            call("start_agent", "s", **START, wait=False),
            call("watch"),
            call("stop_agent", "x", name="scout"),
            "Stopped.",
        ],
    )
    await place.run(model, hang, watch, max_steps=30)
    (stopped,) = place.of(AgentEnded)
    assert (stopped.ending, ended) == (Ending.INTERRUPTED, ["hang"])
    assert stopped.spent.steps == 1
    assert place.of(RunEnded, parent=False)[0].ending is Ending.INTERRUPTED
    (result,) = [event.result for event in place.of(CallFinished, parent=False)]
    assert result.outcome is CallOutcome.UNKNOWN


async def test_a_run_that_ends_leaves_no_agent_at_work(place: Place) -> None:
    model = Cast(
        scout=[After(600, "never")],
        lead=[call("start_agent", "s", **START, wait=False), "Done.", "I do not wait."],
    )
    outcome = await place.run(model)
    assert outcome.ended.ending is Ending.FINISHED
    assert outcome.ended.doubts == ()  # the agent was to see to it; the person has nothing to doubt
    (ended,) = place.of(AgentEnded)
    assert ended.ending is Ending.INTERRUPTED
    assert ended.spent.tokens > 0  # what was set aside for the answer that never came
    assert isinstance(place.events()[-1], RunEnded)
    told = [one.text for one in model.requests["lead"][-1].messages if isinstance(one, UserMessage)]
    assert "still at work for you: scout" in told[-1]
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("agent ")]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (call("start_agent", name="1 2", task="x"), "is no name"),
        (call("start_agent", name="scout", task=" "), "the task is empty"),
        (call("start_agent", **START, share=2), "share = 2.0 cannot be"),
        (call("message_agent", name="nobody", message="x"), "there is no agent 'nobody'; there is none"),
        (call("stop_agent", name="nobody"), "there is no agent 'nobody'"),
    ],
)
async def test_what_cannot_be_is_told_with_what_would_work(place: Place, wrong: ToolCall, told: str) -> None:
    await place.run(Cast(scout=["x"], lead=[wrong, "No.", "No."]))
    assert told in place.results()[0]
    assert place.of(AgentStarted) == []


async def test_a_name_is_taken_once(place: Place) -> None:
    twice = [call("start_agent", f"s{n}", **START) for n in range(2)]
    await place.run(Cast(scout=["ok"], lead=[twice, "done", "done"]))
    assert "there is an agent scout already" in place.results()[1]


async def test_the_time_of_an_agent_is_not_counted_twice(place: Place) -> None:
    @tool(effect=Effect.PURE)
    async def nap() -> str:
        """Sleep a little."""
        await asyncio.sleep(0.2)
        return "slept"

    model = Cast(
        scout=[After(0.4, call("nap")), "Rested."], lead=[call("start_agent", "s", **START), "Rested."]
    )
    outcome = await place.run(model, nap, max_tool_seconds=2)
    assert outcome.ended.ending is Ending.FINISHED
    (ended,) = place.of(AgentEnded)
    assert 0.2 <= ended.spent.tool_seconds < 0.4
    assert place.of(CallFinished)[0].result.seconds == 0


async def test_who_waits_for_all_is_not_stopped_with_one_that_was(place: Place) -> None:
    model = Cast(
        scout=[After(600, "never")],
        lead=[
            call("start_agent", "s", **START, wait=False),
            call("stop_agent", "x", name="scout"),
            call("list_agents", "l", wait=True),
            "It was stopped.",
        ],
    )
    outcome = await place.run(model)
    assert outcome.ended.ending is Ending.FINISHED
    assert place.results()[-1].startswith("scout: interrupted, ")


async def test_a_run_at_its_limit_waits_for_what_its_agents_give_back(place: Place) -> None:
    go = asyncio.Event()

    @tool(effect=Effect.PURE)
    async def rest() -> str:
        """Rest until the other one has used its steps."""
        await asyncio.wait_for(go.wait(), 20)
        return "rested"

    def last(request: Any) -> Any:
        go.set()
        return call("add", "a10", a=9, b=9)

    # 20 steps, 8 of them set aside: without what comes back, the eleventh of its own is the last but one
    lead = [call("start_agent", "s", **START, share=0.5, wait=False)]
    lead += [call("add", f"a{n}", a=n, b=1) for n in range(9)]
    model = Cast(scout=[call("rest"), "Rested."], lead=[*lead, last, call("list_agents", "l"), "Rested."])
    outcome = await place.run(model, rest, max_steps=20)
    assert outcome.ended.ending is Ending.FINISHED
    assert place.results()[-1].endswith("\nRested.")


async def test_an_agent_that_cannot_begin_does_not_take_the_run_with_it(place: Place) -> None:
    broken = place.folder / "prompts/agent"
    broken.mkdir(parents=True)
    (broken / "for-another.md").write_text("---\nversion: '1'\n---\n{task} {nobody}\n")
    model = Cast(scout=["never"], lead=[call("start_agent", "s", **START), "Alone.", "Alone."])
    outcome = await place.run(model, prompts=str(place.folder / "prompts"))
    assert outcome.ended.ending is Ending.FINISHED
    assert "nobody" in place.results()[0]
    (ended,) = place.of(AgentEnded)
    assert ended.ending is Ending.INTERRUPTED


# --- sittings


async def interrupted(place: Place, model: Cast, *more: Tool, **chosen: Any) -> str:
    """A run that is cancelled, as by Ctrl-C, when its agent is at work."""
    task = asyncio.create_task(place.run(model, *more, **chosen))
    await asyncio.wait_for(model.was_asked["scout"].wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with Journal.open(place.folder / "journal.db") as journal:
        (run_id,) = [run.run_id for run in journal.runs() if not run.parent]
        assert not any(run.busy for run in journal.runs())
    return run_id


async def test_an_interrupted_run_takes_its_agent_up_again(place: Place) -> None:
    lead = [call("start_agent", "s", **START), call("list_agents", "l", wait=True), "It is done.", "Done."]
    run_id = await interrupted(place, Cast(scout=[After(600, "never")], lead=lead))
    assert place.of(AgentEnded) == []
    model = Cast(scout=["I am back."], lead=lead)
    outcome = await resume_run(run_id, place.settings(), place.around(model))
    assert outcome.ended.ending is Ending.FINISHED
    assert place.results()[-1].endswith("\nI am back.")
    assert len(place.of(AgentEnded)) == 1


TOLD = [
    call("start_agent", "s", **START, wait=False),
    call("message_agent", "m", name="scout", message="Dig deeper.", wait=False),
    call("rest", "r"),
    call("list_agents", "l", wait=True),
    "Done.",
    "Done.",
]


async def told_and_left(place: Place) -> str:
    """A run that is interrupted when its agent, which waits for its model, was told something."""
    reached = asyncio.Event()

    @tool(effect=Effect.PURE)
    async def rest() -> str:
        """Rest until it is interrupted."""
        reached.set()
        await asyncio.sleep(600)
        return "rested"

    model = Cast(scout=[After(600, "never")], lead=TOLD)
    task = asyncio.create_task(place.run(model, rest))
    await asyncio.wait_for(asyncio.gather(reached.wait(), model.was_asked["scout"].wait()), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(event.name, event.text) for event in place.of(AgentTold)] == [("scout", "Dig deeper.")]
    assert place.of(PersonSaid, parent=False) == []
    with Journal.open(place.folder / "journal.db") as journal:
        (run_id,) = [run.run_id for run in journal.runs() if not run.parent]
    return run_id


async def test_what_an_agent_was_told_before_an_interruption_is_heard_after_it_once(place: Place) -> None:
    run_id = await told_and_left(place)
    model = Cast(scout=["Deeper, then."], lead=TOLD)
    around = place.around(model)
    await resume_run(run_id, place.settings(), around)
    assert UserMessage("Dig deeper.") in model.requests["scout"][0].messages
    assert [event.text for event in place.of(PersonSaid, parent=False)] == ["Dig deeper."]
    assert len(place.of(AgentStarted)) == 1
    assert place.results()[-1].endswith("\nDeeper, then.")
    await replayed(place, around.tools)


@pytest.mark.parametrize("heard", [False, True])
async def test_an_agent_that_ended_just_before_an_interruption_goes_on_with_what_it_did_not_hear(
    place: Place, heard: bool
) -> None:
    run_id = await told_and_left(place)
    with Journal.open(place.folder / "journal.db") as journal:
        (child,) = [run.run_id for run in journal.runs() if run.parent]
        with journal.resume(child) as log:
            if heard:
                log.append(PersonSaid("Dig deeper.", call_id="m"))
            log.append(RunEnded(Ending.FINISHED, "Early."))
        with journal.resume(run_id) as log:
            log.append(AgentEnded("scout", Ending.FINISHED, "Early.", Spent(steps=1)))
    await resume_run(run_id, place.settings(), place.around(Cast(scout=["Deeper, then."], lead=TOLD)))
    said = [event.text for event in place.of(PersonSaid, parent=False)]
    assert said == ["Dig deeper."]
    assert [event.goes_on for event in place.of(AgentStarted)] == ([False] if heard else [False, True])
    assert place.results()[-1].endswith("\nEarly." if heard else "\nDeeper, then.")


async def test_an_agent_that_is_stopped_hears_nothing_more(place: Place) -> None:
    run_id = await told_and_left(place)
    with Journal.open(place.folder / "journal.db") as journal, journal.resume(run_id) as log:
        log.append(AgentEnded("scout", Ending.INTERRUPTED, "it was stopped", Spent(steps=1)))
    await resume_run(run_id, place.settings(), place.around(Cast(scout=["Deeper, then."], lead=TOLD)))
    assert place.of(PersonSaid, parent=False) == []
    assert len(place.of(AgentStarted)) == 1


async def test_an_agent_of_a_run_is_not_resumed_by_itself(place: Place) -> None:
    await interrupted(place, Cast(scout=[After(600, "x")], lead=[call("start_agent", "s", **START), "x"]))
    with Journal.open(place.folder / "journal.db") as journal:
        (child,) = [run.run_id for run in journal.runs() if run.parent]
    with pytest.raises(UsageError, match="is the agent scout of run"):
        await resume_run(child, place.settings(), place.around(Cast(scout=["x"])))


async def test_an_agent_whose_record_was_removed_is_told_as_gone(place: Place) -> None:
    starts = call("start_agent", "s", **START, wait=False)
    lead = [starts, call("list_agents", "l", wait=True), "Gone.", "Gone."]
    run_id = await interrupted(place, Cast(scout=[After(600, "never")], lead=lead))
    with Journal.open(place.folder / "journal.db") as journal:
        journal.remove([run.run_id for run in journal.runs() if run.parent])
    outcome = await resume_run(run_id, place.settings(), place.around(Cast(scout=["never"], lead=lead)))
    assert outcome.ended.ending is Ending.FINISHED
    (ended,) = place.of(AgentEnded)
    assert "no run" in ended.result
    # what it had spent is known to nobody: all that was set aside for it counts
    assert ended.spent.steps == place.of(AgentStarted)[0].granted.steps


async def test_a_fork_leaves_the_agents_of_the_first_run_alone(place: Place) -> None:
    lead = [
        call("start_agent", "s", **START, wait=False),
        call("list_agents", "l", wait=True),
        "Done.",
        "Done.",
    ]
    run_id = await interrupted(place, Cast(scout=[After(600, "never")], lead=lead))
    with Journal.open(place.folder / "journal.db") as journal:
        fork = journal.fork(run_id, 1)
        (child,) = [run.run_id for run in journal.runs() if run.parent]
        before = journal.events(child)
    await resume_run(fork.run_id, place.settings(), place.around(Cast(scout=["never"], lead=lead)))
    with Journal.open(place.folder / "journal.db") as journal:
        assert journal.events(child) == before
        (ended,) = [one.event for one in journal.events(fork.run_id) if isinstance(one.event, AgentEnded)]
    assert "works for the run that this one was forked from" in ended.result


async def test_what_an_agent_changed_is_undone_with_the_call_that_began_it(place: Place) -> None:
    (place.workspace / "a.txt").write_text("as it was")
    write = call("write_file", path="a.txt", content="changed")
    model = Cast(scout=[write, "Changed."], lead=[call("start_agent", "s", **START), "Changed."])
    outcome = await place.run(model)
    assert (place.workspace / "a.txt").read_text() == "changed"
    with (
        Journal.open(place.folder / "journal.db") as journal,
        journal.resume(outcome.run_id) as log,
        Workspace.open(place.workspace) as workspace,
    ):
        done = undo(log, Snapshots(workspace, log.contents))
    assert done.changed == ("a.txt",)
    assert (place.workspace / "a.txt").read_text() == "as it was"


@pytest.fixture
def beside() -> tuple[Cast, Sequence[Tool]]:
    """A run whose agent changes two files while no call of the run waits for it, and its tools."""
    over = asyncio.Event()

    @tool(effect=Effect.PURE)
    async def ring() -> str:
        """Say that all is done."""
        over.set()
        return "rung"

    @tool(effect=Effect.PURE)
    async def listen() -> str:
        """Wait for the other one."""
        await asyncio.wait_for(over.wait(), 20)
        return "heard"

    writes = [
        call("write_file", "w", path="a.txt", content="changed"),
        call("delete_file", "d", path="b.txt"),
    ]
    scout = [[*writes, call("ring", "r")], "Changed."]
    lead = [call("start_agent", "s", **START, wait=False), call("listen", "l"), "Changed."]
    return Cast(scout=scout, lead=lead), (ring, listen)


@pytest.mark.parametrize("more", [[call("make_folder", "m", path="new")], []])
async def test_what_an_agent_changed_beside_the_run_is_undone_with_it(
    place: Place, beside: tuple[Cast, Sequence[Tool]], more: list[ToolCall]
) -> None:
    for name in "ab":
        (place.workspace / f"{name}.txt").write_text("as it was")
    model, tools = beside
    *calls, last = model.scripts["lead"]
    model.scripts = {**model.scripts, "lead": [*calls, *more, last]}
    outcome = await place.run(model, *tools)
    assert [path.name for path in place.workspace.glob("*.txt")] == ["a.txt"]
    with (
        Journal.open(place.folder / "journal.db") as journal,
        journal.resume(outcome.run_id) as log,
        Workspace.open(place.workspace) as workspace,
    ):
        snapshots = Snapshots(workspace, log.contents)
        if not more:  # no call was made after the agent's: nobody watched
            with pytest.raises(UndoRefused, match=r"a\.txt, b\.txt: nobody knows whether the run changed it"):
                undo(log, snapshots, 0)
        undone = undo(log, snapshots, 0, force=not more)
        assert redo(log, snapshots).steps == undone.steps
        undo(log, snapshots, 0, force=not more)
    assert {path.name: path.read_text() for path in place.workspace.iterdir()} == {
        "a.txt": "as it was",
        "b.txt": "as it was",
    }


async def test_what_changed_after_a_run_with_agents_was_over_is_not_covered_as_its_own(
    place: Place, beside: tuple[Cast, Sequence[Tool]]
) -> None:
    for name in "ab":
        (place.workspace / f"{name}.txt").write_text("as it was")
    model, tools = beside
    outcome = await place.run(model, *tools)
    (place.workspace / "mine.txt").write_text("mine")
    with (
        Journal.open(place.folder / "journal.db") as journal,
        journal.resume(outcome.run_id) as log,
        Workspace.open(place.workspace) as workspace,
    ):
        snapshots = Snapshots(workspace, log.contents)
        made = call("make_folder", "m", path="new")
        log.append(PersonSaid("make a folder"))
        log.append(ModelAsked(9, 0))
        log.append(CallIntended(made, Effect.WRITES, idempotent=True, snapshot=snapshots.take().name))
        (place.workspace / "new").mkdir()
        done = ToolResult("m", "make_folder", CallOutcome.OK, "")
        log.append(CallFinished(done, snapshots.take().name))
        with pytest.raises(UndoRefused, match=r"mine\.txt: nobody knows whether the run changed it or you"):
            undo(log, snapshots)


async def test_a_fork_does_not_count_what_changed_since_as_done_by_agents_that_it_does_not_have(
    place: Place,
) -> None:
    calls = [call("start_agent", "s", **START, wait=False), call("list_agents", "l", wait=True)]
    lead = [*calls, call("make_folder", "m", path="new"), "Done."]
    run_id = await interrupted(place, Cast(scout=[After(600, "never")], lead=lead))
    with Journal.open(place.folder / "journal.db") as journal:
        fork = journal.fork(run_id, 1).run_id
    (place.workspace / "mine.txt").write_text("mine")
    await resume_run(fork, place.settings(), place.around(Cast(scout=["never"], lead=lead)))
    with (
        Journal.open(place.folder / "journal.db") as journal,
        journal.resume(fork) as log,
        Workspace.open(place.workspace) as workspace,
    ):
        assert undo(log, Snapshots(workspace, log.contents), 1).removed == ("new",)
    assert [path.name for path in place.workspace.iterdir()] == ["mine.txt"]


# --- kill -9

HELPER = Path(__file__).with_name("crew_run.py")


def sittings(orders: list[tuple[Path, list[int | None]]]) -> dict[Path, list[dict[str, Any]]]:
    """What became of each process of each folder."""
    lines = "".join(json.dumps([str(folder), points]) + "\n" for folder, points in orders)
    done = subprocess.run(
        [sys.executable, str(HELPER)], input=lines, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    told = {Path(folder): words for folder, words in map(json.loads, done.stdout.splitlines())}
    assert len(told) == len(orders), done.stderr
    for folder, words in told.items():
        assert not any("error" in sitting for sitting in words), (folder, words)
    return told


def prepared(folder: Path) -> Path:
    (folder / "workspace").mkdir(parents=True)
    return folder


@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_loses_no_agent_repeats_nothing_and_its_outcome_is_known(tmp_path: Path) -> None:
    (whole,) = sittings([(prepared(tmp_path / "whole"), [None])]).values()
    moments = whole[0]["moments"]
    assert moments > 60
    orders: list[tuple[Path, list[int | None]]] = [
        (prepared(tmp_path / str(point)), [point, None]) for point in range(moments)
    ]
    for folder, (killed, resumed) in sittings(orders).items():
        assert killed["status"] == -signal.SIGKILL, folder
        assert resumed["ending"] == Ending.FINISHED, folder
        place = Place(folder)
        lines = (place.workspace / "a.txt").read_text().split()
        assert len(set(lines)) == len(lines), f"{folder}: an effect is there twice"
        doubtful = [one.result.call_id for one in place.of(CallFinished, parent=False) if one.result.failed]
        assert set(lines) | set(doubtful) == {"one", "two", "three", "four"}, folder
        assert len(doubtful) <= 1, folder
        # one agent, two times at work, and both of its answers reached the run above
        assert [event.goes_on for event in place.of(AgentStarted)] == [False, True], folder
        assert [text.split("\n")[1] for text in place.results()] == ["three lines", "four lines"], folder
        assert [event.text for event in place.of(PersonSaid, parent=False)] == ["one more"], folder
        ends = place.of(AgentEnded)
        asked = place.of(ModelAsked, parent=False)
        assert [event.ending for event in ends] == [Ending.FINISHED] * 2, folder
        assert ends[-1].spent.steps == len({one.step for one in asked}), folder
        intents = [event.call.id for event in place.of(CallIntended, parent=False)]
        assert intents == ["one", "two", "three", "four"], folder


@pytest.mark.timeout(300)
def test_an_agent_at_work_beside_the_run_survives_a_kill_as_well(tmp_path: Path) -> None:
    (whole,) = sittings([(prepared(tmp_path / "beside"), [None])]).values()
    orders: list[tuple[Path, list[int | None]]] = [
        (prepared(tmp_path / f"beside-{point}"), [point, None])
        for point in range(1, whole[0]["moments"] - 4, 3)
    ]
    kills = 0
    for folder, (killed, resumed) in sittings(orders).items():
        kills += killed["status"] == -signal.SIGKILL
        assert resumed["ending"] == Ending.FINISHED, folder
        place = Place(folder)
        lines = (place.workspace / "a.txt").read_text().split()
        doubtful = [one.result.call_id for one in place.of(CallFinished, parent=False) if one.result.failed]
        assert len(set(lines)) == len(lines), folder
        assert set(lines) | set(doubtful) == {"one", "two", "three"}, folder
        assert place.results()[-1].endswith("\nthree lines"), folder
        assert [event.ending for event in place.of(AgentEnded)] == [Ending.FINISHED], folder
        assert len(place.of(AgentStarted)) == 1, folder
    assert kills > len(orders) // 2  # which of the two is quicker differs, and so does the number of moments


def test_a_killed_process_leaves_no_agent_of_it_running(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "slow")
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1]); import crew_run\n"
        "crew_run.SCOUT[:] = [crew_run.call('run_shell', command='echo begun > log; sleep 60')]\n"
        "asyncio.run(crew_run.sitting(Path(sys.argv[2]), None))\n"
    )
    command = [sys.executable, "-c", program, str(HELPER.parent), str(folder)]
    with subprocess.Popen(command) as process:
        wait_until((folder / "workspace/log").exists)
        family = descendants(process.pid)
        assert family
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not [one for one in family if alive(one)])
    with Journal.open(folder / "journal.db") as journal:
        assert not any(run.busy for run in journal.runs())
    (resumed,) = sittings([(folder, [None])])[folder]
    assert resumed["ending"] == Ending.FINISHED
    place = Place(folder)
    first = place.of(CallFinished, parent=False)[0].result
    assert (first.name, first.outcome) == ("run_shell", CallOutcome.UNKNOWN)
    assert all(event.ending is Ending.FINISHED for event in place.of(AgentEnded))


# --- replay


async def replayed(place: Place, tools: Any) -> None:
    with Journal.open(place.folder / "journal.db") as journal:
        for run in journal.runs():
            made = await replay(journal.events(run.run_id), tools)
            assert made.difference is None, (run.run_id, made.difference)


async def test_a_run_with_agents_and_their_runs_come_out_again(place: Place) -> None:
    lead = [
        call("start_agent", "s", **START, wait=False),
        call("list_agents", "l", wait=True),
        "Done.",
        "Done.",
    ]
    run_id = await interrupted(place, Cast(scout=[After(600, "never")], lead=lead), max_steps=20)
    model = Cast(scout=[call("add", a=1, b=2), "I am back."], lead=lead)
    around = place.around(model)
    await resume_run(run_id, place.settings(), around)
    await replayed(place, around.tools)


async def test_a_run_that_stopped_its_agents_comes_out_again(place: Place) -> None:
    lead = [call("start_agent", "s", **START, wait=False), "Done.", "I do not wait."]
    model = Cast(scout=[After(600, "never")], lead=lead)
    await place.run(model)
    await replayed(place, place.around(model).tools)
