"""`agentkit runs`: what is recorded."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
import msgspec

from agentkit.cli.render import Progress
from agentkit.cli.words import clipped
from agentkit.core.errors import RunNotFound
from agentkit.core.events import Ending
from agentkit.journal.store import Journal
from agentkit.settings import Settings, load_settings


def list_runs(flags: Mapping[str, Any], output: str) -> None:
    """Print one line for each run, the newest first."""
    settings = load_settings(flags)
    with Journal.open(settings.journal) as journal:
        summaries = sorted(journal.runs(), key=lambda run: run.started, reverse=True)
    if output == "json":
        click.echo(json.dumps([msgspec.to_builtins(run) for run in summaries], indent=2))
        return
    if not summaries:
        click.echo(f"no runs are recorded in {settings.journal}")
        return
    for run in summaries:
        when = datetime.fromtimestamp(run.started).astimezone().strftime("%Y-%m-%d %H:%M")
        how = "working" if run.busy else run.ending or "unfinished"
        click.echo(f"{run.run_id}  {when}  {how:<12}  {run.model:<28}  {clipped(run.goal, 60)}")


def show_run(run_id: str, flags: Mapping[str, Any], output: str) -> None:
    """Print every step of a run."""
    settings = load_settings(flags)
    with Journal.open(settings.journal) as journal:
        events = journal.events(journal.find(run_id))
    if output == "jsonl":
        for recorded in events:
            click.echo(msgspec.json.encode(recorded))
        return
    progress = Progress(sys.stdout, live=False)
    for recorded in events:
        progress.on_event(recorded)
    progress.close()


def newest_unfinished(settings: Settings) -> str:
    """The id of the newest run that can be gone on with.

    Raises:
        RunNotFound: there is none.
    """
    over = {str(Ending.FINISHED), str(Ending.GAVE_UP)}
    with Journal.open(settings.journal) as journal:
        open_runs = [run for run in journal.runs() if not run.busy and str(run.ending or "") not in over]
    if not open_runs:
        raise RunNotFound(f"no unfinished run in {settings.journal}; agentkit runs list shows all")
    return max(open_runs, key=lambda run: run.started).run_id
