"""A conversation as the person sees it: their words, what is done, and each answer once."""

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from agentkit.agents.fold import after, fold
from agentkit.cli.costs import cost_text
from agentkit.cli.render import Progress
from agentkit.cli.screens import Look, Screen
from agentkit.cli.words import clipped, counted, duration, printable
from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    Ending,
    FilesSet,
    FilesSetting,
    ModelAnswered,
    ModelAsked,
    PersonSaid,
    PersonStopped,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Outcome, ToolResult

RECALLED = 6
"""Messages that are shown of a conversation that is taken up."""

_NEXT = {
    Ending.BUDGET: "/go goes on, with as much again",
    Ending.INTERRUPTED: "say what to do instead; /go goes on",
    Ending.MODEL_FAILED: "/go asks again",
    Ending.STUCK: "say what to do instead; /go goes on, /go batch and sees no loop in such calls",
}
"""What a person can do after an ending that is not the agent's own."""


class Transcript(Progress):
    """Shows a run that the person talks to."""

    def __init__(self, out: TextIO, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(out, Look.LIVE, clock=clock, screen=screen)
        self._tokens_before = 0
        self._takes_up = False
        """Whether the next words are not recorded yet, but only how the run is taken up for them."""
        self._seen = ""
        """The call that the person was just asked about."""

    def turn_to(self, events: Sequence[Recorded]) -> None:
        """Watch another run from now on, one with these events."""
        self.state = fold(events)
        self.begin()
        doubtful = self.state.in_doubt
        self._calls = {doubtful.call.id: doubtful.call} if doubtful else {}
        self._in_doubt = doubtful.call.id if doubtful else ""

    def begin(self, *, says: bool = False) -> None:
        """What is shown as spent is counted from here; with `says`, the person's words come next."""
        self._tokens_before = self.state.usage.total
        self._takes_up = says
        self._latest = self._clock()

    def recall(self, events: Sequence[Recorded]) -> None:
        """Show the last words of a run with these events, and where it stands."""
        said = [one for one in map(_said_in, events) if one is not None]
        if len(said) > RECALLED:
            self._screen.line("…", f"{counted(len(said) - RECALLED, 'message')} before", "dim")
        for who, text in said[-RECALLED:]:
            if who:
                self._screen.line(who, clipped(text, 400), "bold")
            else:
                self._screen.end_words(printable(text).strip())
        ended = self.state.ended
        if ended is None and (doubtful := self.state.in_doubt) is not None:
            name = doubtful.call.name
            text = f"{name} was running when the process was stopped; how far it came is not known"
            self._screen.line("in doubt", text, "yellow")
        elif (stopped := _stopped_last(events)) is not None:
            text = f"{stopped} was stopped at work; how far it came is not known"
            self._screen.line("in doubt", text, "yellow")
        if (ended is None and self.state.answer is None) or (ended and ended.ending is Ending.INTERRUPTED):
            self._screen.line("unfinished", _NEXT[Ending.INTERRUPTED], "yellow")
        elif ended and ended.ending in _NEXT:
            self._screen.line(str(ended.ending), printable(ended.because or ended.result), "yellow")
            self._screen.line("next", _NEXT[ended.ending])

    def _started(self, event: RunStarted) -> None:
        """The person's own words stand above already."""
        self._how(event)

    def _person_said(self, event: PersonSaid) -> None:
        if not event.workspace_before:
            self._screen.line("heard", printable(event.text).strip(), "bold")

    def _answered(self, event: ModelAnswered) -> None:
        self._doing = ""
        self._screen.end_words(printable(event.message.text).strip())
        self._said = ""
        self._calls.update({call.id: call for call in event.message.calls})
        for call in event.message.malformed:
            text = f"a call that cannot be read: {clipped(f'{call.name} {call.text}', 100)}"
            self._screen.line(f"{self.state.steps}", f"{text}\n{printable(call.error)}", "yellow")

    def on_event(self, recorded: Recorded) -> None:
        """Show what was recorded, save for what the person knows: what they undid, and where they took up."""
        event = recorded.event
        if isinstance(event, FilesSet | FilesSetting | RunResumed) or (
            self._takes_up and isinstance(event, PersonStopped | RunEnded)
        ):
            self.state = after(self.state, recorded)
        else:
            super().on_event(recorded)
        self._takes_up = self._takes_up and not isinstance(event, PersonSaid | ModelAsked | RunStarted)

    def _decided(self, event: CallDecided) -> None:
        """A person who was asked has seen the call, and what came of a denial is its result."""
        if event.by == "person":
            self._calls.pop(event.call_id, None)
            self._seen = event.call_id

    def _called(self, call: ToolCall) -> None:
        self._calls.pop(call.id, None)
        if call.id != self._seen:
            super()._called(call)
        self._seen = ""

    def _finished(self, result: ToolResult) -> None:
        """A call that gives the agent's last word has shown it; it follows once, as the answer."""
        final = self.state.final_call
        if final is not None and final.id == result.call_id:
            self._doing = ""
            self._screen.result("")
        else:
            super()._finished(result)

    def _ended(self, event: RunEnded) -> None:
        self._doing = ""
        # words that a call gave were not streamed
        by_call = event.claimed and self.state.final_call is not None
        self._screen.end_words(printable(event.result).strip() if by_call else "")
        good = event.ending in (Ending.FINISHED, Ending.INTERRUPTED)
        self._screen.line(str(event.ending), self._spent(), "dim" if good else "yellow")
        if event.because or not (event.claimed or event.ending is Ending.INTERRUPTED):
            self._screen.line("because", printable(event.because or event.result))
        for finding in event.verified:
            mark, style = ("verified", "dim") if finding.holds else ("not so", "red")
            self._screen.line(mark, printable(f"{finding.claim}: {finding.found}"), style)
        if event.ending in _NEXT:
            self._screen.line("next", _NEXT[event.ending])

    def _spent(self) -> str:
        """What the message at hand took; money is that of the whole conversation."""
        state = self.state
        steps = counted(self._steps, "step")
        of_all = " in all" if state.cost else ""
        cost = f", {cost_text(state)}{of_all}" if state.cost or state.unpriced else ""
        # an agent that says what it did, and called nothing, did nothing
        idle = "" if len(state.attempts) > state.attempts_before else ", nothing was called"
        return f"{steps}, {self._tokens}{cost}, {duration(self._seconds() - state.seconds_before)}{idle}"

    def _status(self) -> str:
        state = self.state
        limits = state.started.limits if state.started else None
        of = f"/{limits.steps}" if limits and limits.steps else ""
        doing = f" · {self._doing}" if self._doing else ""
        worked = duration(self._seconds() - state.seconds_before)
        return f"step {self._steps}{of} · {self._tokens} · {worked}{doing}"

    @property
    def status(self) -> str:
        """What goes on, in one line."""
        return self._status()

    @property
    def _steps(self) -> int:
        return self.state.steps - self.state.spent_before.steps

    @property
    def _tokens(self) -> str:
        return counted(self.state.usage.total - self._tokens_before, "token")


def _stopped_last(events: Sequence[Recorded]) -> str | None:
    """The tool whose call was stopped before anybody answered to that; `None` if no call was."""
    found: str | None = None
    for event in (one.event for one in events):
        match event:
            case CallFinished(result=result) if result.outcome is Outcome.UNKNOWN:
                found = result.name
            case CallIntended() | ModelAnswered():
                found = None
            case _:
                pass
    return found


def _said_in(recorded: Recorded) -> tuple[str, str] | None:
    """Who said what in an event, if anybody did; the agent goes without a name."""
    match recorded.event:
        case RunStarted(goal=text):
            return "you", text
        case PersonSaid(text=text):
            return "you", text
        case ModelAnswered() as event if event.message.text.strip():
            return "", event.message.text
        case PersonStopped(said=text) if text.strip():
            return "", text
        case _:
            return None
