"""The one place where calls run: validate, decide, record the intent, run, record the result.

There is no way around it: the loop holds a `Dispatcher` and no tool. A tool's fault is a result
for the model; only a fault of ours (the journal cannot be written) is an exception.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.errors import AgentkitError, JournalError, ToolFault
from agentkit.core.events import CallDecided, CallFinished, CallIntended, Event, FilesLeftOut, RuleSet
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import RunLog
from agentkit.core.secret import REDACTED
from agentkit.core.tools import Effect, Outcome, ToolResult, ToolSpec
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext
from agentkit.tooling.lease import Lease
from agentkit.tooling.naming import names_in
from agentkit.tooling.nearest import nearest
from agentkit.tooling.policy import Decision, Policy, Verdict
from agentkit.tooling.schema import InvalidArguments
from agentkit.tooling.snapshots.comparing import changes_between
from agentkit.tooling.snapshots.coverage import said
from agentkit.tooling.snapshots.taking import Snapshot, Snapshots
from agentkit.tooling.snapshots.undoable import why_lost
from agentkit.tooling.taint import NO_TAINT, Taint
from agentkit.tooling.tool import Tool, signature_line
from agentkit.tooling.work_clock import WorkClock


class Reply(Struct, frozen=True):
    """What a person says to a call that they are asked about."""

    allowed: bool
    feedback: str = ""
    """Told to the model with a no."""
    arguments: dict[str, Any] | None = None
    """With a yes, the arguments to run it with, when they are not those of the model."""
    rules: tuple[RuleSet, ...] = ()
    """What holds from now on without another question."""
    ahead: bool = False
    """With a yes, whether it was said before this call was there to be seen."""


Approver = Callable[[Tool, ToolCall, str], Awaitable[bool | Reply]]
"""Shows a person a call and the reason for asking, and returns what they say; true is a plain yes."""

NOBODY_TO_ASK = "; nobody is here to ask"
"""How a reason for asking ends where asking is denying."""

_NOTHING_LEFT_OUT = FilesLeftOut((), 0)
_ONLY_LOOKS = frozenset({Effect.PURE, Effect.READS})


class Record(Protocol):
    """Appends an event to the log, and shows it to whoever watches."""

    def __call__(self, event: Event, durable: bool = False, with_next: bool = False) -> None:
        """As lasting as `RunLog.append` makes it."""
        ...


@dataclass
class Dispatcher:
    """Runs the calls of one run and records what becomes of each."""

    tools: Mapping[str, Tool]
    policy: Policy
    context: Callable[[str], ToolContext]
    """Makes the world of one call, given the call's id."""
    log: RunLog
    record: Record
    snapshots: Snapshots
    """Keeps the files as they are before and after each call that can change them."""
    approver: Approver | None = None
    """Nobody to ask when `None`: then asking is denying."""
    longest_view: int = 8000
    """Characters of a result that the model is shown at once."""
    takes: Callable[[Tool], str] = signature_line
    """Says what a tool takes, to a model whose arguments did not fit."""
    taint: Callable[[], Taint] = lambda: NO_TAINT
    """What the run was told by those who may be anybody, as it is now."""
    set_rule: Callable[[RuleSet], None] | None = None
    """Lets a rule hold for this run and all that belong to it; by default for these calls alone."""
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the person is asked; runs that ask the same person share one."""
    clock: WorkClock = field(default_factory=WorkClock)
    """Tells the seconds that tools run; those in which the person was asked are none."""

    def __post_init__(self) -> None:
        self._left_out = _NOTHING_LEFT_OUT
        """What was said last of the files that are not kept."""
        for recorded in self.log.events():
            if isinstance(recorded.event, FilesLeftOut):
                self._left_out = recorded.event

    def specs(self, hidden: Collection[str] = (), task: str = "") -> tuple[ToolSpec, ...]:
        """The tools that can be offered right now; what policy denies is not offered at all.

        Args:
            hidden: Tools that are left out: their packs are not loaded.
            task: What the person wants; what it names can be tried although it is not there.
        """
        shown = [tool for name, tool in self.tools.items() if name not in hidden]
        values_of = _Values(self.context, names_in(task))
        specs = [tool.spec(values_of) for tool in shown if self.policy.offers(tool)]
        return tuple([spec for spec in specs if spec is not None])

    async def perform(self, call: ToolCall) -> ToolResult:
        """See a call through, and record its result.

        Raises:
            JournalError: the record could not be written; nothing ran without one.
        """
        checked = self._checked(call)
        if isinstance(checked, ToolResult):
            return self._finished(checked)
        tool, arguments = checked
        # what is decided on is what will run, and not what the model wrote
        return await self._decided(tool, call, arguments)

    async def _decided(
        self, tool: Tool, call: ToolCall, arguments: dict[str, object], *, edited: bool = False
    ) -> ToolResult:
        """Do as policy says now; what the person changed they see again before it runs."""
        context = self.context(call.id)
        decision, now = await self._judged(tool, arguments, context)
        if decision.verdict is Verdict.DENY:
            return self._refused(call, "policy", decision.reason)
        if decision.verdict is Verdict.ALLOW and not edited:
            return await self._run(tool, call, arguments, context, now)
        reason = "you changed the arguments" if edited else decision.reason
        return await self._asked(tool, call, arguments, reason, edited=edited)

    async def settle(self, intent: CallIntended) -> ToolResult:
        """Answer a call that was running when the process died.

        What only looks, or may be done twice, is done again. Of everything else nobody knows how
        far it came, and the model is told exactly that, with what changed on disk.
        """
        checked = self._checked(intent.call)
        if not isinstance(checked, ToolResult):
            tool, arguments = checked
            context = self.context(intent.call.id)
            # policy may have become stricter since: a second doing needs a yes of its own
            decision, now = await self._judged(tool, arguments, context)
            if decision.verdict is Verdict.ALLOW and intent.idempotent and tool.idempotent:
                return await self._execute(tool, intent, arguments, self._held(tool, context, now))
        return self._in_doubt(intent, "the process was stopped")

    def _in_doubt(
        self,
        intent: CallIntended,
        what: str,
        seconds: float = 0.0,
        printed: str = "",
        goes_on: str = "",
    ) -> ToolResult:
        """Say of a call that was cut off what can be said: that nobody knows, and what changed."""
        name, changed = intent.call.name, ""
        now: Snapshot | None = None
        if intent.snapshot:
            now = self._noted(self.snapshots.take())
            changes = changes_between(self.snapshots.contents, intent.snapshot, now.name)
            changed = f"Since it began: {changes}." if changes is not None else ""
        text = (
            f"outcome unknown: {what} while {name} was running; it may have done all, some or none "
            f"of its work. {changed} {goes_on}Check before you repeat it."
        )
        if printed.strip():
            text = f"{text} Until then it had printed:\n{printed.rstrip()}"
        told, handle = self._view(_told(intent, text).encode("utf-8", "replace").decode())
        source = self.tools[name].source(intent.call.arguments) if printed and name in self.tools else ""
        result = ToolResult(intent.call.id, name, Outcome.UNKNOWN, told, handle, round(seconds, 3), source)
        return self._finished(result, intent, now, durable=True)

    def _checked(self, call: ToolCall) -> tuple[Tool, dict[str, object]] | ToolResult:
        """The tool and its checked arguments, or what is wrong with the call."""
        tool = self.tools.get(call.name)
        if tool is None:
            return ToolResult(call.id, call.name, Outcome.INVALID, self.what_fits(call.name))
        if REDACTED in str(call.arguments):
            # after a restart this is what is left of a secret; acting on it would write the mark down
            text = f"an argument of {call.name} holds a secret that was not recorded; send the call again"
            return ToolResult(call.id, call.name, Outcome.INVALID, text)
        try:
            return tool, tool.check(call.arguments)
        except InvalidArguments as error:
            text = f"{error}. {self.what_fits(call.name)}"
            return ToolResult(call.id, call.name, Outcome.INVALID, text)

    def what_fits(self, name: str) -> str:
        """What a tool takes; of a name that none has, which there are, and what those of a near name take."""
        if name in self.tools:
            return f"{name} takes: {self.takes(self.tools[name])}"
        near = [one for one in nearest(name, list(self.tools)) if self.policy.offers(self.tools[one])]
        there = ", ".join(near or sorted(self.tools))
        return f"there is no tool {name!r}; there is {there}" + "".join(
            f". {one} takes: {self.takes(self.tools[one])}" for one in near[:2]
        )

    async def _asked(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, object],
        reason: str,
        *,
        edited: bool = False,
    ) -> ToolResult:
        """Ask the person, who is told where the call leads, and do as they say.

        While others are asked, a rule can be given that decides about this call as well: then it does.
        """
        if self.approver is None:
            return self._refused(call, "policy", f"{reason}{NOBODY_TO_ASK}")
        context, policy = self.context(call.id), self.policy
        if tool.leads_to is not None:
            try:
                place = await tool.leads_to(arguments, context)
            except AgentkitError as error:  # it cannot work, so nobody is asked about it
                return self._finished(ToolResult(call.id, call.name, Outcome.INVALID, str(error)))
            context = replace(context, leads_to=place)
            reason = f"{reason}, and it leads to {place}"
        async with self.asking:
            reply = await self._answer(self.approver, tool, call, reason) if self.policy == policy else None
        if reply is None:
            return await self._decided(tool, call, arguments, edited=edited)
        # up to where its rules hold nothing is awaited, so whoever is asked next is held to them
        reply = Reply(reply) if isinstance(reply, bool) else reply
        return await self._replied(tool, call, arguments, reply, context.leads_to, edited=edited)

    async def _answer(self, approver: Approver, tool: Tool, call: ToolCall, reason: str) -> bool | Reply:
        with self.clock.asking():
            return await approver(tool, call, reason)

    async def _replied(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: dict[str, object],
        reply: Reply,
        leads_to: str,
        *,
        edited: bool = False,
    ) -> ToolResult:
        """Do as the person said; what policy denies, no person's edit makes possible."""
        for rule in reply.rules:
            Policy().with_rule(rule.kind, rule.rule).check_names(self.tools.values())
        if not reply.allowed:
            return self._refused(call, "person", "the person said no", reply.feedback, reply.rules)
        reason = "the person allowed it ahead" if reply.ahead else "the person allowed it"
        changed = reply.arguments is not None and reply.arguments != call.arguments
        if changed:
            call = ToolCall(call.id, call.name, reply.arguments or {})
            checked = self._checked(call)
            if isinstance(checked, ToolResult):
                return self._finished(checked)
            tool, arguments = checked
            if tool.leads_to is not None:  # they were told where the call led before
                return await self._decided(tool, call, arguments, edited=True)
            decision = self.policy.decide(tool, arguments)
            if decision.verdict is Verdict.DENY:
                return self._refused(call, "policy", decision.reason)
        if edited := edited or changed:
            reason = "the person changed the arguments and allowed it"
        self.record(CallDecided(call.id, allowed=True, by="person", reason=reason), durable=True)
        self._set(reply.rules)
        context = replace(self.context(call.id), leads_to=leads_to)
        return await self._run(tool, call, arguments, context, edited=edited)

    def _refused(
        self, call: ToolCall, by: str, reason: str, feedback: str = "", rules: Sequence[RuleSet] = ()
    ) -> ToolResult:
        """Record that the call is not to run; the model is told why, and what the person says to it."""
        said = f"{reason}: {feedback}" if feedback else reason
        self.record(CallDecided(call.id, allowed=False, by=by, reason=said))
        self._set(rules)
        text = f"{call.name} was not allowed ({reason}) and did not run"
        text = f"{text}; the person says: {feedback}" if feedback else text
        return self._finished(ToolResult(call.id, call.name, Outcome.DENIED, text))

    def _set(self, rules: Sequence[RuleSet]) -> None:
        """Let rules hold from here on."""
        for rule in rules:
            if self.set_rule is not None:
                self.set_rule(rule)
            else:
                self.record(rule, durable=True)
                self.policy = self.policy.with_rule(rule.kind, rule.rule, holds=rule.holds)

    async def _judged(
        self, tool: Tool, arguments: Mapping[str, object], context: ToolContext
    ) -> tuple[Decision, Snapshot | None]:
        """What policy says, and the files as they were kept if that was needed to say it."""
        taint = self.taint()
        if not self.policy.rests_on_undo(tool, taint):
            return self.policy.decide(tool, arguments, taint=taint), None
        now = await self._kept()
        lost = why_lost(tool, arguments, now.left_out, now.not_given_back, context)
        return self.policy.decide(tool, arguments, lost, taint), now

    async def _run(
        self,
        tool: Tool,
        call: ToolCall,
        arguments: Mapping[str, object],
        context: ToolContext,
        now: Snapshot | None = None,
        *,
        edited: bool = False,
    ) -> ToolResult:
        before: Snapshot | None = None
        if tool.effect not in _ONLY_LOOKS or tool.delegates:  # what agents change is undone with the call
            before = now or await self._kept()
        # Durable before the effect can begin: a crash from here on leaves a call in doubt, and
        # a call in doubt is never repeated blindly. What only looks is done again, record or not.
        looks = tool.effect in _ONLY_LOOKS
        intent = CallIntended(
            call,
            tool.effect,
            tool.idempotent,
            snapshot=before.name if before else "",
            modified=before.times if before else "",
            ends_run=tool.ends_run,
            edited=edited,
            polls=tool.polls,
        )
        self.record(intent, durable=not looks, with_next=looks)
        return await self._execute(tool, intent, arguments, self._held(tool, context, now))

    def _held(self, tool: Tool, context: ToolContext, now: Snapshot | None) -> ToolContext:
        """The world of a call that runs because it can be undone: what cannot be brought back stays."""
        if now is None or tool.effect is not Effect.WRITES:
            return context
        held = {*now.left_out, *now.not_given_back}
        return replace(context, workspace=context.workspace.holding(held)) if held else context

    async def _kept(self, *, after: bool = False) -> Snapshot:
        """Keep the files as they are now."""
        return self._noted(await asyncio.to_thread(self.snapshots.take, after=after))

    def _noted(self, now: Snapshot) -> Snapshot:
        """Say what is left out, where that is not said already."""
        left_out = FilesLeftOut(said(now.left_out), len(now.left_out))
        if left_out != self._left_out:
            self._left_out = left_out
            self.record(left_out)
        return now

    async def _execute(
        self, tool: Tool, intent: CallIntended, arguments: Mapping[str, object], context: ToolContext
    ) -> ToolResult:
        call = intent.call
        started = self.clock()
        outcome = Outcome.OK
        printed: list[str] = []

        def emit(piece: str) -> None:
            printed.append(piece)
            context.emit(piece)

        lease = Lease()  # over before the files are looked at, whatever goes on in a thread of the tool
        lent = context.workspace.lent(lease)
        seconds_left = None if tool.delegates else context.tool_seconds_left
        limit = None if seconds_left is None else asyncio.timeout(seconds_left)
        work = tool.run(replace(context, emit=emit, workspace=lent), arguments)
        try:
            with lease:
                text = await (work if limit is None else self._within(limit, work))
        except asyncio.CancelledError as stop:
            what = stop.args[0] if stop.args else "it was stopped"
            seconds = 0.0 if tool.delegates else self.clock() - started
            self._in_doubt(intent, what, seconds, "".join(printed), _what_goes_on(tool, lease))
            raise
        except ToolFault as fault:
            outcome, text = Outcome.FAILED, str(fault)
        except JournalError:
            raise
        except AgentkitError as error:
            outcome, text = Outcome.FAILED, str(error)
        except TimeoutError as error:
            if limit is not None and limit.expired():
                what = "the seconds in which tools may run were used up"
                seconds = self.clock() - started
                return self._in_doubt(intent, what, seconds, "".join(printed), _what_goes_on(tool, lease))
            outcome, text = Outcome.FAILED, f"{type(error).__name__}: {error}"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a tool does wrong is the model's to read
            outcome, text = Outcome.FAILED, f"{type(error).__name__}: {error}"
        # half a character, as from a name that is no text, cannot be written down or sent
        shown, handle = self._view(_told(intent, text).encode("utf-8", "replace").decode())
        seconds = 0.0 if tool.delegates else round(self.clock() - started, 3)
        source = tool.source(arguments)
        result = ToolResult(call.id, call.name, outcome, shown, handle, seconds, source)
        if not intent.snapshot:
            looked = tool.effect in _ONLY_LOOKS
            return self._finished(result, durable=not looked, with_next=looked)
        try:
            now = await self._kept(after=True)
        except asyncio.CancelledError:
            # it did its work: that is known, whatever became of the wish to wait for it
            self._finished(result, intent, self._noted(self.snapshots.take(after=True)), durable=True)
            raise
        return self._finished(result, intent, now, durable=True)

    async def _within(self, limit: asyncio.Timeout, work: Coroutine[Any, Any, str]) -> str:
        async with limit:
            with self.clock.stops(limit):
                return await work

    def _view(self, text: str) -> tuple[str, str]:
        """What the model is shown of a result, and the handle of the whole when that is a part."""
        if len(text) <= self.longest_view:
            return text, ""
        handle = self.log.keep(text)
        head = text[: self.longest_view * 3 // 4]
        head = head[: head.rfind("\n") + 1] or head
        tail = text[-(self.longest_view // 4) :]
        tail = tail[tail.find("\n") + 1 :] or tail
        shown_lines = head.count("\n")
        hidden = text[len(head) : len(text) - len(tail)]
        note = (
            f"[{hidden.count(chr(10))} more lines ({len(hidden)} characters) are not shown here; "
            f'read them with read_output(handle="{handle}", first_line={shown_lines + 1})]'
        )
        return f"{head}{note}\n{tail}", handle

    def _finished(
        self,
        result: ToolResult,
        intent: CallIntended | None = None,
        after: Snapshot | None = None,
        *,
        durable: bool = False,
        with_next: bool = False,
    ) -> ToolResult:
        name, times = ("", "") if intent is None or after is None else _news(intent, after)
        self.record(CallFinished(result, name, modified=times), durable=durable, with_next=with_next)
        return result


def _news(intent: CallIntended, after: Snapshot) -> tuple[str, str]:
    """The names of the files and their times after a call, each empty where it is what it was before."""
    name, times = after.name, after.times
    return "" if name == intent.snapshot else name, "" if times == intent.modified else times


class _Values:
    """The values of parameters as they are now: each is looked up once, and a world made only for that."""

    def __init__(self, context: Callable[[str], ToolContext], named: Sequence[str]) -> None:
        self._make = context
        self._named = named
        self._context: ToolContext | None = None
        self._known: dict[Choices, tuple[str, ...] | None] = {}

    def __call__(self, marker: Choices) -> tuple[str, ...] | None:
        if marker not in self._known:  # several tools take the same files
            if self._context is None:
                self._context = self._make("")
            values = marker.now(self._context)
            if values and marker.named:  # where nothing is, there is nothing to choose from
                values = tuple(dict.fromkeys((*values, *self._named)))
            self._known[marker] = values
        return self._known[marker]


def _what_goes_on(tool: Tool, lease: Lease) -> str:
    """What a call that was cut off can still be doing; empty when nothing."""
    if lease.busy:
        return "A change of files that it had begun is still under way. "
    if tool.in_thread:
        return (
            "It may be running still: it can change nothing more through its workspace, but what it does "
            "otherwise goes on. "
        )
    return ""


def _told(intent: CallIntended, text: str) -> str:
    """The account of a call; of one that the person changed, with what they made of it."""
    if not intent.edited:
        return text
    arguments = json.dumps(intent.call.arguments, ensure_ascii=False)
    return f"[the person changed the call before it ran: {intent.call.name} {arguments}]\n{text}"
