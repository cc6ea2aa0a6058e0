"""What runs did to the files: taken back, made again, and shown."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agentkit.assembly import bounds_of
from agentkit.cli.words import escaped, json_line
from agentkit.core.errors import UsageError
from agentkit.core.events import Recorded, RunStarted
from agentkit.core.protocols import RunLog
from agentkit.journal.store import Journal
from agentkit.settings import Settings, load_settings
from agentkit.tooling.snapshots.diffing import FileDiff, between, changed_by, state_of
from agentkit.tooling.snapshots.history import history
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoing import FilesReset, redo, undo
from agentkit.tooling.workspace import Workspace


def undo_run(run_id: str, to: int | None, flags: Mapping[str, Any], *, force: bool) -> None:
    """Take back what a run did to the files, and say what that was."""
    _reset(run_id, flags, lambda log, snapshots: undo(log, snapshots, to, force=force))


def redo_run(run_id: str, flags: Mapping[str, Any], *, force: bool) -> None:
    """Take the last undo of a run back, and say what that was."""
    _reset(run_id, flags, lambda log, snapshots: redo(log, snapshots, force=force))


def diff_runs(one: str, other: str | None, output: str, flags: Mapping[str, Any]) -> None:
    """Print what a run changed, or what differs between two states."""
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
        run_id, step = _named(journal, one)
        events = journal.events(run_id)
        doubt = ""
        if other is None:
            found, doubt = changed_by(journal.contents, events, step or 0), _doubt(journal, run_id, events)
        else:
            second, second_step = _named(journal, other)
            found = between(
                journal.contents,
                state_of(run_id, events, step),
                state_of(second, journal.events(second), second_step),
            )
    if output == "json":
        click.echo(json_line([_as_json(diff) for diff in found]))
        return
    if doubt:
        click.echo(doubt, err=True)
    elif not found:
        click.echo("no file differs")
    shown = escaped if sys.stdout.isatty() else str
    for diff in found:
        click.echo(shown(f"{diff.what} {diff.name}" + (f" ({diff.remark})" if diff.remark else "")))
        for line in diff.lines():
            click.echo(shown(line))


def _doubt(journal: Journal, run_id: str, events: Sequence[Recorded]) -> str:
    """What of a run's changes is not known: those of a call that is running, or was when the process died."""
    intent = history(events).in_doubt
    if intent is None:
        return ""
    if any(run.busy for run in journal.runs() if run.run_id == run_id):
        return f"not shown is what {intent.call.name} does, which is running"
    return (
        f"not shown is what {intent.call.name} did last: nobody knows how far it came until the run goes on"
    )


def _reset(run_id: str, flags: Mapping[str, Any], how: Callable[[RunLog, Snapshots], FilesReset]) -> None:
    click.echo(escaped(reset_files(run_id, load_settings(flags), how)))


def reset_files(run_id: str, settings: Settings, how: Callable[[RunLog, Snapshots], FilesReset]) -> str:
    """Undo or redo what a run that nobody works on did to the files, and say what that was."""
    with (
        Journal.open(settings.journal, must_exist=True) as journal,
        journal.resume(journal.find(run_id)) as log,
    ):
        first = log.events()[0].event if log.events() else None
        if not isinstance(first, RunStarted):
            raise UsageError(f"run {log.run_id} holds no goal and changed nothing")
        # a folder that another wrote down is not reached into
        folder = settings.workspace if log.is_foreign else Path(first.workspace)
        with Workspace.open(folder) as workspace:
            done = how(log, Snapshots(workspace, log.contents, bounds_of(settings)))
    cut_off = "completed what was cut off: " if done.completed else ""
    return f"{cut_off}{done}"


def _named(journal: Journal, origin: str) -> tuple[str, int | None]:
    run_id, at, step = origin.partition("@")
    if at and not re.fullmatch("[0-9]{1,9}", step, re.ASCII):
        raise UsageError(f"{origin!r} names no step; say RUN@STEP with a number, as in {run_id or 'RUN'}@3")
    return journal.find(run_id), int(step) if at else None


def _as_json(diff: FileDiff) -> dict[str, Any]:
    sides = {
        side: entry and {"mode": f"{entry.mode:o}", "size": entry.size, "hash": entry.hash.hex()}
        for side, entry in (("old", diff.old), ("new", diff.new))
    }
    return {
        "path": diff.name,
        "what": diff.what,
        **sides,
        "remark": diff.remark,
        "diff": "\n".join(diff.lines()),
    }
