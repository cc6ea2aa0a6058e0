"""What to do next: a pure function of where the run stands."""

from msgspec import Struct

from agentkit.agents.budget import nearly_reached, reached
from agentkit.agents.nudges import Nudge
from agentkit.agents.repetition import STRIKES, evidence, in_words, loop_in, strikes
from agentkit.agents.state import RunState
from agentkit.agents.strategies import Instruct, OneShot, Plan, Strategy
from agentkit.core.errors import ContextOverflow, NoOtherAttempt
from agentkit.core.events import CallIntended, Ending, Loop, ModelFailed
from agentkit.core.messages import AssistantMessage, ToolCall, ToolMessage
from agentkit.core.tools import Outcome
from agentkit.core.usage import Limits

MOST_UNREADABLE = 3
"""Answers in a row that cannot be used; then the run is stuck."""
MOST_LOOP_NUDGES = 2
"""Loops that are pointed out; the next one ends the run."""


RAISED = 0.7
"""The least temperature that is tried against a loop."""
HIGHEST = 1.5


class Ask(Struct, frozen=True):
    """Put the conversation to the model."""


class Perform(Struct, frozen=True):
    """Run a call that has not begun."""

    call: ToolCall


class Settle(Struct, frozen=True):
    """Answer a call that was running when the process died."""

    intent: CallIntended


class Relieve(Struct, frozen=True):
    """The model refused the request as too long: show it less, and ask once more."""

    failure: ModelFailed


class Leave(Struct, frozen=True):
    """Tell the model of a call that it will not run."""

    call: ToolCall
    why: str


class Close(Struct, frozen=True):
    """A limit is reached: tell the model to say what it has, if that can still be paid for."""

    why: str


class AskLast(Struct, frozen=True):
    """Put the conversation to the model for its last answer."""


class Review(Struct, frozen=True):
    """The agent gave its last word: check what can be checked."""

    answer: str


class Stop(Struct, frozen=True):
    """Nothing more will be tried."""

    ending: Ending
    why: str
    partial: str = ""
    """What the agent had by then."""
    loop: Loop | None = None


Action = Ask | Perform | Settle | Leave | Nudge | Relieve | Close | AskLast | Review | Stop | Instruct | Plan


def next_action(
    state: RunState,
    limits: Limits,
    seconds: float,
    strategy: Strategy = OneShot(),  # noqa: B008 - a frozen value
) -> Action:
    """The one thing to do now, after `seconds` at work."""
    seconds -= state.seconds_before
    if state.in_doubt is not None:
        return Settle(state.in_doubt)
    if state.closing is not None:
        return _closing(state, state.closing, limits, seconds)
    if state.failure is not None:
        if state.failure.error == ContextOverflow.__name__ and not state.relieved:
            return Relieve(state.failure)
        if state.failure.error == NoOtherAttempt.__name__:
            return Close(state.failure.message)
        return Stop(Ending.MODEL_FAILED, state.failure.message)
    if state.answer is not None:
        return Review(state.answer)
    if over := reached(limits, state.spent, seconds, paid=bool(state.pending)):
        return Leave(state.pending[0], over) if state.pending else Close(over)
    if state.pending:
        return Perform(state.pending[0])
    if state.unreadable:
        if max(state.unreadable, state.silent) >= MOST_UNREADABLE:
            return _give_up(state)
        if not _corrected(state):
            if state.chant is None:
                return Nudge("unreadable", "unreadable")
            return Nudge("unreadable", "chant", {"seen": in_words(state.chant)}, state.chant)
    if loop := loop_in(state):
        return _break_out(state, loop)
    return strategy.turn(state) or _told_of_budget(state, limits, seconds) or Ask()


def _give_up(state: RunState) -> Stop:
    """Answers that cannot be used, again and again; the last word to the model says what was wrong."""
    times = max(state.unreadable, state.silent)
    loop = state.chant or Loop("no call", times, told=_last_fault(state))
    why = in_words(Loop("no call", times))
    return Stop(Ending.STUCK, f"{why} {evidence(loop)}".strip(), loop=loop)


def _last_fault(state: RunState) -> str:
    last = state.said[-1] if state.said else None
    return last.text[:300] if isinstance(last, ToolMessage | AssistantMessage) else ""


def _corrected(state: RunState) -> bool:
    """Whether the model has already been told what was wrong with its last answer."""
    return bool(state.said) and not isinstance(state.said[-1], AssistantMessage)


def _break_out(state: RunState, loop: Loop) -> Action:
    """A loop is pointed out twice, the second time with evidence; the next one ends the run."""
    said = in_words(loop, state.attempts[-1])
    if state.attempts[-1].result.outcome is Outcome.DENIED:
        return Stop(Ending.DENIED, f"{said} It needs an approval that was not given.", loop=loop)
    if loop.signal == "misfit":
        return _struck_out(loop, said)
    if state.loops >= MOST_LOOP_NUDGES:
        return Stop(
            Ending.STUCK, f"{said} {evidence(loop)}. This was pointed out {state.loops} times.", loop=loop
        )
    if state.loops:
        return Nudge("repetition", "repetition-again", {"seen": said, "evidence": evidence(loop)}, loop)
    return Nudge("repetition", "repetition", {"seen": said}, loop)


def _struck_out(loop: Loop, said: str) -> Nudge | Stop:
    """Arguments that do not fit are answered with what would, then with a warning; the next end the run."""
    if loop.times < STRIKES:
        return Nudge("repetition", "strike", {"seen": said}, loop)
    return Stop(Ending.STUCK, f"{said} {evidence(loop)}. It was told what fits.", loop=loop)


def raised(state: RunState, temperature: float) -> float | None:
    """The temperature that breaks a model out of a loop that words did not; `None` while they may.

    It is raised when a loop was pointed out for the second time, until a call tells something new, and
    for the last try at an answer, or a call, that can be used.
    """
    words_did_not_help = state.loops >= MOST_LOOP_NUDGES and not state.headway
    last_try = max(state.unreadable, state.silent if state.unreadable else 0) == MOST_UNREADABLE - 1
    last_try = last_try or strikes(state) == STRIKES - 1
    if not (words_did_not_help or last_try):
        return None
    return max(RAISED, temperature, min(temperature + 0.3, HIGHEST))


def _told_of_budget(state: RunState, limits: Limits, seconds: float) -> Nudge | None:
    """How much is left, once, beside a result that the model reads anyway."""
    if "budget" in state.nudges or not (state.said and isinstance(state.said[-1], ToolMessage)):
        return None
    used = nearly_reached(limits, state.spent, seconds)
    return Nudge("budget", "budget", {"used": used}) if used else None


def _closing(state: RunState, why: str, limits: Limits, seconds: float) -> Action:
    """Ask for the last answer, and end the run with it or without."""
    if state.last_words is not None:
        found = why if state.last_words else f"{why}; the last answer was empty"
        return Stop(Ending.BUDGET, found, state.last_words)
    if state.failure is not None:
        return Stop(Ending.BUDGET, f"{why}; there is no last answer: {state.failure.message}")
    if limits.seconds is not None and seconds >= limits.seconds:
        return Stop(Ending.BUDGET, f"{why}; there was no time for a last answer")
    return AskLast()
