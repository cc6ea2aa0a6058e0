"""`agentkit models`: the embedded models."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import click

from agentkit.cli.screens import Look, look_of
from agentkit.cli.words import bytes_size, printable
from agentkit.models.embedded import best_ready, catalogue, fetch
from agentkit.models.inspection import inspect
from agentkit.models.planning import plan
from agentkit.models.rounding import Report as BlockReport
from agentkit.models.rounding import quantise

Report = Callable[[int, int, str], None]

OTHERS = {
    "openai:NAME": "any OpenAI-compatible server: OPENAI_API_KEY, --base-url; agentkit doctor --endpoint",
    "served:NAME": "a model that agentkit serve has put behind an address: --base-url",
    "replay:RUN": "the answers of a recorded run",
    "scripted:FILE": "the answers that stand in a file, for tests",
}
"""Models that are not embedded: how they are named, and what answers."""


def list_models() -> None:
    """Print what each entry is, where it comes from, and whether it is ready."""
    default = best_ready()
    for entry in catalogue():
        mark = " (the default: used when no model is named)" if entry.name == default else ""
        click.echo(f"local:{entry.name}  {entry.state}{mark}")
        click.echo(f"    {entry.about}")
        click.echo(f"    {entry.licence}, {bytes_size(entry.size)}, from {entry.origin}")
        click.echo(f"    {entry.where}")
        if entry.state != "ready":
            click.echo(f"    get it with: agentkit models fetch {entry.name}")
    if default is None:
        click.echo("no model is ready, so a run has to name one")
    for name, about in OTHERS.items():
        click.echo(f"{name}  {about}")


def offered_models() -> dict[str, str]:
    """Names that a model can be given here and now, or begin with, and what answers."""
    ready = {
        f"local:{entry.name}": entry.about
        for entry in catalogue()
        if entry.state == "ready" and entry.answers
    }
    return ready | {f"{name.partition(':')[0]}:": about for name, about in OTHERS.items()}


def fetch_model(name: str) -> None:
    """Get an entry's weights, with a progress bar on a terminal."""
    with _shown(name) as report:
        path = fetch(name, report)
    click.echo(f"{name.removeprefix('local:')} is ready: {path}")


def inspect_model(name: str) -> None:
    """Print what a checkpoint is, and the memory that it takes."""
    found = inspect(name)
    click.echo(
        f"{found.family}, {_count(found.parameters)} parameters, {bytes_size(found.disk)} in {found.path}"
    )
    for title, value in {**found.shape, **found.text}.items():
        click.echo(f"  {title + ':':<17}{printable(value)}")
    click.echo("memory for weights and cache, without what Python, torch and the computation take:")
    heads = "".join(f"{f'{size:,} tokens':>16}" for size in found.contexts)
    click.echo(f"  {'precision':<12}{heads}")
    for precision, totals in found.memory.items():
        click.echo(f"  {precision:<12}{''.join(f'{bytes_size(total):>16}' for total in totals)}")


def plan_model(
    name: str | None,
    shape: str | None,
    precision: str | None,
    context: int | None,
    sequences: int,
    cache: Literal["float", "int8"],
) -> None:
    """Print the memory that a model would take."""
    planned = plan(name, shape, precision, context, sequences, cache)
    many = "" if sequences == 1 else f" of each of {sequences:,} sequences"
    click.echo(f"{_count(planned.parameters)} parameters, {planned.context:,} tokens{many}")
    titles = ("weights", "cache", "computation", "process", "in all")
    click.echo(f"  {'precision':<12}{''.join(f'{title:>13}' for title in titles)}")
    for kind, memory in planned.memory.items():
        amounts = (memory.weights, memory.cache, memory.computation, memory.process, memory.total)
        click.echo(f"  {kind:<12}{''.join(f'{bytes_size(amount):>13}' for amount in amounts)}")


def quantise_model(name: str, text: str, out: str, tokens: int) -> None:
    """Round a model to 4 bits by a text, telling how far it is."""
    folder = Path(out).expanduser()
    with _blocks(name) as report:
        used = quantise(name, Path(text).expanduser(), folder, tokens, report)
    click.echo(f"{out} is ready, rounded by {used:,} tokens of {text}; run it with: -m local:{out}")


def _count(parameters: int) -> str:
    """A number of parameters as people say it.

    >>> _count(134_515_008), _count(7_241_732_096)
    ('135 million', '7.24 billion')
    """
    if parameters < 1_000_000_000:
        return f"{parameters / 1e6:.3g} million"
    return f"{parameters / 1e9:.3g} billion"


@contextmanager
def _shown(name: str) -> Generator[Report, None, None]:
    if look_of(sys.stderr) is Look.LIVE:
        with _bar("fetching", name, in_bytes=True) as shown:
            yield lambda done, total, _what: shown(done, total)
    else:
        yield tenths(name, lambda line: click.echo(line, err=True))


@contextmanager
def _blocks(name: str) -> Generator[BlockReport, None, None]:
    """What tells how many blocks are rounded: a bar on a terminal, else a line for each tenth."""
    if look_of(sys.stderr) is Look.LIVE:
        with _bar("rounding", name) as shown:
            yield lambda done, total, _off: shown(done, total)
        return

    def told(done: int, total: int, off: float) -> None:
        if 10 * done // total > 10 * (done - 1) // total:
            click.echo(f"rounding {name}: {done} of {total} blocks, hidden states {off:.1%} off", err=True)

    yield told


def tenths(name: str, say: Callable[[str], None]) -> Report:
    """A line whenever another tenth is done, and none for what was here already."""
    shown = -1

    def report(done: int, total: int, what: str) -> None:
        nonlocal shown
        tenth = 10 * done // total if total else 10
        if tenth > shown:
            shown = tenth
            amounts = f"{bytes_size(done)} of {bytes_size(total)}"
            say(f"fetching {name}: {10 * tenth} %, {amounts}, {printable(what)}")

    return report


@contextmanager
def _bar(
    doing: str, name: str, *, in_bytes: bool = False
) -> Generator[Callable[[int, int], None], None, None]:
    """A bar that is told how much is done, of how much."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(f"{doing} {{task.description}}"),
        BarColumn(bar_width=None),
        DownloadColumn() if in_bytes else MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, force_terminal=True)
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
