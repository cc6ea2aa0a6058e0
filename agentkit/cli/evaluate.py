"""`agentkit eval`: cases run and judged, two runs compared."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agentkit.cli.signals import Stopped, until_signal
from agentkit.cli.words import clipped, counted, duration, printable
from agentkit.core.errors import UsageError
from agentkit.evaluation.case import Case, Task
from agentkit.evaluation.compare import comparison_report
from agentkit.evaluation.find import find_task
from agentkit.evaluation.log import Row, read_log
from agentkit.evaluation.report import report
from agentkit.evaluation.runner import default_log, is_judged, journal_of, run_task
from agentkit.settings import load_settings

NOT_ALL = 1
"""The exit code when some case has no verdict, or fewer were reached than asked for."""


def eval_command(name: str | None, flags: Mapping[str, Any]) -> int:
    """Run what is missing of a task and print its report."""
    if name is None:
        raise UsageError("no task was named; say agentkit eval path/to/file.py:NAME")
    task = find_task(name)
    given = dict(flags)
    out, only, limit, parallel = (given.pop(flag) for flag in ("out", "only", "limit", "parallel"))
    at_least: int | None = given.pop("at_least")
    if given["max_steps"] is None:
        given["max_steps"] = task.max_steps
    settings = load_settings(given)
    cases = chosen(task, only, limit)
    log = Path(out) if out else default_log(task, settings)
    shown = _Shown(log, cases)
    try:
        work = run_task(task, settings, log, cases=cases, parallel=parallel, on_row=shown.on_row)
        run = asyncio.run(until_signal(work))
    except Stopped as stopped:
        click.echo(f"agentkit: stopped ({stopped.name}); the same command goes on with {log}", err=True)
        return 128 + stopped.signal
    rows = [run.rows[case.id] for case in cases]
    click.echo(printable(report(run, rows)))
    click.echo(f"\nlog: {log}")
    reached = sum(row.reached is True for row in rows)
    if at_least is not None and reached < at_least:
        click.echo(
            f"agentkit: {reached} of {len(rows)} were reached; at least {at_least} should be", err=True
        )
        return NOT_ALL
    return 0 if all(map(is_judged, rows)) else NOT_ALL


def compare_command(task: str | None, a: str, b: str) -> int:
    """Print the comparison of two logs."""
    if task is not None:
        raise UsageError("--compare runs nothing: leave the task out")
    click.echo(printable(comparison_report(read_log(Path(a)), read_log(Path(b)))))
    return 0


def chosen(task: Task, only: str | None, limit: int | None) -> Sequence[Case]:
    """The cases of a task that the flags ask for.

    Raises:
        UsageError: none is like that.
    """
    cases = [case for case in task.cases if only is None or _is_like(case, only)]
    if not cases:
        families = ", ".join(dict.fromkeys(case.family for case in task.cases))
        raise UsageError(f"no case of {task.name} is like {only!r}; its families: {families}")
    return cases[:limit]


def _is_like(case: Case, text: str) -> bool:
    return text in case.id or text in (case.family, *case.tags)


class _Shown:
    """A line on standard error for each case, when it is over."""

    def __init__(self, log: Path, cases: Sequence[Case]) -> None:
        self._log = log
        self._width = min(32, max(len(case.id) for case in cases))

    def on_row(self, row: Row) -> None:
        """Show the case; of one that was not reached, where to see its run."""
        mark = {True: "reached", False: "not reached", None: "error"}[row.reached]
        took = f"{counted(row.steps, 'step'):>8} {duration(row.seconds):>8}"
        words = row.answer if row.reached else row.why
        click.echo(f"{mark:<11}  {row.id:<{self._width}}  {took}  {clipped(words, 80)}", err=True)
        if row.run and not row.reached:
            journal = journal_of(self._log, row.id)
            click.echo(f"{'':<11}  agentkit runs show {row.run} --journal {journal}", err=True)
