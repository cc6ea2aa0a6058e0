"""A run as it happens, for a person or for a program.

Progress goes to standard error and the result to standard output, so that a pipe gets the result
and nothing else.
"""

import time
from collections.abc import Callable
from typing import TextIO

import msgspec

from agentkit.cli.words import EXIT_CODES, call_line, clipped, duration, printable
from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    Ending,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.tools import Outcome

SHOWN_LINES = 6
"""Lines of a result that the person is shown."""


class JsonLines:
    """Every event as one JSON line on `out`, as it is recorded."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def on_event(self, recorded: Recorded) -> None:
        """Write the event."""
        self._out.write(msgspec.json.encode(recorded).decode() + "\n")
        self._out.flush()

    def on_text(self, text: str) -> None:
        """Nothing: the whole answer comes as an event."""

    def on_restart(self, reason: str) -> None:
        """Nothing: only whole answers are written."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing: the whole result comes as an event."""


class Progress:
    """The run for a person: every step, what it came to, and how it ended."""

    def __init__(self, out: TextIO, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = _LiveScreen() if live else _PlainScreen(out)
        self._clock = clock
        self._began = clock()
        self._step = 0
        self._steps_limit: int | None = None
        self._tokens = 0
        self._writing = ""

    def on_event(self, recorded: Recorded) -> None:
        """Show what was recorded."""
        event = recorded.event
        match event:
            case RunStarted():
                self._steps_limit = event.limits.steps
                self._screen.line("goal", printable(event.goal))
                self._screen.line("with", f"{event.model} in {event.workspace}, approve {event.approve}")
            case RunResumed():
                self._screen.line("resumed", "going on from the journal")
            case ModelAsked():
                self._step = event.step
            case ModelAnswered():
                self._answered(event)
            case ModelFailed():
                self._screen.line("failed", printable(event.message), "red")
            case CallDecided():
                if not event.allowed:
                    self._screen.line("denied", event.reason, "yellow")
            case CallIntended():
                self._screen.line(f"{self._step}", call_line(event.call, 160), "bold")
            case CallFinished():
                self._finished(event)
            case Nudged():
                self._screen.line("nudge", event.text, "yellow")
            case RunEnded():
                self._ended(event)
        self._screen.status(self._status())

    def on_text(self, text: str) -> None:
        """Show the model's words while they are made."""
        self._writing += text
        self._screen.writing(text, self._writing)
        self._screen.status(self._status())

    def on_restart(self, reason: str) -> None:
        """Take back what was shown of an answer that broke off."""
        self._writing = ""
        self._screen.written("")
        self._screen.line("again", f"the answer begins anew: {reason}", "yellow")

    def on_output(self, call_id: str, text: str) -> None:  # noqa: ARG002 - one call runs at a time
        """Show what a running tool prints."""
        self._screen.output(printable(text))

    def notice(self, text: str) -> None:
        """Say something that is no event, such as how long a retry waits."""
        self._screen.line("", text, "dim")

    def pause(self) -> None:
        """Leave the screen to a question."""
        self._screen.close()

    def go_on(self) -> None:
        """Take the screen back after a question."""
        self._screen.start()

    def close(self) -> None:
        """Leave the terminal as it was found."""
        self._screen.close()

    def _answered(self, event: ModelAnswered) -> None:
        self._tokens += event.usage.total
        self._writing = ""
        words = event.message.text.strip()
        final = not event.message.calls and not event.message.malformed
        self._screen.written(printable(words) if words and not final else "")
        for call in event.message.malformed:
            self._screen.line(
                f"{self._step}", f"a call that cannot be read: {clipped(call.text, 80)}", "yellow"
            )

    def _finished(self, event: CallFinished) -> None:
        result = event.result
        colour = "" if result.outcome is Outcome.OK else "red"
        shown = printable(result.text).rstrip().split("\n")
        more = f"… {len(shown) - SHOWN_LINES} more lines" if len(shown) > SHOWN_LINES else ""
        for line in shown[:SHOWN_LINES]:
            self._screen.line("", line, colour or "dim")
        if more:
            self._screen.line("", more, "dim")

    def _ended(self, event: RunEnded) -> None:
        spent = f"{self._step} steps, {self._tokens:,} tokens, {duration(self._clock() - self._began)}"
        good = event.ending is Ending.FINISHED
        self._screen.line(str(event.ending), spent, "green" if good else "red")
        if not event.claimed:
            self._screen.line("because", printable(event.result))
        for finding in event.verified:
            mark = "verified" if finding.holds else "not so"
            self._screen.line(mark, f"{finding.claim}: {finding.found}", "" if finding.holds else "red")
        if event.claimed:
            self._screen.line("claimed", "what follows rests on the agent's word")

    def _status(self) -> str:
        limit = f"/{self._steps_limit}" if self._steps_limit else ""
        return f"step {self._step}{limit} · {self._tokens:,} tokens · {duration(self._clock() - self._began)}"


class _PlainScreen:
    """Lines without colour, for logs, pipes, and terminals that ask for it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._midline = False

    def line(self, label: str, text: str, style: str = "") -> None:  # noqa: ARG002 - plain has no style
        self._fresh()
        for index, part in enumerate(text.split("\n")):
            self._out.write(f"{label if index == 0 else '':>9}  {part}\n")
        self._out.flush()

    def writing(self, text: str, so_far: str) -> None:  # noqa: ARG002 - plain only ever appends
        self._out.write(printable(text))
        self._out.flush()
        self._midline = True

    def written(self, text: str) -> None:  # noqa: ARG002 - it is on the screen already
        self._fresh()

    def output(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
        self._midline = not text.endswith("\n")

    def status(self, text: str) -> None:
        """A log has no status line."""

    def start(self) -> None:
        """Nothing is redrawn, so nothing has to start."""

    def close(self) -> None:
        self._fresh()

    def _fresh(self) -> None:
        if self._midline:
            self._out.write("\n")
            self._midline = False


class _LiveScreen:
    """Coloured lines above a status line that is redrawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._text = Text
        self._console = Console(stderr=True, highlight=False)
        self._tail = ""
        self._status = ""
        self._live: Live = Live(
            console=self._console, transient=True, refresh_per_second=8, get_renderable=self._bottom
        )
        self.start()

    def start(self) -> None:
        self._live.start()

    def line(self, label: str, text: str, style: str = "") -> None:
        row = self._text(f"{label:>9}  ", style="cyan")
        row.append(text.replace("\n", "\n" + " " * 11), style=style or None)
        self._console.print(row)

    def writing(self, text: str, so_far: str) -> None:  # noqa: ARG002 - the tail shows all so far
        self._tail = printable(so_far)

    def written(self, text: str) -> None:
        self._tail = ""
        if text:
            self.line("", text)

    def output(self, text: str) -> None:
        self._tail = (self._tail + text)[-2000:]

    def status(self, text: str) -> None:
        self._status = text
        if "\n" not in self._tail:
            return
        self._tail = "\n".join(self._tail.split("\n")[-4:])

    def close(self) -> None:
        self._tail = ""
        self._live.stop()

    def _bottom(self) -> "Text":
        shown = self._text(self._tail + "\n" if self._tail else "", style="dim")
        return shown.append(self._status, style="dim cyan")


def outcome_json(run_id: str, ended: RunEnded, steps: int, tokens: int, seconds: float) -> str:
    """The whole run as one JSON object, for `--output json`."""
    return msgspec.json.encode(
        {
            "run": run_id,
            "ending": ended.ending,
            "exit_code": EXIT_CODES[ended.ending],
            "result": ended.result,
            "verified": ended.verified,
            "claimed": ended.claimed,
            "steps": steps,
            "tokens": tokens,
            "seconds": round(seconds, 3),
        }
    ).decode()
