"""From what a run left behind to a verdict."""

from agentkit.core.events import Ending
from agentkit.evaluation.case import ABSENT, After, Case, Check, Score


def score(case: Case, ending: Ending, after: After) -> Score:
    """Whether the case's goal was reached.

    A run that was stopped gave no answer, whatever lies on the disk. One in which the agent said that
    it could not counts only where that can be right.
    """
    counts = (Ending.FINISHED, Ending.GAVE_UP) if ABSENT in case.tags else (Ending.FINISHED,)
    if ending not in counts:
        return Score(False, f"the run ended: {ending}")
    return _judged(case.check, after)


def signs_of(case: Case, after: After) -> dict[str, bool]:
    """Which of the case's signs are there."""
    return {name: _judged(sign, after).reached for name, sign in case.signs.items()}


def _judged(check: Check, after: After) -> Score:
    found = check(after)
    if isinstance(found, Score):
        return found
    return Score(found, "" if found else "the check does not hold")
