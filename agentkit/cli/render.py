"""A run as it happens, for a person or for a program.

Progress goes to standard error and the result to standard output, so that a pipe gets the result
and nothing else.
"""

import time
from collections.abc import Callable, Iterable
from typing import TextIO

from agentkit.agents.state import RunState, after, fold
from agentkit.cli.screens import Look, screen_on
from agentkit.cli.words import (
    EXIT_CODES,
    call_text,
    clipped,
    counted,
    duration,
    escaped,
    json_line,
    printable,
)
from agentkit.core.errors import AgentkitError
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
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import RunLog
from agentkit.core.tools import Outcome, ToolResult
from agentkit.journal.redact import Redactor

_MORE = {
    Ending.BUDGET: " --max-steps/--max-seconds/--max-tokens MORE",
    Ending.DENIED: " --allow TOOL",
}
"""What a resumed run needs beside its id to come further than it came."""


class JsonLines:
    """Every event as one JSON line on `out`, as it is recorded."""

    def __init__(self, out: TextIO, redact: Redactor) -> None:
        self._redact = redact
        self._out = out

    def on_event(self, recorded: Recorded) -> None:
        """Write the event as the journal does: without secrets."""
        self._out.write(json_line(self._redact.value(recorded)) + "\n")
        self._out.flush()

    def on_text(self, text: str) -> None:
        """Nothing: the whole answer comes as an event."""

    def on_restart(self, reason: str) -> None:
        """Nothing: only whole answers are written."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing: the whole result comes as an event."""


