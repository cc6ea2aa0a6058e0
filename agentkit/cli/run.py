"""`agentkit run` and `agentkit runs resume`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TextIO

import click

from agentkit.assembly import Outcome, Surroundings, chosen_model, resume_run, run_goal
from agentkit.cli.person import Person
from agentkit.cli.render import JsonLines, Progress, outcome_json
from agentkit.cli.screens import Look, look_of
from agentkit.cli.signals import Stopped, until_signal
from agentkit.cli.words import EXIT_CODES, printable
from agentkit.core.errors import AgentkitError, UsageError
from agentkit.core.protocols import RunLog
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.settings import Settings, load_settings
from agentkit.tooling.context import nobody_to_ask

NOBODY_READS = 141
"""The exit code when the reader of our output went away, as after SIGPIPE."""


def run_command(goal: str | None, flags: Mapping[str, Any]) -> int:
    """Take on a goal; the exit code says how it ended."""

    def begin(settings: Settings) -> Sitting:
        words = _goal(goal, sys.stdin)
        return Sitting(
            settings, f"loading {chosen_model(settings)}", lambda around: run_goal(words, settings, around)
        )

    return _conduct(flags, begin)


def resume_command(run_id: str | None, flags: Mapping[str, Any]) -> int:
    """Go on with a recorded run; the exit code says how it ended."""
    from agentkit.cli.runs import newest_unfinished

    flags = dict(flags)
    force = bool(flags.pop("force", False))

    def begin(settings: Settings) -> Sitting:
        name = run_id or newest_unfinished(settings, force=force)
        return Sitting(
            settings, "opening the journal", lambda around: resume_run(name, settings, around, force=force)
        )

    return _conduct(flags, begin)


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
        self, settings: Settings, doing: str, work: Callable[[Surroundings], Awaitable[Outcome]]
    ) -> None:
        self.log: RunLog | None = None
        self._output = settings.output
        self._work = work
        self.progress = _progress(settings.output, doing)
        lines = (
            [JsonLines(sys.stdout, Redactor(secrets_of(os.environ)))] if settings.output == "jsonl" else []
        )
        person = Person(self.progress)
        self._around = Surroundings(
            sinks=(*([self.progress] if self.progress else []), *lines),
            approver=person.approves if person.is_here else None,
            on_wait=self.progress.notice if self.progress else None,
            on_open=self._opened,
            ask=person.answers if person.is_here else nobody_to_ask,
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
        from agentkit.agents.state import fold

        return fold(self.log.events()) if self.log is not None else None

    def close(self) -> None:
        """Leave the terminal as it was found."""
        if self.progress is not None:
            try:
                self.progress.close()
            except BrokenPipeError:
                _reads_nobody()

    def _opened(self, log: RunLog) -> None:
        self.log = log
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
