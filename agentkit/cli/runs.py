"""`agentkit runs`: what is recorded."""

import os
import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from agentkit.cli.render import replay
from agentkit.cli.screens import Look, look_of
from agentkit.cli.words import clipped, json_line, padded, printable
from agentkit.core.errors import RunNotFound
from agentkit.core.events import Ending
from agentkit.journal.store import Journal, RunSummary
from agentkit.settings import Settings, load_settings

_OPEN = (None, Ending.INTERRUPTED, Ending.MODEL_FAILED)
"""Endings after which the same run, gone on with as it is, may come further."""


def list_runs(flags: Mapping[str, Any], output: str) -> None:
    """Print one line for each run, the newest first."""
    settings = load_settings(flags)
    with Journal.open(settings.journal) as journal:
        summaries = journal.runs()[::-1]
    if output == "json":
        click.echo(json_line(summaries))
        return
    if not summaries:
        click.echo(f"no runs are recorded in {settings.journal}")
        return
    width = shutil.get_terminal_size().columns
    for run in summaries:
        when = datetime.fromtimestamp(run.started).astimezone().strftime("%m-%d %H:%M")
        left = f"{run.run_id}  {when + '  ' if width >= 60 else ''}{_how(run):<12}  "
        model = printable(run.model)
        # the model is shown where there is room for it and the goal
        shown_model = padded(model, 28) + "  " if width - len(left) >= 70 else ""
        room = max(8, width - len(left) - len(shown_model))
        click.echo((left + shown_model + clipped(run.goal, room)).rstrip())


def _how(run: RunSummary) -> str:
    if run.damaged:
        return "damaged"
    return "working" if run.busy else run.ending or "unfinished"


def show_run(run_id: str, flags: Mapping[str, Any], output: str) -> None:
    """Print every step of a run."""
    settings = load_settings(flags)
    with Journal.open(settings.journal) as journal:
        name = journal.find(run_id)
        events = journal.events(name)
        busy = next((run.busy for run in journal.runs() if run.run_id == name), False)
    if output == "jsonl":
        for recorded in events:
            click.echo(json_line(recorded))
        return
    look = look_of(sys.stdout, os.environ)
    state = replay(sys.stdout, Look.COLOURED if look is Look.LIVE else look, name, events)
    if state.ended is None:
        how = "some process is working on it" if busy else f"go on with: agentkit runs resume {name}"
        click.echo(f"{'unfinished':>9}  {how}")
    elif state.ended.claimed:
        click.echo(printable(state.ended.result))


def newest_unfinished(settings: Settings, *, force: bool = False) -> str:
    """The id of the newest run that can be gone on with; with `force`, of those that are held too.

    Raises:
        RunNotFound: there is none.
    """
    with Journal.open(settings.journal) as journal:
        for run in reversed(journal.runs()):
            if run.ending in _OPEN and not run.damaged and (force or not run.busy):
                return run.run_id
    raise RunNotFound(f"no unfinished run in {settings.journal}; agentkit runs list shows all")
