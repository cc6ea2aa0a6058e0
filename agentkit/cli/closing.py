"""The last lines of a run: how it ended, what was seen to hold, and what is only the agent's word."""

from collections.abc import Iterator

from agentkit.cli.words import printable
from agentkit.core.events import Ending, RunEnded

_MORE = {
    Ending.BUDGET: " --max-steps/-seconds/-tokens/-cost/-tool-seconds MORE",
    Ending.DENIED: " --allow TOOL",
}
"""What a resumed run needs beside its id to come further than it came."""


def closing_lines(
    event: RunEnded, run_id: str, spent: str, *, stands: bool, replays: bool
) -> Iterator[tuple[str, str, str]]:
    """Each line as its label, its text and its style.

    Args:
        event: How it ended.
        run_id: Its name.
        spent: What it took, in words.
        stands: Whether the answer was shown already, whole.
        replays: Whether it is shown again: then nobody is told how to go on.
    """
    good = event.ending is Ending.FINISHED
    yield str(event.ending), f"{spent}, run {run_id}", "green" if good else "red"
    if event.because or not event.claimed:
        yield "because", printable(event.because or event.result), ""
    for finding in event.verified:
        mark, style = ("verified", "") if finding.holds else ("not so", "red")
        yield mark, printable(f"{finding.claim}: {finding.found}"), style
    for doubt in event.doubts:
        yield "doubtful", printable(doubt), "yellow"
    if event.claimed:
        where = "above" if stands and not replays else "below"
        what = "its last answer" if event.because else "the answer"
        yield "claimed", f"{what} {where} rests on the agent's word", ""
    if event.ending not in (Ending.FINISHED, Ending.GAVE_UP) and not replays:
        yield "go on", f"agentkit runs resume {run_id}{_MORE.get(event.ending, '')}", ""
