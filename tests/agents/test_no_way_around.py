"""No way leads around a rule: not another name, a pack, a batch of calls, a plan, another agent, a crash, a
copy, a replay, another place that says something else, a yes that was meant for another call.

The machine draws modes, rules of every place and what a model may try, and each tool asks an oracle
(`may_run.py`), at the moment of its effect, whether anybody allowed that.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agentkit.agents.employment import Terms, employ
from agentkit.agents.loop import Agent
from agentkit.agents.replay import replay
from agentkit.assembly import as_started, policy_of, resumed
from agentkit.cli.approval import Approvals
from agentkit.core.errors import SandboxUnavailable
from agentkit.core.events import CallPlanned, PromptUsed, RunStarted
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog, MemoryRuns
from agentkit.settings import load_settings
from agentkit.settings.kept import rules_file
from agentkit.settings.sources import read_text
from agentkit.tooling.dispatch import Reply
from agentkit.tooling.packs import LOADER, Pack, offering
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.remembering import NoMemory
from agentkit.tooling.sandbox import Sandbox
from agentkit.tooling.snapshots.coverage import Bounds
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.tool import Tool, tool
from agentkit.tooling.work_clock import WorkClock
from agentkit.tooling.workspace import Workspace
from agentkit_tools.agents import start_agent

from .conftest import FakeSandbox
from .may_run import (
    ACTIONS,
    ASK,
    BY_CALL,
    HELD,
    MODES,
    NARROWING,
    NO,
    WIDENING,
    YES,
    Action,
    Given,
    Place,
    Said,
    World,
    is_clear,
    may,
)

KINDS = sorted({one.tool for one in ACTIONS})
INSTEAD = st.integers(0, len(ACTIONS))
TRIED = st.sampled_from(KINDS).flatmap(
    lambda kind: st.sampled_from([one for one in ACTIONS if one.tool == kind])
)
CHANGED = st.sampled_from([
    (one, place)
    for one in ACTIONS
    for place, other in enumerate([other for other in ACTIONS if other.tool == one.tool])
    if other != one
])  # fmt: skip
"""A call, and which of the things that its tool can do the person makes of it."""
PERSON = st.sampled_from(
    ["n", "y", "y", "y -2", "y -2", "e", "e", "not that", "y run", "n run", "y user", "n project"]
)
"""What a person says to every question; with `e` they change the arguments, and then say yes."""


def rules(most: int, of: list[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(of), max_size=most)


SAID = st.builds(
    Said,
    user=st.builds(
        Place,
        st.none() | st.sampled_from(MODES),
        rules(1, NARROWING),
        rules(1, NARROWING),
        rules(1, WIDENING),
    ),
    # a project's file can only narrow, and one pattern is tried more than the rest
    project=st.builds(
        Place,
        st.sampled_from([None, None, "read", "ask", "ask"]),
        rules(1, NARROWING) | st.just(frozenset({"run_shell(rm *)"})),
    ),
    flags=st.builds(
        Place,
        st.none() | st.sampled_from(MODES),
        rules(1, NARROWING),
        rules(1, NARROWING),
        rules(2, WIDENING),
    ),
)
NOTHING_SAID = st.just(Said(Place(), Place(), Place()))
WORLD = st.builds(World, confined=st.sampled_from([True, True, False]), all_kept=st.booleans())
BELOW = UserMessage("work for another")


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Says:
    """A model that says what it is told to."""

    calls: tuple[ToolCall, ...] = ()
    below: tuple[ToolCall, ...] = ()
    """What an agent that works for the run tries."""
    name: str = "scripted:machine"
    profile: ModelProfile = field(default_factory=lambda: ModelProfile(context_window=10**6, most_tools=4))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        if BELOW not in request.messages:
            yield Answer(AssistantMessage("", self.calls))
        elif any(isinstance(one, AssistantMessage) for one in request.messages):
            yield Answer(AssistantMessage("done"))
        else:
            yield Answer(AssistantMessage("", self.below))

    def estimate(self, request: ModelRequest) -> int:
        return 1

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Person:
    """Somebody at a terminal, who gives one yes for each call that they allow, or two at once."""

    says: str = "n"
    instead: int = 0
    """Which of the things that the tool can do they make of a call that they change."""
    yeses: int = 0
    """Given, and not used up."""

    async def hear(self, question: str, _default: str) -> str:
        if question.startswith("arguments"):
            others = [one for one in ACTIONS if one.tool == self.asked_about]
            return json.dumps({"argument": others[self.instead % len(others)].argument})
        if question.startswith("Is that to hold"):
            return "y"
        # they are asked again where they changed the call, and where no rule can be about it
        said = self.says if not self.again else "y" if self.says == "e" else "n"
        self.again = True
        self.yeses += {"y": 1, "y -2": 2, "y run": 1, "y user": 1}.get(said, 0)
        return said

    def about(self, tool: str) -> None:
        self.asked_about, self.again = tool, False


@dataclass
class Hand:
    """Does what tools are called for; they are made once, and each machine puts its own hand to them."""

    does: Callable[[Action], None] = lambda _one: None


HAND = Hand()


def _tool(name: str) -> Tool:
    more: dict[str, Any] = {
        "write": {"idempotent": True},
        "run_shell": {"command_line": "argument"},
        "start_job": {"command_line": "argument", "like": ("run_shell",), "lasts": True},
        "git_push": {"runs": lambda given: f"git push {given['argument']}"},
    }
    [effect] = {one.effect for one in ACTIONS if one.tool == name}

    @tool(effect=Effect(effect), name=name, **more.get(name, {}))
    async def work(argument: str) -> str:
        """Do it."""
        HAND.does(BY_CALL[name, argument])
        return "done"

    return work


TOOLS = {name: _tool(name) for name in KINDS}


class NoWayAround(RuleBasedStateMachine):
    """A run in sittings, each under what all places say by then."""

    def __init__(self) -> None:
        super().__init__()
        self.happened: list[Action] = []
        self.asked: list[tuple[Action, Action | None]] = []
        """What the person was asked about, and what they let run."""
        self.wrong: list[str] = []
        self.dies = ""
        self.person = Person()
        self.allowed: list[Action] = []
        self.count = 0
        self.foreign = False
        self.folder = tempfile.TemporaryDirectory()
        (Path(self.folder.name) / HELD).write_text("not kept")
        self.workspace = Workspace.open(Path(self.folder.name))
        self.log = MemoryLog()
        HAND.does = self._do
        rules_file(os.environ).unlink(missing_ok=True)

    def teardown(self) -> None:
        self.workspace.close()
        self.folder.cleanup()

    @initialize(said=SAID, world=WORLD)
    def begin(self, said: Said, world: World) -> None:
        self.world = world
        self.rules = self.run = said.begun()
        self._sit_down(said)

    # --- what may come

    @rule(actions=st.lists(TRIED, min_size=1, max_size=6), person=PERSON, instead=INSTEAD)
    def an_answer_with_calls(self, actions: list[Action], person: str, instead: int) -> None:
        self.person.says, self.person.instead = person, instead
        happened, asked, before = len(self.happened), len(self.asked), (self.rules, self.world)
        self._say(tuple(self._call(one) for one in actions))
        self._check_fate_of(actions, self.happened[happened:], self.asked[asked:], before)

    @rule(actions=st.lists(TRIED, min_size=1, max_size=2), person=PERSON, instead=INSTEAD)
    def a_plan_makes_calls(self, actions: list[Action], person: str, instead: int) -> None:
        self.person.says, self.person.instead = person, instead
        happened, asked, before = len(self.happened), len(self.asked), (self.rules, self.world)
        for one in actions:
            self.agent.record(CallPlanned(self._call(one)))
            self._work()
        self._check_fate_of(actions, self.happened[happened:], self.asked[asked:], before)

    @rule(changed=CHANGED)
    def a_person_makes_something_else_of_a_call(self, changed: tuple[Action, int]) -> None:
        action, self.person.instead = changed
        self.person.says = "e"
        self._say((self._call(action),))

    @rule(pack=st.sampled_from(["jobs", "net", "far", "nothing"]))
    def a_pack_is_loaded(self, pack: str) -> None:
        self.count += 1
        self._say((ToolCall(f"c{self.count}", LOADER, {"pack": pack}),))

    @rule(action=TRIED, moment=st.sampled_from(["before", "after"]), person=PERSON, said=SAID | NOTHING_SAID)
    def the_process_dies_in_a_call_and_the_run_is_resumed(
        self, action: Action, moment: str, person: str, said: Said
    ) -> None:
        self.person.says, self.dies = person, moment
        self._say((self._call(action), self._call(BY_CALL["write", "a"])))
        self.dies, self.person.says = "", "n"
        self._resume(said)
        self._work()

    @rule(said=SAID | NOTHING_SAID)
    def the_run_is_taken_up_by_another_process(self, said: Said) -> None:
        self._resume(said)

    @precondition(lambda self: len(self.log.events()) > 3)
    @rule(said=SAID | NOTHING_SAID, by_another=st.booleans())
    def the_record_is_copied_and_gone_on_with(self, said: Said, by_another: bool) -> None:
        copy = MemoryLog()
        for recorded in self.log.events():
            copy.append(recorded.event)
        self.log = copy
        self.foreign = self.foreign or by_another
        self._resume(said)

    @rule(tried=TRIED, person=PERSON, instead=INSTEAD)
    def an_agent_that_works_for_the_run_tries(self, tried: Action, person: str, instead: int) -> None:
        self._resume(Said(Place(), Place(), Place()))
        self.person.says, self.person.instead = person, instead
        self.model.below = (self._call(tried),)
        happened, asked, before = len(self.happened), len(self.asked), (self.rules, self.world)
        name = f"agent{self.count}"
        self.count += 1
        self._say((ToolCall(f"c{self.count}", "start_agent", {"name": name, "task": "try"}),))
        self._check_fate_of([tried], self.happened[happened:], self.asked[asked:], before)

    @rule()
    def the_run_is_replayed(self) -> None:
        happened, asked = list(self.happened), list(self.asked)
        asyncio.run(replay(self.log.events(), self.agent.tools))
        assert (self.happened, self.asked) == (happened, asked)

    @invariant()
    def nothing_happened_that_nobody_allowed(self) -> None:
        assert self.wrong == []

    @invariant()
    def what_is_denied_is_not_offered(self) -> None:
        if self.log.events():
            offered = {spec.name for spec in self.agent.offered()}
            whole = {one for one in self.rules.deny if "(" not in one}
            whole |= {one.about.tool for one in self.rules.given if not one.yes and one.on_whole_tool}
            assert not {one.tool for one in ACTIONS if (one.own | one.like) & whole} & offered

    # --- what the oracle says of it

    def _check_fate_of(
        self,
        actions: list[Action],
        happened: list[Action],
        asked: list[tuple[Action, Action | None]],
        before: tuple[Place, World],
    ) -> None:
        """What is certain happened, or was asked about, or neither, just as the oracle says."""
        if (self.rules, self.world) != before:
            return  # what was said, or done, was decided on by something else than what follows it
        clear = [one for one in actions if is_clear(one, self.rules)]
        fates = {one: may(one, self.rules, self.world) for one in clear}
        answers = [(one, final) for one, final in asked if one in clear]
        assert [one for one, _ in answers] == [one for one in clear if fates[one] == ASK], before
        replies = iter(answers)
        ran = [one if fates[one] == YES else next(replies)[1] for one in clear if fates[one] != NO]
        expected = [one for one in ran if one and may(one, self.rules, self.world) != NO]
        if len(clear) == len(actions):
            assert happened == expected

    def _happen(self, one: Action) -> None:
        self.happened.append(one)
        fate = may(one, self.rules, self.world)
        if fate == NO or (fate == ASK and one not in self.allowed):
            self.wrong.append(f"{one} happened, and the answer was {fate} by {self.rules}")
        if one in self.allowed:
            self.allowed.remove(one)
        if one.effect == "network" and not self.dies:
            self.world = replace(self.world, told=True)

    # --- how it is run

    def _resume(self, said: Said) -> None:
        begun = replace(self.run, given=self.rules.given)
        self.rules = said.resumed(begun, foreign=self.foreign)
        self._sit_down(said)

    def _sit_down(self, said: Said) -> None:
        texts = {"config.toml": said.user.toml(), "agentkit.toml": said.project.toml()}

        def read(path: Path) -> str | None:
            return texts[path.name] if path.name in texts else read_text(path)

        chosen = load_settings(said.flags.flags(), os.environ, self.workspace.root, read)
        is_new = not self.log.events()
        if not is_new:
            first = self.log.events()[0].event
            assert isinstance(first, RunStarted)
            chosen = as_started(chosen, first, self.log.events(), foreign=self.foreign)
        policy = policy_of(chosen)
        self.allowed, self.person = [], Person()
        everyday = {one.name: one for one in (TOOLS["write"], TOOLS["run_shell"], start_agent)}
        packs = [
            Pack("jobs", "in the background", (TOOLS["start_job"], TOOLS["look"])),
            Pack("net", "the network", (TOOLS["send"], TOOLS["git_push"])),
            Pack("far", "what is elsewhere", (TOOLS["install"], TOOLS["erase"])),
        ]
        policy.check_names([*everyday.values(), *(one for pack in packs for one in pack.tools)])
        offered = offering(everyday, packs, 4, policy.offers)
        self.model = Says()
        self.agent = Agent(
            model=self.model,
            tools=offered.tools,
            hidden=offered.hidden,
            workspace=self.workspace,
            log=self.log,
            policy=policy,
            sandbox=self._sandbox,
            snapshots=self._snapshots(),
            approver=self._approver(Approvals(lambda _lines: None, self.person.hear, chosen)),
            clock=WorkClock(lambda: 0.0),
        )
        employ(self.agent, self._terms)
        self.agent.record(self._beginning("try", self.agent) if is_new else resumed(self.agent))

    def _approver(self, approvals: Approvals) -> Any:
        async def approver(tool: Tool, call: ToolCall, reason: str) -> Reply:
            self.person.about(tool.name)
            reply = await approvals(tool, call, reason)
            final = (
                BY_CALL[call.name, (reply.arguments or call.arguments)["argument"]] if reply.allowed else None
            )
            about = BY_CALL[call.name, call.arguments["argument"]]
            self.asked.append((about, final))
            if reply.rules:
                given = Given(reply.rules[0].kind == "allow", reply.rules[0].scope, about)
                self.rules = replace(self.rules, given=self.rules.given | {given})
            if final is not None:
                self.allowed.append(final)
                self.person.yeses -= 1
            if self.person.yeses < 0:
                self.wrong.append(f"{call} was allowed by a yes that nobody gave")
            return reply

        return approver

    def _sandbox(self) -> Sandbox:
        if not self.world.confined:
            raise SandboxUnavailable("none")
        return FakeSandbox()

    def _snapshots(self) -> Snapshots:
        return Snapshots(self.workspace, bounds=Bounds(ignored=() if self.world.all_kept else (HELD,)))

    def _beginning(self, task: str, agent: Agent, *opening: UserMessage) -> RunStarted:
        policy = agent.policy
        return RunStarted(
            task,
            "m",
            str(self.workspace.root),
            str(policy.approve),
            Limits(),
            PromptUsed("p", "1", "d"),
            (SystemMessage("Work."), *(opening or (UserMessage("try"),))),
            deny=tuple(sorted(policy.deny)),
            ask=tuple(sorted(policy.ask)),
            allow=tuple(sorted(policy.allow)),
        )

    def _terms(self) -> Terms:
        return Terms(
            runs=MemoryRuns(),
            snapshots=lambda _log: self._snapshots(),
            memory=lambda _log: (NoMemory(), ()),
            beginning=lambda task, _name, agent: self._beginning(task, agent, BELOW),
            resumed=resumed,
            most=100,
            depth=1,
        )

    def _do(self, one: Action) -> None:
        if self.dies == "before":
            raise Killed
        self._happen(one)
        if self.dies == "after":
            raise Killed

    def _call(self, one: Action) -> ToolCall:
        self.count += 1
        return ToolCall(f"c{self.count}", one.tool, {"argument": one.argument})

    def _say(self, calls: tuple[ToolCall, ...]) -> None:
        self.model.calls = calls
        self._work(ask=True)

    def _work(self, *, ask: bool = False) -> None:
        async def work() -> None:
            if ask:
                await self.agent._ask()
            while self.agent.state.pending or self.agent.state.in_doubt is not None:
                await self.agent.step()

        try:
            asyncio.run(work())
        except Killed:
            assert self.dies


NoWayAround.TestCase.settings = settings(max_examples=100, stateful_step_count=14, deadline=None)
test_no_way_leads_around_a_rule = NoWayAround.TestCase


PLACES = st.builds(
    Place, st.sampled_from(MODES), rules(1, NARROWING), rules(2, NARROWING), rules(3, WIDENING)
)
STRICTNESS = [Verdict.ALLOW, Verdict.ASK, Verdict.DENY]
VERDICTS = dict(zip((YES, ASK, NO), STRICTNESS, strict=True))


@given(PLACES, WORLD)
def test_the_policy_says_what_the_rules_say_and_asks_where_it_is_in_doubt(held: Place, world: World) -> None:
    policy = Policy(Approve(held.approve), held.deny, held.ask, held.allow)
    for one in ACTIONS:
        unasked = may(one, Place("auto"), world)
        lost = "" if unasked == YES else "it could not be brought back"
        said = policy.decide(TOOLS[one.tool], {"argument": one.argument}, lost).verdict
        expected = VERDICTS[may(one, held, world)]
        strict = STRICTNESS.index(said) - STRICTNESS.index(expected)
        assert strict == 0 if is_clear(one, held) else strict >= 0


def test_the_oracle_knows_every_mode() -> None:
    assert list(MODES) == list(Approve)