class Progress:
    """The run for a person: every step, what it came to, and how it ended."""

    def __init__(
        self,
        out: TextIO,
        look: Look,
        *,
        clock: Callable[[], float] = time.monotonic,
        doing: str = "",
        replays: bool = False,
    ) -> None:
        """Show on `out`.

        Args:
            out: A terminal, or any stream.
            look: What it can show.
            clock: Tells seconds.
            doing: What goes on before the first event, for the status line.
            replays: Whether the events are of the past: then only they tell the time.
        """
        self.state = RunState()
        self.run_id = ""
        self.answer_stands = ""
        """The last words that a plain screen showed whole while they were made."""
        self._look = look
        self._clock = clock
        self._latest = clock()
        self._doing = doing
        self._replays = replays
        self._said = ""
        self._held_back = ""
        """Last words that are to follow as the result, once."""
        self._calls: dict[str, ToolCall] = {}
        self._in_doubt = ""
        self._screen = screen_on(out, look, self._status)

    def opened(self, log: RunLog) -> None:
        """Take over the name of a run and, if it has been worked on before, where it stands."""
        self.run_id = log.run_id
        self.state = fold(log.events())
        self._latest = self._clock()
        started = self.state.started
        if started is None:
            return
        self._doing = f"loading {started.model}"
        self._started(started)
        self._screen.line("so far", self._spent())
        if (doubtful := self.state.in_doubt) is not None:
            self._in_doubt = doubtful.call.id
            self._calls[doubtful.call.id] = doubtful.call
            text = f"{_call(doubtful.call)} was running when the process was stopped"
            self._screen.line("in doubt", text, "yellow")

    def on_event(self, recorded: Recorded) -> None:
        """Show what was recorded."""
        self.state = after(self.state, recorded)
        self._latest = self._clock()
        event = recorded.event
        match event:
            case RunStarted():
                self._doing = ""
                self._started(event)
            case RunResumed():
                self._doing = ""
                self._screen.line("resumed", "going on from the journal")
            case ModelAsked():
                self._doing = "thinking"
            case ModelAnswered():
                self._answered(event)
            case ModelFailed():
                self._doing = ""
                self._screen.end_words("")
                self._screen.line("failed", printable(event.message), "red")
            case CallDecided():
                self._decided(event)
            case CallIntended():
                self._doing = f"running {event.call.name}"
                self._called(event.call)
            case CallFinished():
                self._finished(event.result)
            case Nudged():
                if self._held_back:
                    self._screen.line("", self._held_back)
                self._screen.line("told", printable(event.text), "yellow")
            case RunEnded():
                self._ended(event)

    def on_text(self, text: str) -> None:
        """Show the model's words while they are made."""
        self._doing = "writing"
        self._said += text
        self._screen.words(text)

    def on_restart(self, reason: str) -> None:
        """Take back what was shown of an answer that broke off."""
        self._said = ""
        self._screen.end_words("")
        self._screen.line("again", f"the answer begins anew: {printable(reason)}", "yellow")

    def on_output(self, call_id: str, text: str) -> None:  # noqa: ARG002 - one call runs at a time
        """Show what a running tool prints."""
        self._screen.output(text)

    def notice(self, text: str) -> None:
        """Say something that is no event, such as how long a retry waits."""
        self._doing = "waiting"
        self._screen.line("wait", printable(text), "yellow")

    def pause(self) -> None:
        """Leave the screen to a question."""
        self._screen.pause()

    def go_on(self) -> None:
        """Take the screen back after a question."""
        self._screen.go_on()

    def close(self) -> None:
        """Leave the terminal as it was found."""
        self._screen.pause()

    def _started(self, event: RunStarted) -> None:
        self._screen.line("goal", printable(event.goal).strip(), "bold")
        where = escaped(event.workspace)
        self._screen.line("with", f"{printable(event.model)} in {where}, approve {event.approve}")

    def _answered(self, event: ModelAnswered) -> None:
        words = printable(event.message.text).strip()
        last = not event.message.calls and not event.message.malformed
        self._doing = "checking" if last else ""
        streamed = self._look is Look.PLAIN and printable(self._said).strip() == words
        self.answer_stands = event.message.text if last and streamed else ""
        # the last word is the result: it follows at the end, once
        self._screen.end_words("" if last else words)
        self._held_back = words if last and not streamed else ""
        self._said = ""
        self._calls.update({call.id: call for call in event.message.calls})
        for call in event.message.malformed:
            text = f"a call that cannot be read: {clipped(f'{call.name} {call.text}', 100)}"
            self._screen.line(f"{self.state.steps}", f"{text}\n{printable(call.error)}", "yellow")

    def _called(self, call: ToolCall) -> None:
        self._calls.pop(call.id, None)
        self._screen.line(f"{self.state.steps}", _call(call), "bold")

    def _decided(self, event: CallDecided) -> None:
        if event.call_id in self._calls:
            self._called(self._calls[event.call_id])
        if not event.allowed:
            self._screen.line("denied", printable(event.reason), "yellow")

    def _finished(self, result: ToolResult) -> None:
        self._doing = ""
        if result.call_id == self._in_doubt:
            self._in_doubt = ""
            self._calls.pop(result.call_id, None)
            if result.outcome is not Outcome.UNKNOWN:
                self._screen.line("again", f"{result.name} may be done twice, and was done again", "yellow")
        elif result.call_id in self._calls:
            self._called(self._calls[result.call_id])
        colours = {Outcome.OK: "", Outcome.UNKNOWN: "yellow", Outcome.DENIED: "yellow"}
        self._screen.result(result.text, colours.get(result.outcome, "red"))

    def _ended(self, event: RunEnded) -> None:
        self._doing = ""
        self._screen.end_words("")
        good = event.ending is Ending.FINISHED
        self._screen.line(
            str(event.ending), f"{self._spent()}, run {self.run_id}", "green" if good else "red"
        )
        if not event.claimed:
            self._screen.line("because", printable(event.result))
        for finding in event.verified:
            mark, style = ("verified", "") if finding.holds else ("not so", "red")
            self._screen.line(mark, printable(f"{finding.claim}: {finding.found}"), style)
        if event.claimed:
            where = "above" if self.answer_stands == event.result and not self._replays else "below"
            self._screen.line("claimed", f"the answer {where} rests on the agent's word")
        if event.ending not in (Ending.FINISHED, Ending.GAVE_UP) and not self._replays:
            self._screen.line("go on", f"agentkit runs resume {self.run_id}{_MORE.get(event.ending, '')}")

    def _seconds(self) -> float:
        passed = 0.0 if self._replays else self._clock() - self._latest
        return self.state.seconds + passed

    def _spent(self) -> str:
        steps, tokens = counted(self.state.steps, "step"), counted(self.state.usage.total, "token")
        return f"{steps}, {tokens}, {duration(self._seconds())}"

    def _status(self) -> str:
        limits = self.state.started.limits if self.state.started else None
        of = f"/{limits.steps}" if limits and limits.steps else ""
        if self.state.started is None:
            return f"{self._doing} · {duration(self._seconds())}"
        doing = f" · {self._doing}" if self._doing else ""
        tokens = counted(self.state.usage.total, "token")
        return f"step {self.state.steps}{of} · {tokens} · {duration(self._seconds())}{doing}"


def replay(out: TextIO, look: Look, run_id: str, events: Iterable[Recorded]) -> RunState:
    """Show a recorded run as it was shown live, and return where it stands."""
    progress = Progress(out, look, replays=True)
    progress.run_id = run_id
    for recorded in events:
        progress.on_event(recorded)
    progress.close()
    return progress.state


def _call(call: ToolCall) -> str:
    return clipped(call_text(call), 160)


def outcome_json(
    run_id: str | None,
    ended: RunEnded | None,
    *,
    exit_code: int | None = None,
    error: AgentkitError | None = None,
    state: RunState | None = None,
    seconds: float = 0.0,
) -> str:
    """The whole run as one JSON object, for `--output json`; of the same shape however it went.

    `error` is null unless agentkit could not begin or could not go on.
    """
    state = state or RunState()
    code = exit_code if ended is None else EXIT_CODES[ended.ending]
    ending = ended.ending if ended else Ending.INTERRUPTED if error is None else None
    return json_line(
        {
            "run": run_id or None,
            "ending": ending,
            "exit_code": code,
            "result": ended.result if ended else "",
            "verified": ended.verified if ended else (),
            "claimed": ended.claimed if ended else (),
            "steps": state.steps,
            "tokens": state.usage.total,
            "seconds": round(seconds or state.seconds, 3),
            "error": error and {"kind": type(error).__name__, "message": str(error)},
        }
    )
