"""Loop detection: an agent that does the same and sees the same is getting nowhere.

Only attempts with equal call, equal arguments and equal result count: polling something that changes
is work, not a loop. Nor is it one with a tool that is there to poll, or in a batch that the person
declared.
"""

import json
from collections.abc import Sequence
from itertools import takewhile

from agentkit.agents.attempt import Attempt
from agentkit.agents.state import RunState
from agentkit.core.events import Loop
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Outcome

TIMES = 3
"""So many equal rounds are a loop."""
LONGEST_CYCLE = 5
"""Rounds of up to so many calls are recognised."""
NOTHING_NEW = 10
"""Calls in a row that told nothing new are a loop, in whatever order they came."""
STRIKES = 3
"""Answers in a row in which the calls of one tool do not fit what it takes; then the run is stuck."""
MOST_TOLD = 200
"""Characters of a call, and of what it came to, that are repeated as evidence."""


def loop_in(state: RunState) -> Loop | None:
    """The loop that the run is in, if it is in one, since one was last pointed out."""
    start = max(state.attempts_at_nudge, len(state.attempts) - TIMES * LONGEST_CYCLE)
    if found := _struck(state):
        return found
    if found := repetition(state.attempts[start:]):
        return found
    if state.idle >= NOTHING_NEW:
        return _loop("nothing new", state.idle, state.attempts[-LONGEST_CYCLE:])
    return None


def repetition(attempts: Sequence[Attempt]) -> Loop | None:
    """What is being repeated at the end of `attempts`, if anything is."""
    if not attempts or attempts[-1].repeats:
        return None
    prints = [
        None if attempt.repeats else attempt.fingerprint for attempt in attempts[-TIMES * LONGEST_CYCLE :]
    ]
    for length in range(1, LONGEST_CYCLE + 1):
        rounds = TIMES * length
        cycle = prints[-length:]
        if None not in cycle and len(prints) >= rounds and prints[-rounds:] == cycle * TIMES:
            return _loop("call" if length == 1 else "cycle", TIMES, attempts[-length:])
    return _same_error(attempts[-TIMES:])


def _same_error(recent: Sequence[Attempt]) -> Loop | None:
    """The same tool failing in the same words, whatever its arguments."""
    # arguments that do not fit are counted by answer: one may hold many such calls
    others = (Outcome.OK, Outcome.INVALID)
    if len(recent) < TIMES or any(one.repeats or one.result.outcome in others for one in recent):
        return None
    # the words before the first quoted value are what kind of error it was
    kinds = {(a.call.name, a.result.outcome, a.result.text.split('"')[0].split("'")[0]) for a in recent}
    return _loop("error", TIMES, recent) if len(kinds) == 1 else None


def _struck(state: RunState) -> Loop | None:
    """Answer after answer calls a tool with arguments that do not fit, whatever is wrong with each.

    The first is answered with what the tool takes; before the last of them the model is warned.
    """
    told, row = state.attempts_at_nudge, _misfits(state)
    if not row or told == len(state.attempts):
        return None
    times = _answers_with(row, state)
    if told <= len(state.attempts) - len(row):  # not warned since the first of them
        times = min(times, STRIKES - 1)
    return _loop("misfit", times, row) if times >= STRIKES - 1 else None


def strikes(state: RunState) -> int:
    """How many answers in a row, up to the last, called one tool in a way in which it cannot run."""
    return _answers_with(_misfits(state), state)


def _misfits(state: RunState) -> Sequence[Attempt]:
    """The last attempts, as long as they are calls of one tool that did not fit."""
    attempts = state.attempts
    start = len(attempts)
    while start > state.new_since and _is_misfit(attempts[start - 1], attempts[-1]):
        start -= 1
    return attempts[start:]


def _is_misfit(one: Attempt, last: Attempt) -> bool:
    return one.result.outcome is Outcome.INVALID and one.call.name == last.call.name


def _answers_with(row: Sequence[Attempt], state: RunState) -> int:
    """In how many answers, up to the last, one of these calls was made."""
    if not row:  # asked at every step
        return 0
    ids = {one.call.id for one in row}
    answers = (one for one in reversed(state.said) if isinstance(one, AssistantMessage))
    return sum(1 for _ in takewhile(lambda answer: any(call.id in ids for call in answer.calls), answers))


def _loop(signal: str, times: int, attempts: Sequence[Attempt]) -> Loop:
    calls = tuple(dict.fromkeys(_written(attempt.call) for attempt in attempts))
    return Loop(signal, times, calls, _clipped(attempts[-1].result.text))


def in_words(loop: Loop, last: Attempt | None = None) -> str:
    """The loop in a sentence for the model; with what the last call came to, where it failed."""
    failed = last is not None and last.result.outcome is not Outcome.OK
    error = f" It said: {loop.told}" if failed and loop.told else ""
    name = last.call.name if last else ""
    match loop.signal:
        case "call":
            return f"You called {name} {loop.times} times in the same way and got the same result.{error}"
        case "cycle":
            names = ", ".join(call.partition("(")[0] for call in loop.calls)
            return (
                f"You repeated the same round of calls ({names}) {loop.times} times with the same results."
                f"{error}"
            )
        case "error":
            return f"{name} failed {loop.times} times in a row in the same way.{error}"
        case "misfit":
            return f"{loop.times} answers in a row called {name} in a way in which it cannot run.{error}"
        case "chant":
            return f"Your answer said the same {loop.times} times over ({loop.told}) and was cut off there."
        case "nothing new":
            return f"Your last {loop.times} calls told you nothing new and changed nothing."
        case _:
            return f"{loop.times} answers in a row could not be used."


def evidence(loop: Loop) -> str:
    """What was called and what it came to, as the record and the person are told."""
    calls = f"It was {'; '.join(loop.calls)}" if loop.calls else ""
    told = f"the last answer was: {loop.told}" if loop.told else ""
    if calls and told:
        return f"{calls}, and {told}"
    return calls or told[:1].upper() + told[1:]


def _written(call: ToolCall) -> str:
    given = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items()
    )
    return _clipped(f"{call.name}({given})")


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_TOLD else line[: MOST_TOLD - 1] + "…"
