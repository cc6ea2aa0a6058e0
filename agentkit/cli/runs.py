"""`agentkit runs`: what is recorded."""

import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click

from agentkit.cli.render import replay
from agentkit.cli.screens import Look, look_of
from agentkit.cli.waiting import forget_waiting
from agentkit.cli.words import (
    bytes_size,
    clipped,
    counted,
    json_line,
    moment,
    padded,
    printable,
    seconds_of,
    shown_json,
)
from agentkit.core.errors import RunNotFound, UsageError
from agentkit.core.events import Ending
from agentkit.journal.families import families
from agentkit.journal.losses import Loss
from agentkit.journal.store import Journal
from agentkit.journal.summaries import RunSummary
from agentkit.settings import OriginKind, Settings, load_settings

_OPEN = (None, Ending.INTERRUPTED, Ending.MODEL_FAILED)
"""Endings after which the same run, gone on with as it is, may come further."""


def list_runs(flags: Mapping[str, Any], output: str, of: Path | None = None, mine: str = "") -> None:
    """Print one line for each run, the newest first.

    Args:
        flags: Of the command line.
        output: text or json.
        of: Only the runs of that workspace.
        mine: The run that this process itself works on.
    """
    settings = load_settings(flags)
    summaries: list[RunSummary] = []
    lost: Sequence[Loss] = ()
    # nothing may have been recorded yet where it always is; one that is named just now should be there
    named = any(origin.kind is OriginKind.FLAG for origin in settings.origins.get("journal", ()))
    if named or settings.journal.exists():
        with Journal.open(settings.journal, must_exist=True) as journal:
            summaries = list(journal.runs()[::-1])
            lost = journal.losses()
    for loss in lost:
        click.echo(f"{_told(loss)}; to take the journal as it is: agentkit runs accept", err=True)
    if output == "json":
        click.echo(json_line(summaries))
        return
    if of is not None:
        summaries = [run for run in summaries if run.workspace == str(of)]
    if not summaries:
        click.echo(f"no runs {f'of {of} ' if of else ''}are recorded in {settings.journal}")
        return
    width = shutil.get_terminal_size().columns
    for run in summaries:
        when = moment(run.started, "%m-%d %H:%M")
        how = "this one" if run.run_id == mine else _how(run)
        left = f"{run.run_id}  {when + '  ' if width >= 60 else ''}{how:<12}  "
        model = printable(run.model)
        # the model is shown where there is room for it and the goal
        shown_model = padded(model, 28) + "  " if width - len(left) >= 70 else ""
        room = max(8, width - len(left) - len(shown_model))
        goal = f"(for {run.parent}) {run.goal}" if run.parent else run.goal
        goal = f"(imported) {goal}" if run.foreign else goal
        click.echo((left + shown_model + clipped(goal, room)).rstrip())


def accept_journal(flags: Mapping[str, Any]) -> None:
    """Take the journal as it is although it has lost something, and say what that was."""
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
        lost = journal.accept()
    for loss in lost:
        click.echo(_told(loss))
    if lost:
        click.echo(f"the journal {settings.journal} is taken as it is from now on")
    else:
        click.echo(f"the journal {settings.journal} has lost nothing that is known of")


def _told(loss: Loss) -> str:
    known = counted(loss.known, "event")
    if not loss.run_id:
        return f"a run of at least {known} is gone"
    what = f"run {loss.run_id} has {counted(loss.here, 'event')}"
    return f"{what} that are not those recorded here" if loss.swapped else f"{what} of at least {loss.known}"


def _how(run: RunSummary) -> str:
    if run.damaged:
        return "damaged"
    return "working" if run.busy else run.ending or "unfinished"


def show_run(run_id: str, flags: Mapping[str, Any], output: str) -> None:
    """Print every step of a run."""
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
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


def export_run(run_id: str, file: str | None, flags: Mapping[str, Any]) -> None:
    """Write a run to a new file that only its owner can read, or to standard output."""
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
        lines = journal.export(journal.find(run_id))
        if file is None:
            for line in lines:
                click.echo(shown_json(line.decode()) if sys.stdout.isatty() else line, nl=False)
            return
        write_new(Path(file), lines)


def write_new(path: Path, lines: Iterable[bytes]) -> None:
    """Write a new file that only its owner can read, whole or not at all.

    Raises:
        UsageError: it is there already, or cannot be written.
    """
    try:
        with open(path, "xb", opener=_private) as out:
            try:
                out.writelines(lines)
            except BaseException:
                path.unlink()  # a part of a run is of no use
                raise
    except FileExistsError:
        raise UsageError(f"{path} is there already; name a new file, or remove it first") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another file") from error


def _private(name: str, how: int) -> int:
    return os.open(name, how, 0o600)


