"""Which runs belong together: one that a person began, and all that work for it."""

from collections.abc import Sequence

from agentkit.journal.summaries import RunSummary


def families(runs: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """The runs in groups, each with its head first, in the order of the heads.

    The head works for no run, or for one that is not among these.
    """
    by_name = {run.run_id: run for run in runs}
    groups: dict[str, list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(_head(run, by_name).run_id, []).append(run)
    return [
        sorted(groups[run.run_id], key=lambda one, head=run: one is not head)
        for run in runs
        if run.run_id in groups
    ]


def _head(run: RunSummary, by_name: dict[str, RunSummary]) -> RunSummary:
    passed = {run.run_id}
    # a record may claim anything, a circle too
    while run.parent in by_name and run.parent not in passed:
        passed.add(run.parent)
        run = by_name[run.parent]
    return run
