"""A recorded run, made again by the loop as it is today, without a model and without an effect.

What came from outside is taken from the record: the person's words, the model's answers, what tools
found, the time. What the loop made of it is made anew, event by event: what to do next, whether a call is
valid and allowed, what the model is told, when the run is over. The first event that comes out
otherwise ends the replay.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from agentkit.agents.loop import Agent
from agentkit.agents.nudges import Nudge
from agentkit.agents.pinned import pinned
from agentkit.agents.replay_calls import ReplayingDispatcher
from agentkit.agents.replay_script import ComesOutOtherwise, CutOff, Difference, NoModel, Script, with_agents
from agentkit.agents.review import Review
from agentkit.agents.strategies import make_strategy
from agentkit.core.errors import UsageError
from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    CallPlanned,
    Ending,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonStopped,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import Message
from agentkit.core.request_digest import SAID
from agentkit.core.secret import REDACTED
from agentkit.core.tools import Effect, Outcome
from agentkit.journal.chain import encode
from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit.tooling.dispatch import Dispatcher
from agentkit.tooling.policy import Approve, Policy
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace

_MADE = (
    ModelAsked
    | ModelAnswered
    | ModelFailed
    | CallPlanned
    | CallDecided
    | CallIntended
    | CallFinished
    | Nudged
    | RunEnded
)
"""What the loop records itself; everything else comes from outside, at any time."""
_WHILE_TIME_IS_LEFT = ModelAsked | CallDecided | CallIntended


class Replayed(Struct, frozen=True):
    """What came of a replay."""

    events: int
    """How many came out as they are recorded."""
    steps: int
    rewritten: int
    """How many of them say the same in other bytes: an older agentkit wrote them."""
    unchecked: tuple[str, ...]
    """Calls whose arguments could not be checked: their tool is not here, or a secret was not recorded. And
    requests that say something else than they did, which may be for such a reason, or for files that are
    not here."""
    difference: Difference | None
    ended: RunEnded | None


async def replay(
    events: Sequence[Recorded], tools: Mapping[str, Tool], bodies: Sequence[bytes] = ()
) -> Replayed:
    """Make a run again from what it recorded, and compare every event.

    Args:
        events: The whole record.
        tools: Those that the run could call; none of them is called.
        bodies: The events as they are stored, to be compared byte by byte; as they are encoded today by
            default.

    Raises:
        UsageError: the record does not begin with a goal.
    """
    started = events[0].event if events else None
    if not isinstance(started, RunStarted):
        raise UsageError("the run holds no goal; there is nothing to replay")
    script = Script(events, bodies or [encode(one.event) for one in events])
    with tempfile.TemporaryDirectory() as nothing, Workspace.open(Path(nothing)) as workspace:
        agent = _ReplayingAgent(
            model=NoModel(script),
            tools=tools,
            workspace=workspace,
            log=script,
            policy=_policy(started),
            limits=started.limits,
            price=started.price,
            form=_form(started),
            strategy=make_strategy(started.strategy, tools),
        )
        difference = await _made_again(agent, script)
    return Replayed(
        events=len(script.events()),
        steps=agent.state.steps,
        rewritten=script.rewritten,
        unchecked=tuple(agent.replaying.unchecked),
        difference=difference,
        ended=agent.state.ended,
    )


async def _made_again(agent: "_ReplayingAgent", script: "Script") -> Difference | None:
    while script.expected is not None:
        before, recorded = len(script.events()), script.expected
        with suppress(CutOff):
            try:
                await agent.step()
            except ComesOutOtherwise as otherwise:
                return otherwise.difference
        if len(script.events()) == before:
            return Difference(before + 1, recorded, None)
    return None


def _policy(said: RunStarted | RunResumed) -> Policy:
    if said.approve not in list(Approve):
        raise UsageError(
            f"the record has the approval mode {said.approve!r}, which this agentkit does not know"
        )
    return Policy(
        Approve(said.approve), deny=frozenset(said.deny), ask=frozenset(said.ask), allow=frozenset(said.allow)
    )


def _form(said: RunStarted | RunResumed) -> JsonSchema | None:
    return JsonSchema(said.output_schema) if said.output_schema else None


@dataclass(frozen=True, slots=True)
class _Objection(Review):
    """A review of which only what the agent was told is recorded."""

    told: str = ""

    @property
    def objection(self) -> str | None:
        return self.told


class _ReplayingAgent(Agent):
    """The loop, with the world's part taken from a script."""

    script: Script

    def __post_init__(self) -> None:
        super().__post_init__()
        self.script = cast("Script", self.log)
        given = {one.name: getattr(self.dispatcher, one.name) for one in fields(Dispatcher)}
        self.dispatcher = self.replaying = ReplayingDispatcher(**given)

    @property
    def seconds(self) -> float:
        """The time at work when the next event was recorded; before any limit when work went on."""
        upcoming, state = self.script.upcoming, self.state
        if upcoming is None or state.clock is None or isinstance(upcoming.event, _WHILE_TIME_IS_LEFT):
            return state.seconds_before
        return state.seconds + max(0.0, upcoming.at - state.clock)

    def _waited(self) -> float:
        """As it is recorded; who was asked, and for how long, came from outside."""
        expected = self.script.expected
        return expected.waited if isinstance(expected, CallDecided | CallFinished | PersonStopped) else 0.0

    async def step(self) -> None:
        expected = self.script.expected
        if expected is None or isinstance(expected, _MADE):
            await super().step()
        elif isinstance(expected, RunResumed):
            self._sit_down(expected)
        elif isinstance(expected, PersonStopped):
            self._hearing.arrived = expected.said
            await self.stop()
        else:
            self.record(expected)

    def _sit_down(self, resumed: RunResumed) -> None:
        """Begin a sitting, with the limits and rules it had."""
        if resumed.limits is not None:  # else an older agentkit wrote it, and they are not known
            self.limits, self.price = resumed.limits, resumed.price
            self.policy = self.dispatcher.policy = _policy(resumed)
            self.form = _form(resumed)
        self.record(resumed)

    def nudge(self, nudge: Nudge) -> None:
        """What the model was told, in the words of then: files may say it otherwise by now."""
        made, recorded = self._words.nudged(nudge), self.script.expected
        if isinstance(recorded, Nudged):
            # what a review found is not recorded but in these words
            same = recorded.prompt in (None, made.prompt) and nudge.reason != "claim"
            made = replace(made, prompt=recorded.prompt, text=made.text if same else recorded.text)
        self.record(made)

    async def _ask(self, **how: Any) -> None:
        step = self.state.steps + 1
        match self.script.expected:
            case ModelAsked() as asked:
                self.record(replace(asked, step=step, digest=self._digest_now(asked)))
            case Nudged("closing", cause=why):  # there was room for the last answer only
                return await self._close(why)
            case RunEnded(Ending.MODEL_FAILED) as ended:  # no request was short enough
                return self.record(ended, True)
            case RunEnded() | Nudged():  # there was no room for an answer
                return await super()._ask(**how)
            case _:
                self.record(ModelAsked(step, 0))
        with_agents(self.script, self.record)
        match self.script.expected:
            case ModelAnswered() | ModelFailed() as came:
                self.record(replace(came, step=step))
            case _:  # the time ran out, or the process ended
                pass
        return None

    def _digest_now(self, asked: ModelAsked) -> str:
        """The digest of what the model is told now; of the tools that are offered, as it is recorded.

        Which of them there were rests on the files of that moment, and on what the model could take.
        """
        profile = (self.state.started and self.state.started.profile) or self.model.profile
        keeping = filter(self.policy.offers, self.tools.values())
        told = (*self.state.view, *pinned(keeping, self._context(""), profile.context_window))
        said = self._digest.of(told, (), must_call=False)[:SAID]
        if not asked.digest or asked.digest[:SAID] == said:
            return asked.digest
        if self._may_be_told_otherwise(told):
            self.replaying.unchecked.append(f"the request of step {asked.step}")
            return asked.digest
        return said + asked.digest[SAID:]

    def _may_be_told_otherwise(self, told: Sequence[Message]) -> bool:
        """Whether what the model was told cannot be made anew from this record, and with these tools."""
        ran = (one.call.name for one in self.state.attempts if one.result.outcome is not Outcome.INVALID)
        shows_files = (
            one.pinned is not None and one.effect is not Effect.PURE for one in self.tools.values()
        )
        return (
            any(REDACTED in repr(message) for message in told)
            or any(name not in self.tools for name in ran)  # it may keep something before the model's eyes
            or any(shows_files)
            or self.state.steps < _steps_of_another(self.state.started)
        )

    def _relieve(self, failure: ModelFailed) -> None:
        """How long a request was is not recorded; that none could be shorter is taken from the record."""
        if isinstance(self.script.expected, RunEnded):
            return self.record(self.script.expected, True)
        return super()._relieve(failure)

    async def _in_time(self, work: Any, **how: Any) -> Any:
        del how
        return await work

    async def _looked_at(self) -> Review | None:
        """What the review found, by what was recorded of it."""
        match self.script.expected:
            case Nudged("claim", text):
                return _Objection((), told=text)
            case RunEnded(Ending.BUDGET):
                return None
            case RunEnded() as ended:
                seen = ended.verified if self.form is None else ended.verified[:-1]
                return Review(seen, ended.doubts, asked=True)
            case _:
                return Review(())


def _steps_of_another(started: RunStarted | None) -> int:
    """How many steps are those of the run that it was forked from, which may have begun in other words."""
    step = started.forked_from.rpartition("@")[2] if started is not None else ""
    return int(step) if step.isdigit() else 0
