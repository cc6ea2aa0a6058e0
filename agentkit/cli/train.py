"""`agentkit train`: an adapter from a recipe."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from agentkit.cli.screens import Look, look_of
from agentkit.cli.words import bytes_size, counted, duration
from agentkit.core.errors import UsageError
from agentkit.models.embedded import machine_memory
from agentkit.models.training import draw, model_of, train

if TYPE_CHECKING:
    from agentkit.models.training import Begun, Step, Trained

Say = Callable[[str], None]

QUIET_SECONDS = 60.0
"""Between lines where nothing is redrawn."""

CURVES = "curves.svg"
"""The picture of a training, in its folder."""


def train_command(
    recipe: str, out: str | None, minutes: float | None, *, resume: bool, devices: int | None
) -> int:
    """Train and print what it came to."""
    folder = folder_of(recipe, out)
    with closing(Stop()) as stop:
        with closing(_shown(minutes, stop)) as shown:
            trained = train(
                Path(recipe), folder, minutes=minutes, resume=resume, devices=devices or 1, watch=shown
            )
        curves = _curves(folder)  # a second signal ends this, too
    click.echo(_summary(trained))
    if curves is not None:
        click.echo(f"curves: {curves}")
    click.echo(f"use it: agentkit run --model {shlex.quote(model_of(trained))}")
    if not trained.is_finished:
        again = shlex.join(["agentkit", "train", recipe, "--out", str(folder), "--resume"])
        click.echo(f"go on:  {again}")
    return 0 if stop.number is None else 128 + stop.number


def curves_command(recipe: str, out: str | None, picture: str) -> int:
    """Draw what a training came to so far; it may be going on."""
    draw(folder_of(recipe, out), Path(picture))
    click.echo(picture)
    return 0


def folder_of(recipe: str, out: str | None) -> Path:
    """Where a training writes."""
    return Path(out) if out else Path("trained") / Path(recipe).stem


def _curves(folder: Path) -> Path | None:
    """The picture in a training's folder; where none can be drawn, why is said: the training is whole."""
    picture = folder / CURVES
    try:
        draw(folder, picture)
    except UsageError as error:
        _say(f"no {CURVES}: {error}")
        return None
    return picture


def _summary(trained: "Trained") -> str:
    parts = [f"{trained.done:,} of {counted(trained.steps, 'step')}"]
    if trained.loss is not None:
        parts.append(f"loss {trained.loss:.4f}")
    if trained.kept is not None:
        parts.append(f"divergence on general text {trained.kept:.4f}")
    parts.append(f"{trained.tokens_per_second:,.0f} tokens/s")
    if trained.skipped:
        parts.append(f"{counted(trained.skipped, 'step')} skipped, which overflowed float16")
    return f"{', '.join(parts)}: {trained.result}"


class Stop:
    """Signals that ask the training to end after its step; a second one ends the process."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """From now on there is something to save."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._hear)

    def close(self) -> None:
        """Leave signals to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.number is not None:
            os._exit(128 + number)  # the last checkpoint is whole
        self.number = number
        with suppress(OSError):  # not through the stream: it may be in the middle of a line
            os.write(2, b"\nending after this step; once more to end now\n")


def _shown(minutes: float | None, stop: Stop) -> "Lines":
    kind = Bar if look_of(sys.stderr) is Look.LIVE else Lines
    return kind(_say, minutes, stop)


def _say(line: str) -> None:
    click.echo(line, err=True)


class Lines:
    """Shows a training by a line now and then."""

    def __init__(
        self, say: Say, minutes: float | None, stop: Stop, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._minutes = minutes
        self._stop = stop
        self._clock = clock
        self._first = self._steps = 0
        self._began = self._said = 0.0
        self._tokens, self._seconds = 0, 0.0

    def opened(self, needs: list[str], memory: int) -> None:
        """Say what it will need before it takes it."""
        for line in needs:
            self._say(line)
        if memory > (here := machine_memory()):
            self._say(f"this machine has {bytes_size(here)}; a smaller training.pack_tokens needs less")

    def begun(self, begun: "Begun") -> None:
        """Say what is trained on."""
        self._stop.listen()
        self._first, self._steps = begun.done, begun.steps
        self._began = self._said = self._clock()
        general = f" and {counted(begun.general, 'general row')}" if begun.general else ""
        self._say(
            f"{counted(begun.conversations, 'conversation')}{general}, {counted(begun.numbers, 'number')} "
            f"to train, from step {begun.done + 1:,} of {begun.steps:,}"
        )

    def stepped(self, step: "Step") -> None:
        """Say how far it is, if nothing was said for a while."""
        self._tokens += step.tokens
        self._seconds += step.seconds
        now = self._clock()
        if step.number in (self._first + 1, self._steps) or now - self._said >= QUIET_SECONDS:
            self._say(
                f"step {step.number:,} of {self._steps:,}, {self._figures(step)}, {self._left(step, now)}"
            )
            self._said, self._tokens, self._seconds = now, 0, 0.0

    def is_stopped(self) -> bool:
        """Whether a signal asked for the end."""
        return self._stop.number is not None

    def close(self) -> None:
        """Nothing is redrawn, so nothing has to be ended."""

    def _figures(self, step: "Step") -> str:
        loss = step.loss if step.loss is not None else step.kept
        what = "loss" if step.loss is not None else "divergence"
        speed = self._tokens / self._seconds if self._seconds else 0.0
        return f"{what} {loss:.4f}, {speed:,.0f} tokens/s"

    def _left(self, step: "Step", now: float) -> str:
        took = now - self._began
        left = took / (step.number - self._first) * (self._steps - step.number)
        if self._minutes is not None:
            left = min(left, max(0.0, self._minutes * 60 - took))
        return f"{duration(left)} left"


class Bar(Lines):
    """Shows a training by a bar that is redrawn."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
        )
        console = Console(stderr=True, force_terminal=True)
        self._bar = Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False)
        self._task = self._bar.add_task("", total=None, visible=False)

    def begun(self, begun: "Begun") -> None:
        """Draw the bar from where the training begins."""
        super().begun(begun)
        self._bar.update(self._task, total=begun.steps, completed=begun.done, visible=True)
        self._bar.start()

    def stepped(self, step: "Step") -> None:
        """Move the bar."""
        self._tokens += step.tokens
        self._seconds += step.seconds
        figures = f"{self._figures(step)}, {self._left(step, self._clock())}"
        self._bar.update(self._task, completed=step.number, description=figures)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()
