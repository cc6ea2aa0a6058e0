"""`agentkit run` and `agentkit runs resume`."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TextIO

import click

from agentkit.assembly import Outcome, Surroundings, resume_run, run_goal
from agentkit.cli.person import Person
from agentkit.cli.render import JsonLines, Progress, outcome_json
from agentkit.cli.words import EXIT_CODES
from agentkit.core.errors import UsageError
from agentkit.settings import Settings, load_settings
from agentkit.tooling.context import nobody_to_ask


def run_command(goal: str | None, flags: Mapping[str, Any]) -> int:
    """Take on a goal; the exit code says how it ended."""
    settings = load_settings(flags)
    words = _goal(goal, sys.stdin)
    return _conduct(settings, lambda around: run_goal(words, settings, around))


def resume_command(run_id: str | None, flags: Mapping[str, Any]) -> int:
    """Go on with a recorded run; the exit code says how it ended."""
    from agentkit.cli.runs import newest_unfinished

    settings = load_settings(flags)
    name = run_id or newest_unfinished(settings)
    return _conduct(settings, lambda around: resume_run(name, settings, around))


def _goal(goal: str | None, stdin: TextIO) -> str:
    if goal not in (None, "-"):
        return str(goal)
    if stdin.isatty():
        raise UsageError('no goal was given; say agentkit run "what should be true at the end"')
    return stdin.read()


def _conduct(settings: Settings, work: Callable[[Surroundings], Awaitable[Outcome]]) -> int:
    """Run `work` with the terminal watching, and turn its end into output and exit code."""
    progress = Progress(sys.stderr, live=_is_live(sys.stderr))
    lines = [JsonLines(sys.stdout)] if settings.output == "jsonl" else []
    person = Person(progress)
    around = Surroundings(
        sinks=(progress, *lines),
        approver=person.approves if person.is_here else None,
        on_wait=progress.notice,
        ask=person.answers if person.is_here else nobody_to_ask,
    )
    try:
        outcome = asyncio.run(_until_signal(work(around)))
    except _Stopped as stopped:
        progress.close()
        click.echo("stopped; go on with: agentkit runs resume", err=True)
        return 128 + stopped.signal
    finally:
        progress.close()
    if settings.output == "json":
        click.echo(
            outcome_json(outcome.run_id, outcome.ended, outcome.steps, outcome.tokens, outcome.seconds)
        )
    elif settings.output == "text" and outcome.ended.claimed:
        click.echo(outcome.ended.result)
    return EXIT_CODES[outcome.ended.ending]


def _is_live(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


class _Stopped(Exception):
    """A signal asked us to stop; everything is recorded."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


async def _until_signal(work: Awaitable[Outcome]) -> Outcome:
    """The outcome of `work`, which is cancelled (its tools killed, its state kept) by a signal."""
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        caught.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if caught:
            raise _Stopped(caught[0]) from None
        raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
