"""The loop: ask the model, run what it calls, record both, until there is nothing left to do.

`next_action` decides, `Agent` does. Every step begins from the recorded events, so a run can be
killed between any two of them and go on from there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec.structs import replace

from agentkit.agents.next_action import Ask, Nudge, Perform, Review, Settle, Stop, next_action
from agentkit.agents.review import Check, review
from agentkit.agents.state import RunState, after, fold
from agentkit.agents.view import fitting
from agentkit.core.errors import ModelError
from agentkit.core.events import (
    Ending,
    Event,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    RunEnded,
    RunStarted,
)
from agentkit.core.messages import UserMessage
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, RunLog, Sink, TextDelta
from agentkit.core.tools import Effect, Outcome, ToolSpec
from agentkit.core.usage import Limits
from agentkit.tooling.context import ToolContext, nobody_to_ask
from agentkit.tooling.dispatch import Approver, Dispatcher
from agentkit.tooling.policy import Policy
from agentkit.tooling.sandbox import Sandbox, find_sandbox
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace

_T = TypeVar("_T")

MOST_OBJECTIONS = 2
"""How often an agent that says it is done is told that it is not."""
SHORTEST_ANSWER = 64
"""Tokens; an answer that may be no longer than this is not worth asking for."""


@dataclass
class Agent:
    """One run of one goal."""

    model: ChatModel
    tools: Mapping[str, Tool]
    workspace: Workspace
    log: RunLog
    policy: Policy = field(default_factory=Policy)
    sandbox: Callable[[], Sandbox] = find_sandbox
    limits: Limits = field(default_factory=Limits)
    check: Check | None = None
    approver: Approver | None = None
    """Asked when policy says ask; with nobody to ask, asking is denying."""
    ask: Callable[[str], Awaitable[str]] = nobody_to_ask
    temperature: float = 0.0
    seed: int | None = None
    sinks: Sequence[Sink] = ()
    clock: Callable[[], float] = time.monotonic
    state: RunState = field(default_factory=RunState)

    def __post_init__(self) -> None:
        self.state = fold(self.log.events())
        self._earlier = self.state.seconds
        self._began = self.clock()
        self.dispatcher = Dispatcher(
            tools=self.tools,
            policy=self.policy,
            context=self._context,
            log=self.log,
            record=self.record,
            approver=self.approver,
            longest_view=self.model.profile.longest_result,
        )

    async def run(self, start: RunStarted | None = None) -> RunEnded:
        """Work until the run is over and say how it ended.

        Args:
            start: The goal of a new run; `None` goes on with the run in the log.

        Raises:
            JournalError: the record could not be written.
        """
        if start is not None:
            self.record(start, durable=True)
        while self.state.ended is None:
            await self.step()
        return self.state.ended

    async def step(self) -> None:
        """Do the one thing that is next."""
        match next_action(self.state, self.limits, self.seconds):
            case Ask():
                await self._ask()
            case Perform(call):
                await self._in_time(self.dispatcher.perform(call))
            case Settle(intent):
                await self._in_time(self.dispatcher.settle(intent))
            case Nudge(reason, text):
                self.record(Nudged(reason, text))
            case Review(answer):
                await self._review(answer)
            case Stop(ending, why):
                self._end(ending, why)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds at work, over all sittings."""
        return self._earlier + self.clock() - self._began

    def record(self, event: Event, durable: bool = False) -> None:
        """Append an event to the log, fold it into the state, and show it to whoever watches."""
        recorded = self.log.append(event, durable=durable)
        self.state = after(self.state, recorded)
        for sink in self.sinks:
            sink.on_event(recorded)

    def _context(self, call_id: str) -> ToolContext:
        """The world of one call: what this run may touch, and what it has seen."""
        limit = self.limits.seconds

        def emit(text: str) -> None:
            for sink in self.sinks:
                sink.on_output(call_id, text)

        return ToolContext(
            workspace=self.workspace,
            sandbox=self.sandbox,
            ask=self.ask,
            emit=emit,
            recall=self.log.recall,
            handles=tuple(a.result.handle for a in self.state.attempts if a.result.handle),
            seconds_left=None if limit is None else max(0.0, limit - self.seconds),
        )

    async def _ask(self) -> None:
        request, estimate = self._request()
        room = self._room(estimate)
        if room < SHORTEST_ANSWER:
            why = f"{self.limits.tokens} tokens do not allow another answer ({self.state.spent_tokens} spent)"
            return self._end(Ending.BUDGET, why)
        request = replace(
            request,
            max_tokens=room,
            temperature=self.temperature,
            seed=self.seed,
            must_call=self._must_call(),
        )
        step = self.state.steps + 1
        self.record(ModelAsked(step, estimate + room))
        began = self.clock()
        try:
            answer = await self._in_time(self._answer(request))
        except ModelError as error:
            self.record(ModelFailed(step, type(error).__name__, str(error)))
            return None
        if answer is not None:
            seconds = round(self.clock() - began, 3)
            self.record(ModelAnswered(step, answer.message, answer.usage, seconds, answer.finish))
        return None

    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the model can be offered right now."""
        specs = self.dispatcher.specs()
        if self._must_call():
            specs = tuple(spec for spec in specs if self._may_be_forced(self.tools[spec.name]))
        if self.model.profile.answers_in_text:
            specs = tuple(spec for spec in specs if not self.tools[spec.name].ends_run)
        return specs

    def _may_be_forced(self, tool: Tool) -> bool:
        """Whether an agent that has to call something may be led to call this.

        A model that is not left to say that it is done must not be driven to delete or move things:
        it may look, write, run code, give up, or try again what it tried.
        """
        tried = self.state.attempts[-1].call.name if self.state.attempts else ""
        return tool.idempotent or tool.effect is Effect.EXECUTES or tool.name == tried

    def _request(self) -> tuple[ModelRequest, int]:
        """The conversation and the tools of this moment, cut to the model's window, and its tokens."""
        tools = self.offered()
        request = ModelRequest(self.state.messages, tools)
        estimate = self.model.estimate(request)
        room = self.model.profile.context_window - self.model.profile.max_output_tokens
        if estimate > room:
            messages = fitting(
                request.messages,
                lambda view: self.model.estimate(ModelRequest(tuple(view), tools)),
                room,
            )
            request = ModelRequest(messages, tools)
            estimate = self.model.estimate(request)
        return request, estimate

    def _must_call(self) -> bool:
        """An agent that was just told that it is not done has to do something about it."""
        nudged = bool(self.state.said) and isinstance(self.state.said[-1], UserMessage)
        return nudged and self.state.nudges[-1:] == ("claim",)

    def _room(self, estimate: int) -> int:
        """The most tokens the next answer may have."""
        room = self.model.profile.max_output_tokens
        if self.limits.tokens is not None:
            room = min(room, self.limits.tokens - self.state.spent_tokens - estimate)
        return room

    async def _answer(self, request: ModelRequest) -> Answer:
        async for piece in self.model.stream(request):
            if isinstance(piece, Answer):
                return piece
            for sink in self.sinks:
                if isinstance(piece, TextDelta):
                    sink.on_text(piece.text)
                else:
                    sink.on_restart(piece.reason)
        raise ModelError(f"{self.model.name} ended its stream without an answer")

    async def _in_time(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """The work's result, or `None` when the time budget ran out first."""
        if self.limits.seconds is None:
            return await work
        try:
            async with asyncio.timeout(max(0.0, self.limits.seconds - self.seconds)):
                return await work
        except TimeoutError:
            return None

    async def _review(self, answer: str) -> None:
        found = await self._in_time(review(self.state, self.workspace, self.log.recall, self.check))
        if found is None:
            return self._end(Ending.BUDGET, f"the check took longer than the run's {self.limits.seconds:g} s")
        if found.objection and self.state.nudges.count("claim") < MOST_OBJECTIONS:
            return self.record(Nudged("claim", found.objection))
        ending = Ending.FINISHED
        if not found.holds:
            ending = Ending.CHECK_FAILED
        elif self._denied():
            ending = Ending.DENIED
        elif self._gave_up():
            ending = Ending.GAVE_UP
        self.record(RunEnded(ending, answer, found.findings, (answer,)), durable=True)
        return None

    def _gave_up(self) -> bool:
        call = self.state.final_call
        return call is not None and call.arguments.get("reached") is False

    def _denied(self) -> bool:
        """Whether the last thing tried before the answer was not allowed."""
        tried = [attempt for attempt in self.state.attempts if attempt.call != self.state.final_call]
        return bool(tried) and tried[-1].result.outcome is Outcome.DENIED

    def _end(self, ending: Ending, why: str) -> None:
        self.record(RunEnded(ending, why), durable=True)
