"""`agentkit run` and `agentkit runs resume`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import click

from agentkit.assembly import (
    Outcome,
    Surroundings,
    as_started,
    chosen_model,
    is_foreign,
    not_taken_over,
    resume_run,
    run_goal,
)
from agentkit.cli.as_json import JsonLines, outcome_json
from agentkit.cli.event_file import EventFile
from agentkit.cli.person import Person
from agentkit.cli.render import Progress
from agentkit.cli.screens import Look, look_of
from agentkit.cli.signals import Stopped, until_signal
from agentkit.cli.words import EXIT_CODES, printable
from agentkit.core.errors import AgentkitError, UsageError
from agentkit.core.events import RunStarted
from agentkit.core.protocols import RunLog
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.settings import Settings, load_settings
from agentkit.settings.values import of_a_beginning
from agentkit.tooling.context import nobody_to_ask

NOBODY_READS = 141
"""The exit code when the reader of our output went away, as after SIGPIPE."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is watched, beside what its settings say."""

    headless: bool = False
    """Whether nobody is asked, also at a terminal."""
    events: str | None = None
    """The file that gets every event."""


def run_command(
    goal: str | None, fork: str | None, prompt: str | None, flags: Mapping[str, Any], manner: Manner
) -> int:
    """Take on a goal, or go on from a step of another run; the exit code says how it ended."""

    def begin(settings: Settings) -> Sitting:
        if fork is None and prompt is not None:
            raise UsageError("--prompt is for a fork; say which run to fork with --fork RUN")
        if fork is not None:
            name = _forked(fork, goal, prompt, flags, settings)
            return Sitting(
                settings, "opening the journal", lambda around: resume_run(name, settings, around), manner
            )
        words = _goal(goal, sys.stdin)
        doing = f"loading {chosen_model(settings)}"
        return Sitting(settings, doing, lambda around: run_goal(words, settings, around), manner)

    return _conduct(flags, begin)


def _forked(
    fork: str, goal: str | None, prompt: str | None, flags: Mapping[str, Any], settings: Settings
) -> str:
    """The name of a new run with the history of another."""
    from agentkit.cli.fork import forked, has_history, tell_answered

    if goal is not None:
        raise UsageError("a fork keeps the goal of its run; leave the goal out, or leave out --fork")
    if flag := of_a_beginning(flags):
        raise UsageError(f"{flag} is for a new run; a fork has what its run began with")
    moves = flags.get("workspace") is not None
    made = forked(fork, settings, model=flags.get("model"), prompt=prompt, moves=moves)
    click.echo(f"agentkit: {has_history(made)}", err=True)
    tell_answered(made)
    return made.run_id


def resume_command(run_id: str | None, flags: Mapping[str, Any], manner: Manner) -> int:
    """Go on with a recorded run; the exit code says how it ended."""
    from agentkit.cli.runs import newest_unfinished

    flags = dict(flags)
    force = bool(flags.pop("force", False))

    def begin(settings: Settings) -> Sitting:
        name = run_id or newest_unfinished(settings, force=force)
        if flags.get("workspace") is not None:
            _require_foreign(name, settings)
        return Sitting(
            settings,
            "opening the journal",
            lambda around: resume_run(name, settings, around, force=force),
            manner,
        )

    return _conduct(flags, begin)


def _require_foreign(run_id: str, settings: Settings) -> None:
    """Refuse another folder for a run that has one of its own."""
    from agentkit.journal.store import Journal

    with Journal.open(settings.journal, must_exist=True) as journal:
        name = journal.find(run_id)
        if not journal.is_foreign(name):
            raise UsageError(
                f"run {name} goes on in its own folder; for another one say agentkit run --fork {name} "
                f"--workspace FOLDER"
            )


def _goal(goal: str | None, stdin: TextIO) -> str:
    if goal not in (None, "-"):
        words = str(goal)
        if any("\ud800" <= char <= "\udfff" for char in words):
            raise UsageError("the goal is not UTF-8 text; write it in UTF-8")
        return words
    if stdin.isatty():
        raise UsageError('no goal was given; say agentkit run "what should be true at the end"')
    try:
        return stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the goal on standard input is not UTF-8 text (byte {error.start}); write it in UTF-8"
        ) from None


