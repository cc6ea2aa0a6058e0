"""What to do next: a pure function of where the run stands."""

from msgspec import Struct

from agentkit.agents.repetition import repetition
from agentkit.agents.state import RunState
from agentkit.core.events import CallIntended, Ending
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Outcome
from agentkit.core.usage import Limits

MOST_UNREADABLE = 3
"""Answers in a row that cannot be used; then the run is stuck."""
MOST_LOOP_NUDGES = 2
"""Loops that are pointed out; the next one ends the run."""


class Ask(Struct, frozen=True):
    """Put the conversation to the model."""


class Perform(Struct, frozen=True):
    """Run a call that has not begun."""

    call: ToolCall


class Settle(Struct, frozen=True):
    """Answer a call that was running when the process died."""

    intent: CallIntended


class Nudge(Struct, frozen=True):
    """Tell the model something it needs to hear before it goes on."""

    reason: str
    text: str


class Review(Struct, frozen=True):
    """The agent gave its last word: check what can be checked."""

    answer: str


class Stop(Struct, frozen=True):
    """Nothing more will be tried."""

    ending: Ending
    why: str


Action = Ask | Perform | Settle | Nudge | Review | Stop


def next_action(state: RunState, limits: Limits, seconds: float) -> Action:
    """The one thing to do now, after `seconds` at work."""
    if state.in_doubt is not None:
        return Settle(state.in_doubt)
    if state.failure is not None:
        return Stop(Ending.MODEL_FAILED, state.failure.message)
    if state.answer is not None:
        return Review(state.answer)
    if over := _over_budget(state, limits, seconds):
        return Stop(Ending.BUDGET, over)
    if state.pending:
        return Perform(state.pending[0])
    if state.unreadable >= MOST_UNREADABLE:
        return Stop(Ending.STUCK, f"{state.unreadable} answers in a row could not be used")
    if state.unreadable and not _corrected(state):
        return Nudge("unreadable", _UNREADABLE)
    if loop := repetition(state.attempts[state.attempts_at_nudge :]):
        return _break_out(state, loop)
    return Ask()


_UNREADABLE = (
    "Your last answer was empty or was cut off before it ended, so nothing was done. "
    "Call one tool, or give your answer in a few words."
)


def _corrected(state: RunState) -> bool:
    """Whether the model has already been told what was wrong with its last answer."""
    return bool(state.said) and not isinstance(state.said[-1], AssistantMessage)


def _break_out(state: RunState, loop: str) -> Action:
    if state.attempts[-1].result.outcome is Outcome.DENIED:
        return Stop(Ending.DENIED, f"{loop} It needs an approval that was not given.")
    if state.nudges.count("repetition") >= MOST_LOOP_NUDGES:
        return Stop(Ending.STUCK, loop)
    return Nudge(
        "repetition",
        f"{loop} Doing it again will not help. Use another tool or other arguments, "
        "or finish and say what is missing.",
    )


def _over_budget(state: RunState, limits: Limits, seconds: float) -> str | None:
    if limits.seconds is not None and seconds >= limits.seconds:
        return f"the limit of {limits.seconds:g} seconds is reached"
    if state.pending:  # the answer that asked for these calls is already paid for
        return None
    if limits.steps is not None and state.steps >= limits.steps:
        return f"the limit of {limits.steps} steps is reached"
    if limits.tokens is not None and state.spent_tokens >= limits.tokens:
        return f"the limit of {limits.tokens} tokens is reached ({state.spent_tokens} spent)"
    return None
