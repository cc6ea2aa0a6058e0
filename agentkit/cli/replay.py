"""`agentkit runs replay`: a recorded run, made again by the loop of today and compared."""

import asyncio
from collections.abc import Mapping
from typing import Any

import click

from agentkit.agents.replay import Replayed, replay
from agentkit.agents.replay_script import Difference
from agentkit.cli.words import counted, json_line
from agentkit.core.events import Recorded, RunStarted
from agentkit.journal.store import Journal
from agentkit.settings import load_settings
from agentkit.tooling.discovery import enabled_packs, installed_tools
from agentkit.tooling.packs import offering
from agentkit.tooling.tool import Tool

COMES_OUT_OTHERWISE = 8
"""The exit code of a run that does not come out as it is recorded: a check failed."""


def replay_run(run_id: str, flags: Mapping[str, Any], output: str) -> int:
    """Replay a run, offline and without effects, and say whether all of it came out as recorded."""
    settings = load_settings(flags)
    with Journal.open(settings.journal, must_exist=True) as journal:
        name = journal.find(run_id)
        events, bodies = journal.stored(name)
    done = asyncio.run(replay(events, _tools(events), bodies))
    if output == "json":
        click.echo(json_line({"run": name, "recorded": len(events), **_as_values(done)}))
    else:
        _tell(name, events, done)
    return COMES_OUT_OTHERWISE if done.difference else 0


def _tools(events: list[Recorded]) -> Mapping[str, Tool]:
    """The tools that the run could call, as far as they are installed."""
    first = events[0].event if events else None
    packs = enabled_packs(first.packs, memory=bool(first.memory)) if isinstance(first, RunStarted) else ()
    return offering(installed_tools(), packs, 0, lambda _: True).tools


def _as_values(done: Replayed) -> dict[str, Any]:
    return {
        "same": done.events,
        "rewritten": done.rewritten,
        "steps": done.steps,
        "unchecked": done.unchecked,
        "difference": done.difference,
    }


def _tell(name: str, events: list[Recorded], done: Replayed) -> None:
    if done.difference is not None:
        _tell_difference(name, len(events), done.difference)
    else:
        same = f"run {name}: {counted(done.events, 'event')} of {counted(done.steps, 'step')}"
        click.echo(f"{same} came out again byte for byte")
    if done.rewritten:
        click.echo(f"{counted(done.rewritten, 'event')} of an older agentkit say the same in other bytes")
    for call in done.unchecked:
        click.echo(f"not checked again, for its tool, a secret or a file in it is not here: {call}")
    if done.difference is None and done.ended is None:
        click.echo(f"it has not ended; go on with: agentkit runs resume {name}")


def _tell_difference(name: str, count: int, difference: Difference) -> None:
    click.echo(f"run {name} comes out otherwise at event {difference.seq} of {count}")
    click.echo(f"recorded: {json_line(difference.recorded)}")
    came = "nothing" if difference.came is None else json_line(difference.came)
    click.echo(f"came:     {came}")