class Sitting:
    """One process's work on one run, with the terminal watching."""

    def __init__(
        self,
        settings: Settings,
        doing: str,
        work: Callable[[Surroundings], Awaitable[Outcome]],
        manner: Manner,
    ) -> None:
        self.log: RunLog | None = None
        self._output = settings.output
        self._work = work
        redact = Redactor(secrets_of(os.environ))
        self._events = EventFile(manner.events, redact) if manner.events is not None else None
        self.progress = _progress(settings.output, doing)
        lines = JsonLines(sys.stdout, redact) if settings.output == "jsonl" else None
        self._settings = settings
        person = self._person = Person(self.progress, settings)
        is_here = person.is_here and not manner.headless
        self._around = Surroundings(
            sinks=tuple(sink for sink in (self.progress, lines, self._events) if sink is not None),
            approver=person.approves if is_here else None,
            on_wait=self.progress.notice if self.progress else None,
            on_open=self._opened,
            ask=person.answers if is_here else nobody_to_ask,
        )

    def conduct(self) -> int:
        """Work until the run is over or stopped; print the result and return the exit code."""
        try:
            outcome = asyncio.run(until_signal(self._work(self._around)))
        except Stopped as stopped:
            self.close()
            return self._stopped(128 + stopped.signal, stopped.name)
        except BrokenPipeError:
            self.close()
            _reads_nobody()
            return self._stopped(NOBODY_READS, "nobody reads the output any more")
        finally:
            self.close()
        ended = outcome.ended
        if self._output == "json":
            click.echo(outcome_json(outcome.run_id, ended, state=self.state, seconds=outcome.seconds))
        elif self._output == "text" and ended.claimed and not self._is_shown(ended.result):
            click.echo(printable(ended.result))
        return EXIT_CODES[ended.ending]

    @property
    def run_id(self) -> str:
        """The run's name, once it has recorded anything."""
        return self.log.run_id if self.log is not None and self.log.events() else ""

    @property
    def state(self) -> Any:
        """Where the run stands."""
        from agentkit.agents.fold import fold

        return fold(self.log.events()) if self.log is not None else None

    def close(self) -> None:
        """Leave the terminal as it was found, and the file of events whole."""
        if self._events is not None:
            self._events.close()
        if self.progress is not None:
            try:
                self.progress.close()
            except BrokenPipeError:
                _reads_nobody()

    def _opened(self, log: RunLog) -> None:
        self.log = log
        if log.events() and isinstance(first := log.events()[0].event, RunStarted):
            foreign = is_foreign(log)
            self._person.about(as_started(self._settings, first, log.events(), foreign=foreign))
            if foreign:
                click.echo(f"agentkit: {not_taken_over(log.run_id, self._settings, first)}", err=True)
        if self.progress is not None:
            self.progress.opened(log)

    def _stopped(self, code: int, why: str) -> int:
        if self.run_id:
            hint = f"its state is saved; go on with: agentkit runs resume {self.run_id}"
        else:
            hint = "nothing had begun"
        click.echo(f"agentkit: stopped ({why}); {hint}", err=True)
        if self._output == "json":
            click.echo(outcome_json(self.run_id, None, exit_code=code, state=self.state))
        return code

    def _is_shown(self, result: str) -> bool:
        """Whether the result stands on the very terminal that standard output is."""
        shown = self.progress is not None and self.progress.answer_stands == result
        return shown and sys.stdout.isatty() and sys.stderr.isatty()


def _conduct(flags: Mapping[str, Any], begin: Callable[[Settings], Sitting]) -> int:
    """Settle the settings and work; with `--output json` an error is told on standard output too."""
    output = flags.get("output") or os.environ.get("AGENTKIT_OUTPUT")
    sitting: Sitting | None = None
    try:
        settings = load_settings(flags)
        output = settings.output
        sitting = begin(settings)
        return sitting.conduct()
    except AgentkitError as error:
        if output == "json":
            run_id, state = (sitting.run_id, sitting.state) if sitting else ("", None)
            click.echo(outcome_json(run_id, None, exit_code=error.exit_code, error=error, state=state))
        raise


def _progress(output: str, doing: str) -> Progress | None:
    """What shows the run on standard error; events on the same terminal speak for themselves."""
    if output == "jsonl" and sys.stdout.isatty():
        return None
    look = look_of(sys.stderr)
    if look is Look.PLAIN and doing and sys.stderr.isatty():
        click.echo(f"{'':>9}  {doing}", err=True)
    return Progress(sys.stderr, look, doing=doing)


def _reads_nobody() -> None:
    """Let what is still to be written go nowhere: the reader is gone, and exit must not fail for it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
