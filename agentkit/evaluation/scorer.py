"""From what a run left behind to a verdict."""

from agentkit.core.events import Ending
from agentkit.evaluation.case import ABSENT, After, Case, Score


def score(case: Case, ending: Ending, after: After) -> Score:
    """Whether the case's goal was reached.

    A run that was stopped gave no answer, whatever lies on the disk. One in which the agent said that
    it could not counts only where that can be right.
    """
    counts = (Ending.FINISHED, Ending.GAVE_UP) if ABSENT in case.tags else (Ending.FINISHED,)
    if ending not in counts:
        return Score(False, f"the run ended: {ending}")
    found = case.check(after)
    if isinstance(found, Score):
        return found
    return Score(found, "" if found else "the check does not hold")
