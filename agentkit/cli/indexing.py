"""`agentkit index`: documents taken into the index, brought up to date, told of, forgotten."""

import asyncio
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from agentkit.assembly.indexes import folder_source, index_made_anew, index_of, way_to_vectors
from agentkit.cli.screens import Look, look_of
from agentkit.cli.signals import Stopped, until_signal
from agentkit.cli.words import bytes_size, clipped, counted, on_one_line, printable
from agentkit.core.errors import UsageError
from agentkit.retrieval.forgetting import forget
from agentkit.retrieval.health import healths_of
from agentkit.retrieval.index import Index
from agentkit.retrieval.making import Making
from agentkit.retrieval.sources import Folder
from agentkit.retrieval.sync import Plan, Report, Synced, rehearsed, sync
from agentkit.settings import Settings, load_settings

_APP = "what an app put in"
"""The name of documents that are of no source."""
SHOWN = 20
"""Names of a list that are printed."""


def index_command(path: str | None, flags: dict[str, Any]) -> int:
    """Do what the flags say with the index; the exit code is 1 when some file could not be read."""
    dry_run, shrink, anew, forgets = (
        flags.pop(name) for name in ("dry_run", "allow_shrink", "anew", "forget")
    )
    if sum((dry_run, anew, forgets)) > 1:
        raise click.UsageError("--dry-run, --anew and --forget do not go together; leave out all but one")
    settings = load_settings(flags)
    if path is None and (dry_run or shrink or forgets):
        raise click.UsageError("name the PATH of the documents, a folder or a file")
    if path is None and not anew:
        with index_of(settings, make=False) as index:
            _tell(index, settings)
        return 0
    place = settings.workspace / Path(path or "").expanduser()
    if forgets:
        with index_of(settings, make=False) as index:
            return _forget(place, index)
    source = folder_source(place) if path is not None else None
    if dry_run and source is not None:
        plan = _rehearsed(source, settings)
        _tell_plan(plan, source)
        return int(bool(plan.unread))
    try:
        done = asyncio.run(until_signal(_synced(source, settings, anew=anew, shrink=shrink)))
    except Stopped as stopped:
        click.echo("what was taken in stays; the same command goes on with the rest", err=True)
        return 128 + stopped.signal
    if not done:
        click.echo("the index holds nothing")
    for one in done:
        _tell_done(one, source)
    return int(any(one.plan.unread for one in done))


def _rehearsed(source: Folder, settings: Settings) -> Plan:
    """What would be done, also where there is no index yet."""
    with ExitStack() as opened, _shown() as report:
        is_new = settings.index is not None and not settings.index.exists()
        store = None if is_new else opened.enter_context(index_of(settings, make=False)).store
        return rehearsed(source, store, report)


async def _synced(source: Folder | None, settings: Settings, *, anew: bool, shrink: bool) -> list[Synced]:
    with _shown() as report:
        if anew or source is None:
            return await index_made_anew(settings, source, allow_shrink=shrink, report=report)
        async with index_of(settings, make=True) as index:
            is_new = index.store.making is None
            done = [await sync(source, index, allow_shrink=shrink, report=report)]
            if is_new:
                _tell_way_to_vectors(settings, index.how.making)
            return done


def _forget(place: Path, index: Index) -> int:
    root = str(place.resolve())
    names = [
        name for name in index.store.digests() if name == root or name.startswith(f"{root.rstrip('/')}/")
    ]
    if not names:
        raise UsageError(f"{index.store.path} holds nothing below {root}; agentkit index tells what it holds")
    done = forget(index.store, names)
    click.echo(f"forgot {counted(done.documents, 'document')} below {on_one_line(root)}")
    if not done.complete:
        click.echo(
            "another process is reading the index, so that some bytes may stay in its log until it ends; "
            "the same command then removes them",
            err=True,
        )
        return 1
    return 0


def _tell_way_to_vectors(settings: Settings, made: Making) -> None:
    if way := way_to_vectors(settings, made):
        click.echo(f"for English by meaning, too: {way}", err=True)


def _tell(index: Index, settings: Settings) -> None:
    store = index.store
    counts = store.counts()
    click.echo(
        f"{on_one_line(str(store.path))}: {counted(counts.documents, 'document')}, "
        f"{counted(counts.chunks, 'piece')}, {bytes_size(store.database.size())}"
    )
    for origin, documents in store.origins().items():
        click.echo(f"    {on_one_line(origin or _APP)}: {counted(documents, 'document')}")
    made = store.making
    if made is not None:
        vectors = f", vectors of {made.embeddings}" if made.embeddings else ""
        click.echo(f"found by words ({made.analyser}){vectors}")
        _tell_way_to_vectors(settings, made)
    for one in healths_of(store):
        if one.sick:
            click.echo(f"    no vectors for {one.script} text: {one.reason}")


def _tell_plan(plan: Plan, source: Folder) -> None:
    for word, names in (("add", plan.new), ("replace", plan.changed), ("remove", plan.gone)):
        _list(f"would {word}", [_short(name, source) for name in names])
    click.echo(f"unchanged: {counted(plan.unchanged, 'document')}")
    if plan.loses_much:
        click.echo(
            f"{len(plan.gone)} of {plan.known} are gone: this would be refused without --allow-shrink",
            err=True,
        )
    _tell_rest(plan, source)


def _tell_done(done: Synced, source: Folder | None) -> None:
    plan = done.plan
    embedded = f", {done.embedded} embedded" if done.embeds else ""
    click.echo(
        f"{on_one_line(plan.source or _APP)}: {len(plan.new)} added, {len(plan.changed)} replaced, "
        f"{len(plan.gone)} removed, {plan.unchanged} unchanged; "
        f"{counted(done.chunks, 'piece')} written{embedded}"
    )
    for one in done.healths:
        if one.sick:
            click.echo(f"vectors do not count for {one.script} text: {one.reason}", err=True)
    _tell_rest(plan, source)


def _tell_rest(plan: Plan, source: Folder | None) -> None:
    """What is not read, and why."""
    for name, reason in plan.unread:
        click.echo(f"not read: {clipped(reason if name in reason else f'{name}: {reason}', 300)}", err=True)
    if source is not None and source.skipped and plan.source == source.name:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(source.skipped.items()))
        click.echo(f"left out, as files of no kind that is read: {on_one_line(kinds)}", err=True)


def _list(label: str, names: Sequence[str]) -> None:
    for name in names[:SHOWN]:
        click.echo(f"{label} {on_one_line(name)}")
    if len(names) > SHOWN:
        click.echo(f"{label} {len(names) - SHOWN} more")


def _short(name: str, source: Folder) -> str:
    return name.removeprefix(f"{source.name}/")


@contextmanager
def _shown() -> Generator[Report]:
    """A progress bar on a terminal, and a line now and then elsewhere."""
    if look_of(sys.stderr) is not Look.LIVE:
        yield hundreds(lambda line: click.echo(line, err=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    console = Console(stderr=True, force_terminal=True)
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(
            task, completed=done, total=total, description=clipped(Path(what).name, 40)
        )


def hundreds(say: Callable[[str], None]) -> Report:
    """A line for every hundred documents."""

    def report(done: int, total: int, what: str) -> None:
        if done and done % 100 == 0:
            say(f"{done} of {total} documents, now {printable(what)}")

    return report