def import_run(file: str, flags: Mapping[str, Any]) -> None:
    """Record the run that a file holds."""
    settings = load_settings(flags)
    try:
        lines = Path(file).open("rb")  # noqa: SIM115 - only opening it is answered here
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}; name an exported run") from error
    with lines, Journal.open(settings.journal) as journal:
        done = journal.take_in(lines, file)
    events = counted(done.events, "event")
    if done.new:
        click.echo(f"imported run {done.run_id}, {events}; see it with: agentkit runs show {done.run_id}")
    else:
        click.echo(f"run {done.run_id} is here already, with the same {events}; nothing was changed")


def remove_runs(
    run_ids: Sequence[str],
    older_than: str | None,
    keep: int | None,
    flags: Mapping[str, Any],
    *,
    yes: bool,
) -> None:
    """Remove the named runs, or those that the rule tells; ask first, and say what was given back."""
    by_rule = older_than is not None or keep is not None
    if by_rule == bool(run_ids):
        raise UsageError("name the runs to remove, or give a rule such as --older-than 30d or --keep 100")
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
        before = journal.size()
        if by_rule:
            chosen, busy = _by_rule(journal.runs(), older_than, keep)
            for run in busy:
                click.echo(f"run {run.run_id} stays: some process is working on it", err=True)
        else:
            chosen = _named(journal, run_ids)
        if chosen and not yes and not _agreed(journal, chosen):
            click.echo("nothing was removed")
            return
        # also with nothing chosen: texts may be left over from a removal beside a run at work
        removed = journal.remove(chosen)
        for run_id in chosen:
            forget_waiting(settings.journal, run_id)
        click.echo(f"removed {counted(removed.runs, 'run')} and {counted(removed.texts, 'text')}")
        if not removed.swept:
            click.echo(
                "texts and files stay while a run is at work; the next agentkit runs rm looks for them"
            )
        if removed.runs or removed.texts or removed.contents:
            all_given = journal.shrink()
            later = "" if all_given else "; the rest when the processes that read it are done"
            click.echo(f"{bytes_size(max(0, before - journal.size()))} given back{later}")


def _by_rule(
    runs: Sequence[RunSummary], older_than: str | None, keep: int | None
) -> tuple[list[str], list[RunSummary]]:
    """Of all runs from the oldest on, those that a rule removes, and those that it spares as held."""
    last = float("inf")
    if older_than is not None:
        seconds = seconds_of(older_than)
        if seconds is None:
            raise UsageError(f"--older-than {older_than!r} cannot be; say a number of m, h, d or w, as 30d")
        last = time.time() - seconds
    # what works for a run can be gone on with by that one alone: they go together, or stay
    all_of_them = families(runs)
    older = all_of_them[: max(0, len(all_of_them) - (keep or 0))]
    fitting = [family for family in older if max(run.last for run in family) < last]
    free = [family for family in fitting if not any(run.busy for run in family)]
    return [run.run_id for run in chain(*free)], [run for run in chain(*fitting) if run.busy]


def _named(journal: Journal, run_ids: Sequence[str]) -> list[str]:
    """The runs of these names, with those that work for them.

    Raises:
        UsageError: one works for a run that is not named.
    """
    named = {journal.find(run_id): None for run_id in run_ids}
    chosen: dict[str, None] = {}
    for head, *others in families(journal.runs()):
        if head.run_id in named:
            chosen |= dict.fromkeys(run.run_id for run in (head, *others))
            continue
        for run in others:
            if run.run_id in named:
                raise UsageError(
                    f"run {run.run_id} works for run {run.parent}, which could not go on with it; remove "
                    f"both with: agentkit runs rm {head.run_id}"
                )
    return list(chosen | named)  # one that has no event yet is in no family


def _agreed(journal: Journal, chosen: Sequence[str]) -> bool:
    what = counted(len(chosen), "run")
    if not sys.stdin.isatty():
        raise UsageError(f"{what} would be removed, and nobody is at a terminal to be asked; say --yes")
    for run in journal.runs():
        if run.run_id in chosen:
            click.echo(f"{run.run_id}  {_how(run):<12}  {clipped(run.goal, 60)}".rstrip())
    return click.confirm(f"Remove {what} for good?")


def newest_unfinished(settings: Settings, *, force: bool = False) -> str:
    """The id of the newest run that can be gone on with; with `force`, of those that are held too.

    Raises:
        RunNotFound: there is none.
    """
    with Journal.open(settings.journal, must_exist=True) as journal:
        for run in reversed(journal.runs()):
            # what works for another run, that goes on with; what another may have written has to be named
            mine = not run.parent and not run.foreign
            if run.ending in _OPEN and mine and not run.damaged and (force or not run.busy):
                return run.run_id
    raise RunNotFound(
        f"no unfinished run in {settings.journal}; agentkit runs list shows all, and one that was imported "
        "has to be named"
    )
