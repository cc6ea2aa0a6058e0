"""Calls of a recorded run: checked and decided on as ever, and answered from the record."""

from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from agentkit.agents.replay_script import CutOff, Script, with_agents
from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    FilesLeftOut,
    RuleSet,
)
from agentkit.core.messages import ToolCall
from agentkit.core.secret import REDACTED
from agentkit.core.tools import ToolResult
from agentkit.tooling.context import ToolContext
from agentkit.tooling.dispatch import NOBODY_TO_ASK, Dispatcher
from agentkit.tooling.policy import Decision, Verdict, by_mode
from agentkit.tooling.tool import Tool


class ReplayingDispatcher(Dispatcher):
    """The place where calls are checked and decided on, and do not run."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.script = cast("Script", self.log)
        self.unchecked: list[str] = []

    async def perform(self, call: ToolCall) -> ToolResult:
        """Check a call and decide on it, and take the rest from the record."""
        recorded = self.script.expected
        began = isinstance(recorded, CallIntended) and recorded.call.id == call.id
        asked = isinstance(recorded, CallDecided) and recorded.call_id == call.id and recorded.by == "person"
        known = call.name in self.tools
        if (began or asked) and (not known or REDACTED in str(call.arguments)):
            self.unchecked.append(f"{call.name} ({call.id})")
            return self._as_recorded(call, self.tools.get(call.name))
        checked = self._checked(call)
        if isinstance(checked, ToolResult):
            return await super().perform(call)
        tool, arguments = checked
        verdict = (await self._judged(tool, arguments, self.context(call.id)))[0].verdict
        # what the person made of the arguments may be invalid: then nothing else is recorded of it
        answered = asked or isinstance(recorded, CallFinished)
        if verdict is Verdict.DENY or (verdict is Verdict.ASK and not answered):
            return await super().perform(call)
        return self._as_recorded(call, tool, may_be_asked=verdict is Verdict.ASK)

    async def settle(self, intent: CallIntended) -> ToolResult:
        """Take what a call in doubt was answered from the record."""
        return self._result_of(intent.call)

    async def _judged(
        self, tool: Tool, arguments: Mapping[str, object], context: ToolContext
    ) -> tuple[Decision, None]:
        """What policy says; whether the call could be undone is known by what was recorded of it."""
        del context
        lost, decided, taint = "", self.script.expected, self.taint()
        if isinstance(decided, CallDecided) and self.policy.rests_on_undo(tool, taint):
            why = decided.reason.removesuffix(NOBODY_TO_ASK).removesuffix(taint.after)
            why = why.removeprefix(by_mode(self.policy.approve))
            lost = why if decided.by == "policy" else "it could not be undone"
        return self.policy.decide(tool, arguments, lost, taint), None

    def _as_recorded(self, call: ToolCall, tool: Tool | None, *, may_be_asked: bool = True) -> ToolResult:
        """Record what became of a call: what the person said to it, that it began, and its result."""
        self._left_out_as_recorded()
        if may_be_asked and isinstance(self.script.expected, CallDecided):
            self.record(replace(self.script.expected, call_id=call.id, by="person"), True)
        self._left_out_as_recorded()
        recorded = self.script.expected
        if isinstance(recorded, CallIntended):
            given = recorded.call if recorded.edited else call
            intent = replace(recorded, call=replace(given, id=call.id, name=call.name))
            self.record(intent if tool is None else _as_declared(intent, tool), True)
        elif tool is not None and not (may_be_asked and isinstance(recorded, CallFinished)):
            self.record(CallIntended(call, tool.effect, tool.idempotent, ends_run=tool.ends_run), True)
        return self._result_of(call)

    def _left_out_as_recorded(self) -> None:
        while isinstance(self.script.expected, FilesLeftOut | RuleSet):
            self.record(self.script.expected, False)

    def _result_of(self, call: ToolCall) -> ToolResult:
        with_agents(self.script, self.record)
        self._left_out_as_recorded()
        recorded = self.script.expected
        if not isinstance(recorded, CallFinished):
            raise CutOff
        result = replace(recorded.result, call_id=call.id, name=call.name)
        self.record(replace(recorded, result=result), True)
        return result


def _as_declared(intent: CallIntended, tool: Tool) -> CallIntended:
    return replace(intent, effect=tool.effect, idempotent=tool.idempotent, ends_run=tool.ends_run)
