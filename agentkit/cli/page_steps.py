"""The course of a run for its page: what belongs to which step, and what happened between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from msgspec import Struct

from agentkit.cli.words import rule_text
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
    Ending,
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
    Recorded,
    RuleSet,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import ToolCall
from agentkit.core.tools import ToolResult


class FileChange(Struct, frozen=True):
    """What a call did to a file."""

    name: str
    what: str
    """added, changed or removed, and what lines cannot tell."""
    lines: tuple[str, ...]
    """A unified diff, without its head."""


class Note(Struct, frozen=True):
    """Something that happened beside the calls."""

    label: str
    words: str
    style: str = ""
    """warn, bad, or person."""


class Said(Struct, frozen=True):
    """Words of the model."""

    words: str


class Called(Struct, frozen=True):
    """A call, and what came of it as far as that is recorded."""

    call: ToolCall
    result: ToolResult | None = None
    decided: CallDecided | None = None
    edited: bool = False
    changes: Sequence[FileChange] = ()


class Step(Struct, frozen=True):
    """One request to the model, and the calls it led to."""

    number: int
    pieces: tuple[Said | Called | Note, ...] = ()
    tokens: int = 0
    seconds: float = 0.0
    cost: Decimal | None = None


Entry = Step | Note


def entries(events: Sequence[Recorded], changes: Mapping[int, Sequence[FileChange]]) -> list[Entry]:
    """The steps of a run in order, with what happened between them."""
    course = _Course(changes)
    for place, recorded in enumerate(events):
        course.take(recorded, last=place == len(events) - 1)
    return [one.done() if isinstance(one, _Step) else one for one in course.found]


@dataclass
class _Step:
    number: int
    pieces: list[Said | Called | Note] = field(default_factory=list[Said | Called | Note])
    tokens: int = 0
    seconds: float = 0.0
    cost: Decimal | None = None

    def done(self) -> Step:
        return Step(self.number, tuple(self.pieces), self.tokens, self.seconds, self.cost)


@dataclass
class _Course:
    """Takes events one by one, and knows where a call stands."""

    changes: Mapping[int, Sequence[FileChange]]
    found: list[_Step | Note] = field(default_factory=list["_Step | Note"])
    calls: dict[str, tuple[_Step, int]] = field(default_factory=dict[str, tuple[_Step, int]])
    step: _Step | None = None
    """The step under way."""

    def take(self, recorded: Recorded, *, last: bool) -> None:
        match recorded.event:
            case ModelAsked(step):
                self._begin(step)
            case ModelAnswered() as answered:
                self._answered(answered)
            case CallPlanned(call):
                self._called(call)
            case CallDecided() as decided:
                self._told(decided.call_id, decided=decided)
            case CallIntended() as intended:
                if intended.call.id not in self.calls:
                    self._called(intended.call)
                self._told(intended.call.id, call=intended.call, edited=intended.edited)
            case CallFinished() as finished:
                result = finished.result
                if result.call_id not in self.calls:
                    self._called(ToolCall(result.call_id, result.name, {}))
                changed = self.changes.get(recorded.seq, ())
                self._told(result.call_id, result=result, changes=changed)
            case RunStarted():
                pass
            case RunEnded() as ended if last:  # stands at the top of the page
                del ended
            case FilesSetting():
                pass  # its end tells more
            case event:
                self.found.append(_note(event))

    def _answered(self, answered: ModelAnswered) -> None:
        step = self.step or self._begin(0)
        step.tokens, step.seconds, step.cost = answered.usage.total, answered.seconds, answered.cost
        message = answered.message
        if message.text.strip():
            step.pieces.append(Said(message.text.strip()))
        for call in message.calls:
            self._called(call)
        for broken in message.malformed:
            step.pieces.append(
                Note("A call that could not be read", f"{broken.name} {broken.text}\n{broken.error}", "warn")
            )

    def _called(self, call: ToolCall) -> None:
        step = self.step or self._begin(0)
        self.calls[call.id] = (step, len(step.pieces))
        step.pieces.append(Called(call))

    def _told(self, call_id: str, **known: object) -> None:
        if call_id in self.calls:
            step, place = self.calls[call_id]
            step.pieces[place] = msgspec.structs.replace(step.pieces[place], **known)

    def _begin(self, number: int) -> _Step:
        self.step = _Step(number)
        self.found.append(self.step)
        return self.step


def _note(event: object) -> Note:
    """An event that is no call and no answer, in words."""
    match event:
        case AnswerCut():
            return Note(
                "The answer broke off", f"it began anew; {event.tokens:,} tokens of it count as spent", "warn"
            )
        case ModelFailed():
            return Note("The model failed", event.message, "bad")
        case Nudged():
            return Note("Told", event.text, "warn")
        case Instructed():
            return Note(f"Asked by the strategy ({event.purpose})", event.text)
        case PersonSaid():
            return Note("The run it works for" if event.call_id else "The person", event.text, "person")
        case AgentStarted():
            return Note(
                f"Agent {event.name} {'goes on' if event.goes_on else 'begins'}, run {event.run}", event.task
            )
        case AgentTold():
            return Note(f"Agent {event.name} is told", event.text)
        case AgentEnded():
            return Note(f"Agent {event.name} ended: {event.ending}", event.result)
        case RuleSet():
            return Note(
                "The person gave a rule" if event.holds else "A rule was taken back",
                rule_text(event),
                "person",
            )
        case PersonStopped():
            return Note("The person stopped the work", event.said, "person")
        case RunResumed():
            return Note("Resumed", "going on from the record")
        case RunEnded(Ending.FINISHED):
            seen = [f"{one.claim} ({one.found})" for one in event.verified]
            return Note("Ended: finished", "; ".join([*seen, *(f"doubtful: {one}" for one in event.doubts)]))
        case RunEnded():
            return Note(f"Ended: {event.ending}", event.because or event.result, "warn")
        case Compacted():
            return Note(
                "Shown less from here on",
                f"the request was {event.before:,} tokens and is {event.after:,}; the record keeps all",
            )
        case CompactionUndone():
            return Note("Shown all again", f"the request is {event.after:,} tokens")
        case FilesSet():
            return Note("Files set", event.text, "warn")
        case FilesLeftOut():
            files = [f"{file.path} ({file.why})" for file in event.files]
            files += [f"{more} more"] if (more := event.count - len(files)) > 0 else []
            return Note("Not kept for an undo", ", ".join(files) or "nothing any more")
        case _:
            return Note(type(event).__name__, msgspec.json.encode(event).decode())
