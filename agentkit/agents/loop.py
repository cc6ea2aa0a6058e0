"""The loop: ask the model, run what it calls, record both, until there is nothing left to do.

`next_action` decides, `Agent` does. Every step begins from the recorded events, so a run can be
killed between any two of them and go on from there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from agentkit.agents.attempts import Attempts
from agentkit.agents.begun import Begun
from agentkit.agents.budget import POOL_IS_SPENT, left, spare, working_seconds
from agentkit.agents.compaction import compact, compact_after_refusal, too_long, window_of
from agentkit.agents.crew import Crew
from agentkit.agents.fold import after, fold
from agentkit.agents.form import MOST_REASKED, asked_again, is_last_chance, looked_at
from agentkit.agents.hearing import Hearing
from agentkit.agents.larger import Larger, Turn
from agentkit.agents.next_action import (
    Ask,
    AskLast,
    Close,
    Leave,
    Perform,
    Relieve,
    Review,
    Settle,
    Stop,
    next_action,
    raised,
)
from agentkit.agents.nudges import Nudge, Words, closing
from agentkit.agents.pool import Pool
from agentkit.agents.purse import Purse
from agentkit.agents.requests import Requests
from agentkit.agents.review import Check, ending, review
from agentkit.agents.review import Review as Reviewed
from agentkit.agents.state import RunState
from agentkit.agents.strategies import Instruct, OneShot, Plan, Strategy
from agentkit.core.documents import Retriever
from agentkit.core.errors import AgentkitError, ContextOverflow, ModelError
from agentkit.core.events import (
    AnswerCut,
    CallDecided,
    CallFinished,
    CallPlanned,
    Ending,
    Event,
    Instructed,
    Loop,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PersonSaid,
    PersonStopped,
    RuleSet,
    RunEnded,
    RunStarted,
)
from agentkit.core.messages import Message, UserMessage
from agentkit.core.protocols import (
    ChatModel,
    ModelRequest,
    Recompacts,
    RunLog,
    Sink,
)
from agentkit.core.request_digest import RequestDigest
from agentkit.core.tools import Outcome, ToolResult, ToolSpec
from agentkit.core.usage import NOTHING, Limits, Price, Spent
from agentkit.prompts.library import Library
from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit.tooling.agents import NoAgents
from agentkit.tooling.context import Earlier, ToolContext, nobody_to_ask
from agentkit.tooling.dispatch import Approver, Dispatcher
from agentkit.tooling.indexed import NoDocuments
from agentkit.tooling.net.reach import Reach
from agentkit.tooling.policy import Policy
from agentkit.tooling.remembering import NoMemory, Remembers
from agentkit.tooling.residents import Residents
from agentkit.tooling.sandbox import Sandbox, find_sandbox
from agentkit.tooling.searching import Searching
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.taint import Taint
from agentkit.tooling.tool import Tool, schema_line, signature_line
from agentkit.tooling.work_clock import WorkClock
from agentkit.tooling.workspace import Workspace

_T = TypeVar("_T")


def nothing_hidden(earlier: Sequence[Earlier]) -> frozenset[str]:  # noqa: ARG001 - whatever was called
    """The tools that are not shown, where every one is."""
    return frozenset()


def nothing_said() -> str:
    """What is heard of a person who does not speak while the run works."""
    return ""


@dataclass
class Agent:
    """One run of one goal."""

    model: ChatModel
    tools: Mapping[str, Tool]
    workspace: Workspace
    log: RunLog
    hidden: Callable[[Sequence[Earlier]], frozenset[str]] = nothing_hidden
    """Which tools are not shown, given the calls so far: their packs are not loaded."""
    policy: Policy = field(default_factory=Policy)
    sandbox: Callable[[], Sandbox] = find_sandbox
    snapshots: Snapshots | None = None
    """Keeps the files for an undo; by default for as long as this process lives."""
    limits: Limits = field(default_factory=Limits)
    price: Price | None = None
    """What the model costs; `None` where nobody knows."""
    pool: Pool | None = None
    """What this run shares with others, beside its own limits."""
    larger: Larger | None = None
    """Asked instead where words did not help against a loop; else the temperature is raised."""
    crew: Crew | None = None
    """Who works for this run; nobody can where there is none."""
    check: Check | None = None
    form: JsonSchema | None = None
    """What the final answer must be valid by, as JSON."""
    approver: Approver | None = None
    """Asked when policy says ask; with nobody to ask, asking is denying."""
    asking: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)
    """Held while they are asked, by this run and those at work for it."""
    ask: Callable[[str], Awaitable[str]] = nobody_to_ask
    hear: Callable[[], str] = nothing_said
    """What the person said meanwhile, if anything; it is taken up between two steps."""
    talks: bool = False
    """Whether a person reads each answer and says what is next: what may be right is theirs to doubt."""
    strategy: Strategy = field(default_factory=OneShot)
    library: Library = field(default_factory=Library)
    """Where the strategy's words are found."""
    skills: Path | None = None
    """The folder of the person's own skills."""
    reach: Reach = field(default_factory=Reach)
    """Whom tools may reach over the network."""
    searching: Searching = field(default_factory=Searching)
    """Who is asked when the web is searched."""
    documents: Retriever = field(default_factory=NoDocuments)
    """What finds passages of the documents that the person indexed."""
    memory: Remembers = field(default_factory=NoMemory)
    """What is remembered of the person from one run to the next."""
    residents: Residents = field(default_factory=Residents)
    """What tools hold open between calls; whoever owns the agent closes it."""
    temperature: float = 0.0
    seed: int | None = None
    sinks: Sequence[Sink] = ()
    earlier: str = ""
    """Where what is recorded already comes from, if anybody may have written it; said with the next words."""
    kin: list["Agent"] = field(default_factory=list["Agent"], repr=False, compare=False)
    """This one, those at work for it and those it works for: a rule that is given to one holds for all."""
    clock: WorkClock = field(default_factory=WorkClock)
    """Tells the time at work, of this run and of those at work for it."""
    state: RunState = field(default_factory=RunState)

    def __post_init__(self) -> None:
        self.state = fold(self.log.events())
        self._earlier = self.state.seconds
        self._began, self._told_waited = self.clock(), self.clock.waited
        self._digest = RequestDigest()
        self._hearing = Hearing(self.sinks)
        self._words = Words(self.library)
        # what a protocol is would be looked up anew for each run
        self._replayed = cast("Recompacts", self.model) if hasattr(self.model, "compacted") else None
        self.dispatcher = Dispatcher(
            tools=self.tools,
            policy=self.policy,
            context=self._context,
            log=self.log,
            record=self.record,
            snapshots=self.snapshots or Snapshots(self.workspace),
            approver=self.approver,
            longest_view=self.model.profile.longest_result,
            takes=schema_line if self.model.profile.shows_schemas else signature_line,
            taint=lambda: Taint(
                self.untrusted, self.log.events(), self.reach.domains, self.reach.inner_hosts
            ),
            set_rule=self.set_rule,
            asking=self.asking,
            clock=self.clock,
        )
        self.kin.append(self)

    async def run(self, start: RunStarted | None = None) -> RunEnded:
        """Work until the run is over and say how it ended.

        Args:
            start: The goal of a new run; `None` goes on with the run in the log.

        Raises:
            JournalError: the record could not be written.
        """
        if start is not None:
            # with what follows, or before a wait: until then there is only a goal to say again
            self.record(start, with_next=True)
        while self.state.ended is None:
            await self.step()
        return self.state.ended

    async def say(
        self, text: str, call_id: str = "", untrusted: str = "", batch: tuple[str, ...] = ()
    ) -> None:
        """Give the run its next task, in the person's words; one that was at work is stopped first.

        Args:
            text: The words.
            call_id: The call of the run that this one works for, if that speaks and no person.
            untrusted: Where that run was told what anybody may have written, if it was.
            batch: Tools in whose calls no loop is seen any more.

        Raises:
            JournalError: it could not be recorded.
        """
        if (answer := self.state.answer) is not None and self.state.ended is None:
            # it had said its last word, and the person goes on from there
            self.record(RunEnded(Ending.FINISHED, answer, claimed=(answer,)))
        elif self.state.ended is None:
            await self.stop()
        before = self.log.keep(self.workspace.manifest())
        earlier, self.earlier = self.earlier, ""
        self.record(PersonSaid(text, before, call_id, untrusted, earlier, batch), durable=True)
        self._earlier, self._began = self.state.seconds, self.clock()
        self._told_waited = self.clock.waited

    async def stop(self) -> None:
        """End the run here, as the person wants: what there is stays, and the model is told exactly that."""
        if self.state.in_doubt is not None:
            await self.dispatcher.settle(self.state.in_doubt)
        self.record(PersonStopped(self._hearing.arrived))
        self._hearing.arrived = ""
        self._end(Ending.INTERRUPTED, "the person stopped it")
        await self.log.sync()

    async def step(self) -> None:
        """Do the one thing that is next."""
        if self.crew is not None:
            self.crew.take_up()
        between = self.state.in_doubt is None and not self.state.pending
        if between and (words := self.hear()):
            return self.record(PersonSaid(words), durable=True)
        action = next_action(self.state, self.limits, self.seconds, self.strategy)
        match action:
            case Ask():
                await self._ask()
            case Perform(call):
                await self._in_time(self.dispatcher.perform(call))
            case Settle(intent):
                await self._in_time(self.dispatcher.settle(intent))
            case Leave(call, why):
                text = f"{call.name} did not run: {why}"
                self.record(CallFinished(ToolResult(call.id, call.name, Outcome.DENIED, text)))
            case Nudge():
                self.nudge(action)
            case Instruct():
                self._instruct(action)
            case Plan(call):
                self.record(CallPlanned(call))
            case Relieve(failure):
                self._relieve(failure)
            case Close(why):
                await self._close(why)
            case AskLast():
                await self._ask(last=True)
            case Review(answer):
                await self._review(answer)
            case Stop(ending, why, partial, loop):
                self._end(ending, why, partial, loop)
        if self.state.ended is not None:
            await self.log.sync()
        return None

    @property
    def untrusted(self) -> str:
        """Where the run was told what anybody may have written; empty while it was not."""
        return self.state.untrusted

    @property
    def seconds(self) -> float:
        """Seconds at work, over all sittings."""
        return self._earlier + self.clock() - self._began

    @property
    def purse(self) -> Purse:
        """What the next request may be paid from."""
        return Purse(self.limits, self.price, self.pool)

    def _seconds_to(self, limit: float | None) -> float | None:
        """How long the task at hand may still take; `None` without a limit."""
        return None if limit is None else max(0.0, limit - (self.seconds - self.state.seconds_before))

    def record(self, event: Event, durable: bool = False, with_next: bool = False) -> None:
        """Append an event to the log, fold it into the state, and show it to whoever watches."""
        if isinstance(event, RunEnded):
            self.dismiss()
        elif isinstance(event, CallDecided | CallFinished | PersonStopped) and (waited := self._waited()):
            event = replace(event, waited=waited)
        recorded = self.log.append(event, durable=durable, with_next=with_next)
        self.state = after(self.state, recorded)
        if isinstance(event, RuleSet):
            self.policy = self.policy.with_rule(event.kind, event.rule, holds=event.holds)
            self.dispatcher.policy = self.policy
        for sink in self.sinks:
            sink.on_event(recorded)

    def _waited(self) -> float:
        """Seconds in which the person was asked since this was last recorded."""
        before, self._told_waited = self._told_waited, self.clock.waited
        return round(self._told_waited - before, 3)

    def set_rule(self, rule: RuleSet) -> None:
        """Let a rule hold from here on, for this run and for all at work with it; each records it."""
        for one in tuple(self.kin):
            one.record(rule, durable=True)

    def _context(self, call_id: str) -> ToolContext:
        """The world of one call: what this run may touch, and what it has seen."""

        def emit(text: str) -> None:
            for sink in self.sinks:
                sink.on_output(call_id, text)

        return ToolContext(
            workspace=self.workspace,
            sandbox=self.sandbox,
            ask=self._ask_person,
            emit=emit,
            recall=self.log.recall,
            handles=self.state.handles,
            earlier=self.state.attempts,
            skills=self.skills,
            reach=self.reach,
            searching=self.searching,
            agents=self.crew.by(call_id) if self.crew is not None else NoAgents(),
            documents=self.documents,
            memory=self.memory,
            residents=self.residents,
            seconds_left=self._seconds_to(working_seconds(self.limits)),
            tool_seconds_left=left(self.limits, self.state.spent).tool_seconds,
        )

    async def _ask_person(self, question: str) -> str:
        with self.clock.asking():
            return await self.ask(question)

    def nudge(self, nudge: Nudge) -> None:
        """Tell the model what it needs to hear, in the words of a prompt file."""
        self.record(self._words.nudged(nudge))

    def _instruct(self, asked: Instruct) -> None:
        prompt = self.library.load(asked.prompt)
        values = dict(asked.values)
        if "tools" in prompt.variables:
            values["tools"] = self._requests.offered_in_words(self.state)
        text = prompt.message(values)
        self.record(Instructed(asked.purpose, text, prompt.used, asked.calls, asked.last))

    async def _ask(self, *, last: bool = False) -> None:
        if self._replayed is not None:
            for event in self._replayed.compacted(self.state.answers)[self.state.view_changes :]:
                self.record(event)
        request, estimate = self._requests.made(self.state, last=last)
        window = window_of(self.model.profile, self.state.window)
        while estimate > window.input and not last:
            if not self._shortened(request.tools, window.input):
                why = too_long(self.state, self.model, request.tools, self.standing)
                return self._end(Ending.MODEL_FAILED, why)
            request, estimate = self._requests.made(self.state)
        raised_to = None if last else raised(self.state, self.temperature)
        turn = Turn(self.model, self.purse, estimate, window)
        if raised_to is not None and self.larger is not None:
            other = await self.larger.turn(request, self.purse)
            turn, raised_to = (turn, raised_to) if other is None else (other, None)
        spent, purse = self.state.spent, turn.purse
        kept = 0 if last else self._kept()
        room = purse.room(spent, turn.estimate, turn.window.output, kept)
        if not room and not self.state.answers:
            room = purse.room(spent, turn.estimate, turn.window.output)  # what allows one only is for work
        if not room:
            return await self._close(purse.why_not(spent, turn.estimate, kept))
        request = replace(
            request,
            max_tokens=room,
            temperature=self.temperature if raised_to is None else raised_to,
            seed=self.seed,
            must_call=not last and bool(self.state.objection),  # just told that it is not done
            answer_schema=self.form.schema if self.form is not None and is_last_chance(self.state) else None,
        )
        reserved = purse.most(turn.estimate, room)
        drawn = purse.draw(reserved)
        if drawn is None:  # another thread was quicker
            return await self._close(POOL_IS_SPENT)
        attempts = Attempts(
            purse,
            reserved,
            drawn,
            spent=lambda: self.state.spent,
            # the last request repeats this answer; before the first there would be nothing to say in it
            kept=purse.last(kept + room) if kept and self.state.answers else NOTHING,
            record=self._cut,
        )
        try:
            attempts.settle(await self._asked(turn, request, attempts, last=last))
        finally:
            attempts.settle()  # no answer came: it may have been charged for all the same
        return None

    def _cut(self, lost: Spent) -> None:
        self.record(AnswerCut(self.state.steps, lost.tokens, lost.cost))

    async def _asked(
        self, turn: Turn, request: ModelRequest, attempts: Attempts, *, last: bool
    ) -> Spent | None:
        """Send a request, record what came of it, and tell what an answer took, if there is one."""
        step = self.state.steps + 1
        asked = self._digest.of(request.messages, request.tools, must_call=request.must_call)
        raised_to = None if request.temperature == self.temperature else request.temperature
        other = "" if turn.model is self.model else turn.model.name
        reserved = attempts.each
        # written before the answer is waited for; with the answer, where that is there at once
        self.record(ModelAsked(step, reserved.tokens, asked, reserved.cost, raised_to, other), with_next=True)
        began = self.clock()
        try:
            answer = await self._in_time(self._hearing.answer(turn.model, request, attempts.again), last=last)
        except ModelError as error:
            self._hearing.arrived = ""
            window = error.window if isinstance(error, ContextOverflow) else 0
            cut = attempts.cut
            kind = type(error).__name__
            self.record(ModelFailed(step, kind, str(error), window, error.refused, cut.tokens, cut.cost))
            return Spent(1) + replace(cut, steps=0) if error.refused else None
        if answer is None:
            return None
        self._hearing.arrived = ""
        seconds = round(self.clock() - began, 3)
        usage, cost = attempts.with_cut(answer.usage, turn.estimate)
        message = answer.message
        if message.malformed:  # with what is wrong it is told what would fit
            fits = self.dispatcher.what_fits
            told = (replace(one, error=f"{one.error}. {fits(one.name)}") for one in message.malformed)
            message = replace(message, malformed=tuple(told))
        answered = ModelAnswered(step, message, usage, seconds, answer.finish, cost, answer.loop)
        # after one that calls nothing comes a look at what was done, and then the run's end
        self.record(answered, with_next=not message.calls)
        return Spent(1, usage.total, cost or Decimal(0))

    async def _close(self, why: str) -> None:
        """Set the last answer up, in a view that can be paid for, or end the run where there can be none.

        Where agents are at work, what they give back is waited for first.
        """
        if self.crew is not None and await self._in_time(self.crew.change()):
            return None
        if self.state.closing is not None or not self.state.answers:
            return self._end(Ending.BUDGET, why)
        note = self._words.note(closing(why))
        window = window_of(self.model.profile, self.state.window)
        most = self.purse.input_room(self.state.spent, window.input)
        if self._last_estimate(note) > most and not self._shortened((), most, note):
            return self._end(Ending.BUDGET, f"{why}; there was no room for a last answer")
        if not self.purse.room(self.state.spent, self._last_estimate(note), window.output):
            return self._end(Ending.BUDGET, f"{why}; there was no room for a last answer")
        return self.nudge(closing(why))

    def dismiss(self) -> None:
        """Stop whoever works for this run, for good."""
        if self.crew is not None:
            self.crew.dismiss()

    def retire(self) -> None:
        """Let go of what points back here: a run that is over is freed by whoever lets go of it last.

        A process that makes thousands of runs would else have to look for each of them to free it.
        """
        self.kin.clear()
        del self.dispatcher

    def spare(self) -> Limits:
        """What may be set aside for agents that work for this run."""
        free = replace(
            left(self.limits, self.state.spent), seconds=self._seconds_to(working_seconds(self.limits))
        )
        # the last request repeats an answer that is under way
        return spare(free, self.price, max(self._kept(), self.state.reserved.tokens))

    def _kept(self) -> int:
        """The most tokens of a request for a last answer, where that has to be set aside."""
        if not self.purse.keeps_last_answer:
            return 0
        window = window_of(self.model.profile, self.state.window)
        return min(window.input, self._last_estimate(self._words.note(closing(POOL_IS_SPENT))))

    def _last_estimate(self, note: Message) -> int:
        return self._requests.estimate_of_last(self.state, note)

    @property
    def _requests(self) -> Requests:
        return Requests(self.model, self.tools, self.hidden, self.policy, self.dispatcher, self._context)

    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the model can be offered right now."""
        return self._requests.offered(self.state)

    @property
    def standing(self) -> tuple[UserMessage, ...]:
        """What tools keep before the model's eyes; see `Requests.standing`."""
        return self._requests.standing()

    def _shortened(self, tools: Sequence[ToolSpec], room: int, *notes: Message) -> bool:
        """Record a compaction after which the request fits into `room`; whether there is one."""
        event = compact(
            self.state,
            self.model,
            tools,
            self.log.keep,
            room=room,
            reason="full",
            standing=(*notes, *self.standing),
        )
        if event is not None:
            self.record(event)
        return event is not None

    def _relieve(self, failure: ModelFailed) -> None:
        """Show the model less than what it refused, or say that it cannot be."""
        tools, standing = self.offered(), self.standing
        event = compact_after_refusal(self.state, self.model, tools, self.log.keep, failure, standing)
        if event is None:
            why = f"{failure.message}. {too_long(self.state, self.model, tools, standing)}"
            return self._end(Ending.MODEL_FAILED, why)
        return self.record(event)

    async def _in_time(self, work: Coroutine[Any, Any, _T], *, last: bool = False) -> _T | None:
        """The work's result, or `None` when its time ran out first; the last answer has time of its own."""
        begun = Begun(work)
        if begun.results:
            return begun.results[0]
        try:
            self.log.flush()
        except AgentkitError:
            await begun.cancel()
            raise
        seconds = self._seconds_to(self.limits.seconds if last else working_seconds(self.limits))
        if seconds is None:
            return await begun
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                with self.clock.stops(limit):
                    return await begun
        except TimeoutError:
            if limit.expired():
                return None
            raise  # the work's own: it would be done again and again, or end the run as if for its limit

    async def _review(self, answer: str) -> None:
        fault = self.form.fault(answer) if self.form is not None else None
        if self.form is not None and fault and self.state.nudges.count("form") < MOST_REASKED:
            return self.nudge(asked_again(self.form, fault))
        found = await self._in_time(self._looked_at())
        if found is None:
            why = f"the check took longer than the run's {self.limits.seconds:g} s"
            return self._end(Ending.BUDGET, why, answer)
        if found.objection and self.state.nudges.count("claim") < self.strategy.objections:
            return self.nudge(Nudge("claim", "claim", {"doubts": found.objection}))
        findings = found.findings if self.form is None else (*found.findings, looked_at(fault))
        how = ending(self.state, findings)
        self.record(RunEnded(how, answer, findings, (answer,), doubts=found.doubts))
        return None

    async def _looked_at(self) -> Reviewed | None:
        found = await review(self.state, self.workspace, self.log.recall, self.check)
        return dataclass_replace(found, doubts=(), errands=()) if self.talks else found

    def _end(self, ending: Ending, why: str, partial: str = "", loop: Loop | None = None) -> None:
        claimed, because = ((partial,), why) if partial else ((), "")
        self.record(RunEnded(ending, partial or why, (), claimed, because, loop))
