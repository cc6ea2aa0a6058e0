"""Loop detection: an agent that does the same and sees the same is getting nowhere.

Only attempts with equal call, equal arguments and equal result count: polling something that
changes is work, not a loop.
"""

from collections.abc import Sequence

from agentkit.agents.state import Attempt
from agentkit.core.tools import Outcome

TIMES = 3
"""So many equal rounds are a loop."""
LONGEST_CYCLE = 5
"""Rounds of up to so many calls are recognised."""


def repetition(attempts: Sequence[Attempt]) -> str | None:
    """What is being repeated at the end of `attempts`, as a sentence for the model, or `None`."""
    if not attempts:
        return None
    last = attempts[-1]
    prints = [attempt.fingerprint for attempt in attempts[-TIMES * LONGEST_CYCLE :]]
    for length in range(1, LONGEST_CYCLE + 1):
        rounds = TIMES * length
        cycle = prints[-length:]
        if len(prints) >= rounds and prints[-rounds:] == cycle * TIMES:
            if length == 1:
                return f"You called {last.call.name} {TIMES} times in the same way and got the same result."
            names = ", ".join(attempt.call.name for attempt in attempts[-length:])
            return f"You repeated the same round of calls ({names}) {TIMES} times with the same results."
    return _same_error(attempts[-TIMES:])


def _same_error(recent: Sequence[Attempt]) -> str | None:
    """The same tool failing in the same words, whatever its arguments."""
    if len(recent) < TIMES or any(attempt.result.outcome is Outcome.OK for attempt in recent):
        return None
    # the words before the first quoted value are what kind of error it was
    kinds = {(a.call.name, a.result.outcome, a.result.text.split('"')[0].split("'")[0]) for a in recent}
    if len(kinds) > 1:
        return None
    return f"{recent[-1].call.name} failed {TIMES} times in a row in the same way."
