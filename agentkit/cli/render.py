"""A run as it happens, for a person or for a program.

Progress goes to standard error and the result to standard output, so that a pipe gets the result
and nothing else.
"""

import time
from collections.abc import Callable, Iterable
from typing import TextIO

from agentkit.agents.fold import after, fold
from agentkit.agents.state import RunState
from agentkit.agents.strategies import cost, make_strategy
from agentkit.cli.closing import closing_lines
from agentkit.cli.costs import cost_text
from agentkit.cli.noted import line_of
from agentkit.cli.screens import Look, Screen, screen_on
from agentkit.cli.words import (
    call_text,
    clipped,
    counted,
    duration,
    escaped,
    on_one_line,
    pace,
    printable,
)
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    AnswerCut,
    CallDecided,
    CallFinished,
    CallIntended,
    CallPlanned,
    Compacted,
    CompactionUndone,
    FilesLeftOut,
    FilesSet,
    FilesSetting,
    Instructed,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonSaid,
    PersonStopped,
    PromptUsed,
    Recorded,
    RuleSet,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import RunLog
from agentkit.core.tools import Outcome, ToolResult

_ASKED_FROM_HERE = "from here on you are asked before it sends something out or does what no undo takes back"


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
        screen: Screen | None = None,
    ) -> None:
        """Show on `out`.

        Args:
            out: A terminal, or any stream.
            look: What it can show.
            clock: Tells seconds.
            doing: What goes on before the first event, for the status line.
            replays: Whether the events are of the past: then only they tell the time.
            screen: Where to show it, when that is not simply `out`.
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
        self._pace = ""
        """How fast the last answer came, its prompt included."""
        self._held_back = ""
        """Last words that are to follow as the result, once."""
        self._calls: dict[str, ToolCall] = {}
        self._allowed: dict[str, str] = {}
        """In which words the person allowed a call that has not begun yet."""
        self._in_doubt = ""
        self._screen = screen or screen_on(out, look, self._status)

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
        trusted = not self.state.untrusted
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
            case PersonSaid():
                self._doing = ""
                self._person_said(event)
            case PersonStopped():
                self._doing = ""
                self._screen.end_words(printable(event.said).strip())
                self._screen.line("stopped", "the person stopped the work here", "yellow")
            case ModelAsked():
                self._doing = "thinking"
            case AnswerCut():
                if self._replays:  # else it was shown as it happened
                    lost = counted(event.tokens, "token")
                    text = f"the answer broke off and began anew; {lost} count as spent"
                    self._screen.line("again", text, "yellow")
            case ModelAnswered():
                self._answered(event)
            case ModelFailed():
                self._doing = ""
                self._screen.end_words("")
                self._screen.line("failed", printable(event.message), "red")
            case Instructed():
                self._doing = ""
                self._origin(event.prompt)
                label = "asked" if event.last else event.purpose
                self._screen.line(clipped(label, 9), clipped(event.text, 160))
            case CallPlanned():
                self._calls[event.call.id] = event.call
            case CallDecided():
                self._decided(event)
            case CallIntended():
                self._doing = f"running {event.call.name}"
                self._called(event.call)
            case CallFinished():
                self._finished(event.result)
            case FilesSetting():
                self._doing = "setting files back"
            case FilesSet():
                self._doing = ""
                self._screen.line("files", printable(event.text), "yellow")
            case Nudged():
                if self._held_back:
                    self._screen.line("", self._held_back)
                self._screen.line("told", printable(event.text), "yellow")
            case (
                RuleSet()
                | FilesLeftOut()
                | AgentStarted()
                | AgentTold()
                | AgentEnded()
                | Compacted()
                | CompactionUndone()
            ):
                self._screen.line(*line_of(event))
            case RunEnded():
                self._ended(event)
        if trusted and self.state.untrusted:
            text = f"{self.state.untrusted} told it what anybody may have written; {_ASKED_FROM_HERE}"
            self._screen.line("untrusted", on_one_line(text), "yellow")

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
        self._how(event)
        if event.forked_from:
            self._screen.line("from", f"{printable(event.forked_from)}: its history up to that step")
        if event.parent:
            self._screen.line("for", f"run {printable(event.parent)}, as its agent {printable(event.agent)}")

    def _how(self, event: RunStarted) -> None:
        """Say what is not as by default: what the strategy costs, and whose words the model is given."""
        if event.strategy != "one-shot":
            self._screen.line("strategy", f"{event.strategy}: {cost(make_strategy(event.strategy))}")
        for prompt in (event.prompt, *event.also):
            self._origin(prompt)

    def _person_said(self, event: PersonSaid) -> None:
        if self._replays and self._held_back:
            self._screen.line("", self._held_back)
        self._held_back = ""
        self._screen.line("caller" if event.call_id else "you", printable(event.text).strip(), "bold")

    def _origin(self, prompt: PromptUsed) -> None:
        """Say whose words the model is given, when they are not ours."""
        if prompt.origin != "ours":
            self._screen.line("prompt", f"{prompt.name} {printable(prompt.version)} of the {prompt.origin}")

    def _answered(self, event: ModelAnswered) -> None:
        words = printable(event.message.text).strip()
        last = self.state.answer is not None
        self._doing = "checking" if last else ""
        streamed = self._look is Look.PLAIN and printable(self._said).strip() == words
        self.answer_stands = event.message.text if last and streamed else ""
        # the last word is the result: it follows at the end, once
        self._screen.end_words("" if last else words)
        self._held_back = words if last and not streamed else ""
        self._said = ""
        self._pace = pace(event.usage, event.seconds)
        self._calls.update({call.id: call for call in event.message.calls})
        for call in event.message.malformed:
            text = f"a call that cannot be read: {clipped(f'{call.name} {call.text}', 100)}"
            self._screen.line(f"{self.state.steps}", f"{text}\n{printable(call.error)}", "yellow")

    def _called(self, call: ToolCall) -> None:
        self._calls.pop(call.id, None)
        self._screen.line(f"{self.state.steps}", _call(call), "bold")
        if said := self._allowed.pop(call.id, ""):
            self._screen.line("allowed", on_one_line(said))

    def _decided(self, event: CallDecided) -> None:
        if event.allowed:  # the call follows, with its arguments as they were allowed
            if self._replays:  # else the person has just said so
                self._allowed[event.call_id] = event.reason
            return
        if event.call_id in self._calls:
            self._called(self._calls[event.call_id])
        self._screen.line("denied", on_one_line(event.reason), "yellow")

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
        stands = self.answer_stands == event.result
        for line in closing_lines(event, self.run_id, self._spent(), stands=stands, replays=self._replays):
            self._screen.line(*line)

    def _seconds(self) -> float:
        passed = 0.0 if self._replays else self._clock() - self._latest
        return self.state.seconds + passed

    def _spent(self) -> str:
        used = self.state.used
        steps, tokens = counted(used.steps, "step"), counted(used.tokens, "token")
        own = f" ({self.state.steps} its own)" if self.state.agents else ""
        return f"{steps}{own}, {tokens}, {cost_text(self.state)}, {duration(self._seconds())}"

    def _status(self) -> str:
        limits = self.state.started.limits if self.state.started else None
        of = f"/{limits.steps}" if limits and limits.steps else ""
        if self.state.started is None:
            return f"{self._doing} · {duration(self._seconds())}"
        doing = f" · {self._doing}" if self._doing else ""
        tokens = counted(self.state.used.tokens, "token")
        written = f" · {self._pace}" if self._pace else ""
        return f"step {self.state.steps}{of} · {tokens}{written} · {duration(self._seconds())}{doing}"


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
