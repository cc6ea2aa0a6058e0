"""Where a run stands: a pure fold over its recorded events.

Nothing else is remembered between steps, so a run that is resumed and a run that was never
interrupted are the same run.
"""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import (
    MalformedCall,
    Message,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.tools import Outcome, ToolResult
from agentkit.core.usage import Usage


class Attempt(Struct, frozen=True, dict=True):
    """A call that ran its course: what was tried and what came of it."""

    call: ToolCall
    result: ToolResult

    @cached_property
    def fingerprint(self) -> str:
        """Equal for two attempts that did the same and saw the same."""
        arguments = msgspec.json.encode(self.call.arguments, order="deterministic")
        seen = f"{self.call.name}\0{arguments.decode()}\0{self.result.outcome}\0{self.result.text}"
        return hashlib.blake2b(seen.encode(), digest_size=8).hexdigest()


class RunState(Struct, frozen=True):
    """Everything the next step depends on."""

    started: RunStarted | None = None
    said: tuple[Message, ...] = ()
    """The conversation after the opening messages."""
    pending: tuple[ToolCall, ...] = ()
    """Calls of the last answer that have not begun."""
    in_doubt: CallIntended | None = None
    """A call that began and has no result."""
    attempts: tuple[Attempt, ...] = ()
    """Every call that ended, in order."""
    answer: str | None = None
    """What the agent gave as its last word, until something is said against it."""
    final_call: ToolCall | None = None
    """The call that gave the answer, if a call did."""
    failure: ModelFailed | None = None
    steps: int = 0
    usage: Usage = Usage()
    reserved_tokens: int = 0
    """Reserved for an answer that has not arrived."""
    lost_tokens: int = 0
    """Reserved for answers that never arrived: a crash does not give them back."""
    unreadable: int = 0
    """Answers in a row that could not be used as they were."""
    nudges: tuple[str, ...] = ()
    """The reasons of every nudge so far."""
    attempts_at_nudge: int = 0
    """How many attempts there were when the last repetition was pointed out."""
    seconds: float = 0.0
    """Time at work in earlier sittings and, up to the last event, in this one."""
    clock: float | None = None
    """When the last event of this sitting was recorded."""
    ended: RunEnded | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation."""
        return (self.started.opening if self.started else ()) + self.said

    @property
    def spent_tokens(self) -> int:
        """Tokens used, reserved, or lost in a crash."""
        return self.usage.total + self.reserved_tokens + self.lost_tokens


def fold(events: Iterable[Recorded], state: RunState | None = None) -> RunState:
    """The state after `events`, starting from `state`."""
    state = state or RunState()
    for recorded in events:
        state = after(state, recorded)
    return state


def after(state: RunState, recorded: Recorded) -> RunState:
    """The state after one more event."""
    event = recorded.event
    # Clocks jump; time at work never runs backwards.
    passed = max(0.0, recorded.at - state.clock) if state.clock is not None else 0.0
    state = replace(state, clock=recorded.at, seconds=state.seconds + passed)
    match event:
        case RunStarted():
            return replace(state, started=event)
        case RunResumed():
            # What passed between the sittings was not work.
            lost = state.lost_tokens + state.reserved_tokens
            state = replace(
                state, seconds=state.seconds - passed, reserved_tokens=0, lost_tokens=lost, failure=None
            )
            return _reopened(state) if state.ended is not None else state
        case ModelAsked():
            return replace(state, steps=event.step, reserved_tokens=event.reserved_tokens)
        case ModelAnswered():
            return _answered(state, event)
        case ModelFailed():
            # the provider may have charged for an answer that never came
            lost = state.lost_tokens + state.reserved_tokens
            return replace(state, failure=event, reserved_tokens=0, lost_tokens=lost)
        case CallDecided():
            return state
        case CallIntended():
            return replace(
                state,
                in_doubt=event,
                pending=tuple(c for c in state.pending if c.id != event.call.id),
            )
        case CallFinished():
            return _finished(state, event.result)
        case Nudged():
            seen = len(state.attempts) if event.reason == "repetition" else state.attempts_at_nudge
            return replace(
                state,
                said=(*state.said, UserMessage(event.text)),
                nudges=(*state.nudges, event.reason),
                attempts_at_nudge=seen,
                answer=None,
                final_call=None,
            )
        case RunEnded():
            return replace(state, ended=event)
        case _:
            assert_never(event)


def _reopened(state: RunState) -> RunState:
    """A run that was over and is taken up again: what ended it is not held against it."""
    return replace(
        state,
        ended=None,
        answer=None,
        final_call=None,
        unreadable=0,
        nudges=(),
        attempts_at_nudge=len(state.attempts),
    )


def _answered(state: RunState, event: ModelAnswered) -> RunState:
    message = event.message
    usable = bool(message.calls) or (bool(message.text.strip()) and event.finish != "length")
    usable = usable and not message.malformed
    corrections = tuple(_correction(call) for call in message.malformed)
    return replace(
        state,
        said=(*state.said, message, *corrections),
        pending=message.calls,
        answer=message.text if usable and not message.calls else None,
        final_call=None,
        usage=state.usage + event.usage,
        reserved_tokens=0,
        unreadable=0 if usable else state.unreadable + 1,
    )


def _correction(call: MalformedCall) -> ToolMessage:
    text = (
        f"this call could not be read and did not run: {call.error}. "
        f"You wrote: {call.text[:300]}\nSend the call again, whole and well-formed."
    )
    return ToolMessage(call.id, call.name, text, failed=True)


def _finished(state: RunState, result: ToolResult) -> RunState:
    intent = state.in_doubt
    call = intent.call if intent else next(c for c in state.pending if c.id == result.call_id)
    told = ToolMessage(result.call_id, result.name, result.text, failed=result.failed)
    final = intent is not None and intent.ends_run and result.outcome is Outcome.OK
    return replace(
        state,
        said=(*state.said, told),
        pending=tuple(c for c in state.pending if c.id != result.call_id),
        in_doubt=None,
        attempts=(*state.attempts, Attempt(call, result)),
        answer=result.text if final else state.answer,
        final_call=call if final else state.final_call,
    )
