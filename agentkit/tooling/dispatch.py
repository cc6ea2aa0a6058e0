"""The one place where calls run: validate, decide, record the intent, run, record the result.

There is no way around it: the loop holds a `Dispatcher` and no tool. A tool's fault is a result
for the model; only a fault of ours (the journal cannot be written) is an exception.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from agentkit.core.errors import AgentkitError, JournalError, ToolFault
from agentkit.core.events import CallDecided, CallFinished, CallIntended, Event
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import RunLog
from agentkit.core.tools import Effect, Outcome, ToolResult, ToolSpec
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext
from agentkit.tooling.nearest import nearest
from agentkit.tooling.policy import Decision, Policy, Verdict
from agentkit.tooling.schema import InvalidArguments
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import changes

Approver = Callable[[Tool, ToolCall, str], Awaitable[bool]]
"""Shows a person a call and the reason for asking; true when they allow it."""

REDACTED = "[secret:"
"""How the journal marks what it did not write down."""

_CHANGES_FILES = frozenset({Effect.WRITES, Effect.EXECUTES, Effect.WRITES_OUTSIDE, Effect.IRREVERSIBLE})
_ONLY_LOOKS = frozenset({Effect.PURE, Effect.READS})


@dataclass
class Dispatcher:
    """Runs the calls of one run and records what becomes of each."""

    tools: Mapping[str, Tool]
    policy: Policy
    context: Callable[[str], ToolContext]
    """Makes the world of one call, given the call's id."""
    log: RunLog
    record: Callable[[Event, bool], None]
    """Appends an event to the log and shows it to the sinks; the flag asks for durability."""
    approver: Approver | None = None
    """Nobody to ask when `None`: then asking is denying."""
    longest_view: int = 8000
    """Characters of a result that the model is shown at once."""

    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools that can be offered right now; what policy denies is not offered at all."""
        context = self.context("")
        allowed = [
            tool for tool in self.tools.values() if self.policy.decide(tool).verdict is not Verdict.DENY
        ]

        @cache  # several tools take the same files
        def values_of(marker: Choices) -> tuple[str, ...] | None:
            return marker.now(context)

        specs = [tool.spec(context, values_of) for tool in allowed]
        return tuple(spec for spec in specs if spec is not None)

    async def perform(self, call: ToolCall) -> ToolResult:
        """See a call through, and record its result.

        Raises:
            JournalError: the record could not be written; nothing ran without one.
        """
        context = self.context(call.id)
        checked = self._checked(call)
        if isinstance(checked, ToolResult):
            return self._finished(checked, durable=False)
        tool, arguments = checked
        decision, by = await self._decide(tool, call)
        if decision.verdict is not Verdict.ALLOW:
            text = f"{call.name} was not allowed ({decision.reason}) and did not run"
            return self._finished(ToolResult(call.id, call.name, Outcome.DENIED, text), durable=False)
        if by == "person":
            self.record(CallDecided(call.id, allowed=True, by=by, reason=decision.reason), True)
        return await self._run(tool, call, arguments, context)

    async def settle(self, intent: CallIntended) -> ToolResult:
        """Answer a call that was running when the process died.

        What only looks, or may be done twice, is done again. Of everything else nobody knows how
        far it came, and the model is told exactly that, with what changed on disk.
        """
        checked = self._checked(intent.call)
        if not isinstance(checked, ToolResult):
            tool, arguments = checked
            # policy may have become stricter since: a second doing needs a yes of its own
            allowed = self.policy.decide(tool).verdict is Verdict.ALLOW
            if allowed and intent.idempotent and tool.idempotent:
                return await self._execute(tool, intent, arguments, self.context(intent.call.id))
        return self._in_doubt(intent, "the process was stopped")

    def _in_doubt(self, intent: CallIntended, what: str) -> ToolResult:
        """Say of a call that was cut off what can be said: that nobody knows, and what changed."""
        name = intent.call.name
        text = (
            f"outcome unknown: {what} while {name} was running; it may have done all, some or none "
            f"of its work. {self._changed_since(intent)} Check before you repeat it."
        )
        return self._finished(ToolResult(intent.call.id, name, Outcome.UNKNOWN, text), durable=True)

    def _checked(self, call: ToolCall) -> tuple[Tool, dict[str, object]] | ToolResult:
        """The tool and its checked arguments, or what is wrong with the call."""
        tool = self.tools.get(call.name)
        if tool is None:
            near = nearest(call.name, list(self.tools)) or sorted(self.tools)
            text = f"there is no tool {call.name!r}; there is {', '.join(near)}"
            return ToolResult(call.id, call.name, Outcome.INVALID, text)
        if REDACTED in str(call.arguments):
            # after a restart this is what is left of a secret; acting on it would write the mark down
            text = f"an argument of {call.name} holds a secret that was not recorded; send the call again"
            return ToolResult(call.id, call.name, Outcome.INVALID, text)
        try:
            return tool, tool.check(call.arguments)
        except InvalidArguments as error:
            text = f"{error}. {call.name} takes: {signature_line(tool)}"
            return ToolResult(call.id, call.name, Outcome.INVALID, text)

    async def _decide(self, tool: Tool, call: ToolCall) -> tuple[Decision, str]:
        decision = self.policy.decide(tool)
        if decision.verdict is not Verdict.ASK:
            if decision.verdict is Verdict.DENY:
                self.record(CallDecided(call.id, allowed=False, by="policy", reason=decision.reason), False)
            return decision, "policy"
        if self.approver is None:
            reason = f"{decision.reason}; nobody is here to ask"
            self.record(CallDecided(call.id, allowed=False, by="policy", reason=reason), False)
            return Decision(Verdict.DENY, reason), "policy"
        if await self.approver(tool, call, decision.reason):
            return Decision(Verdict.ALLOW, "the person allowed it"), "person"
        reason = "the person said no"
        self.record(CallDecided(call.id, allowed=False, by="person", reason=reason), False)
        return Decision(Verdict.DENY, reason), "person"

    async def _run(
        self, tool: Tool, call: ToolCall, arguments: Mapping[str, object], context: ToolContext
    ) -> ToolResult:
        before = ""
        if tool.effect in _CHANGES_FILES:
            before = self.log.keep(await asyncio.to_thread(context.workspace.manifest))
        # Durable before the effect can begin: a crash from here on leaves a call in doubt, and
        # a call in doubt is never repeated blindly.
        looks = tool.effect in _ONLY_LOOKS
        intent = CallIntended(call, tool.effect, tool.idempotent, before, tool.ends_run)
        self.record(intent, not looks)
        return await self._execute(tool, intent, arguments, context)

    async def _execute(
        self, tool: Tool, intent: CallIntended, arguments: Mapping[str, object], context: ToolContext
    ) -> ToolResult:
        call = intent.call
        started = time.monotonic()
        outcome = Outcome.OK
        try:
            text = await tool.run(context, arguments)
        except asyncio.CancelledError:
            self._in_doubt(intent, "it was stopped")
            raise
        except ToolFault as fault:
            outcome, text = Outcome.FAILED, str(fault)
        except JournalError:
            raise
        except AgentkitError as error:
            outcome, text = Outcome.FAILED, str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a tool does wrong is the model's to read
            outcome, text = Outcome.FAILED, f"{type(error).__name__}: {error}"
        # half a character, as from a name that is no text, cannot be written down or sent
        shown, handle = self._view(text.encode("utf-8", "replace").decode())
        result = ToolResult(call.id, call.name, outcome, shown, handle, round(time.monotonic() - started, 3))
        return self._finished(result, durable=tool.effect not in _ONLY_LOOKS)

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

    def _changed_since(self, intent: CallIntended) -> str:
        before = self.log.recall(intent.workspace_before) if intent.workspace_before else None
        if before is None:
            return ""
        changed = changes(before, self.context(intent.call.id).workspace.manifest())
        return f"Since it began: {changed}."

    def _finished(self, result: ToolResult, *, durable: bool) -> ToolResult:
        self.record(CallFinished(result), durable)
        return result


def signature_line(tool: Tool) -> str:
    """A tool's arguments on one line, the optional ones with their default."""
    schema = tool.signature.json_schema
    required: Sequence[str] = schema.get("required", ())
    parts = [
        name if name in required else f"{name}={part.get('default')!r}"
        for name, part in schema.get("properties", {}).items()
    ]
    return f"{tool.name}({', '.join(parts)})"
