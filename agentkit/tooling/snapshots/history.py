"""What a run did to the files, step by step, and what of it was undone: a fold over its events."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    CallFinished,
    CallIntended,
    FilesSet,
    FilesSetting,
    ModelAsked,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)


@dataclass(frozen=True, slots=True)
class Change:
    """From one kept state to another, as `comparing` has them: what a call did, or agents, or an undo."""

    before: bytes
    after: bytes | None
    """`None` when nobody knows: the process died in between."""
    unsure: bool = False
    """Whether the process died in between: others may have done a part of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the run that changed files: each of its calls that did."""

    number: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """An undo that a redo can take back."""

    change: Change
    steps: tuple[Step, ...]
    """What it took back, in the order in which it was done."""


@dataclass
class History:
    """Where the files of a run stand."""

    done: list[Step] = field(default_factory=list[Step])
    """What was done and not undone."""
    undone: list[Undone] = field(default_factory=list[Undone])
    """What can be redone, the next one last."""
    cut_off: FilesSetting | None = None
    """An undo or redo that was begun and not finished."""
    latest: bytes | None = None
    """The last state that was kept."""
    states: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """The files at the end of each step with a call that could change them."""
    first: bytes | None = None
    """The files before the first such call."""
    steps: int = 0
    """The last step that was begun."""
    in_doubt: CallIntended | None = None
    """The call that was running when the process died."""
    outlived: bool = False
    """Whether the run was over or killed since the last state was kept: nobody watched the files."""
    at_work: set[str] = field(default_factory=set[str])
    """The agents that work for the run."""
    beside: bool = False
    """Whether one of them was at work since the last state was kept."""
    forked_at: str = ""
    """The step at which it left the run that it was forked from, whose agents do not work for it."""

    def at(self, step: int) -> bytes | None:
        """The files at the end of a step, or `None` where no call that could change them tells."""
        earlier = [number for number in self.states if number <= step]
        return self.states[max(earlier)] if earlier else self.first

    def until(self, now: bytes) -> None:
        """Count what changed after the last call as well, up to now, where agents were at work then."""
        if self.in_doubt is None:  # else that counts all of it
            self.outlived = True  # nobody knows when they ended, and who else was there
            _worked_beside(self, now)


def history(events: Iterable[Recorded]) -> History:
    """Fold a run's events."""
    found = History()
    for recorded in events:
        match event := recorded.event:
            case ModelAsked():
                found.steps = event.step
            case CallIntended() if event.snapshot:
                before = _before(event)
                found.first = found.first or before
                _worked_beside(found, before)
                found.in_doubt, found.outlived, found.latest = event, False, before
            case RunStarted():
                found.forked_at = event.forked_from.rpartition("@")[2]
            case RunResumed():
                if found.forked_at == str(found.steps):
                    found.at_work.clear()
                    found.beside = False
                found.beside = found.beside or bool(found.at_work)
                found.outlived = found.in_doubt is not None or found.beside
            case RunEnded():
                found.outlived = found.beside
            case AgentStarted():
                found.at_work.add(event.name)
                found.beside = True
            case AgentEnded():
                found.at_work.discard(event.name)
            case CallFinished():
                intent, found.in_doubt = found.in_doubt, None
                if intent is not None:
                    _finished(found, intent, event.snapshot, event.modified)
            case FilesSetting():
                if found.in_doubt is not None:
                    found.outlived = True
                    _finished(found, found.in_doubt, event.before, event.modified)
                    found.in_doubt = None
                elif not event.redo:
                    found.until(bytes.fromhex(event.before + event.modified))
                found.cut_off = event
            case FilesSet():
                _set(found, event)
            case _:
                pass
    if found.in_doubt is not None:
        _did(found, Change(_before(found.in_doubt), None))
    return found


def _worked_beside(found: History, now: bytes) -> None:
    """Count what changed since the last kept state as the run's, where agents were at work for it."""
    if found.beside and found.latest is not None and found.latest != now:
        _did(found, Change(found.latest, now, unsure=found.outlived))


def _before(intent: CallIntended) -> bytes:
    return bytes.fromhex(intent.snapshot + intent.modified)


def _finished(found: History, intent: CallIntended, snapshot: str, times: str) -> None:
    before = _before(intent)
    after = bytes.fromhex((snapshot or intent.snapshot) + (times or intent.modified))
    found.latest = found.states[found.steps] = after
    found.beside = bool(found.at_work)
    if before != after:
        _did(found, Change(before, after, unsure=found.outlived))


def _did(found: History, change: Change) -> None:
    found.undone.clear()
    if found.done and found.done[-1].number == found.steps:
        last = found.done.pop()
        found.done.append(Step(last.number, (*last.changes, change)))
    else:
        found.done.append(Step(found.steps, (change,)))


def _set(found: History, event: FilesSet) -> None:
    setting, found.cut_off = found.cut_off, None
    if setting is None:
        return
    change = Change(
        bytes.fromhex(setting.before + setting.modified), bytes.fromhex(event.snapshot + event.modified)
    )
    found.latest, found.beside = change.after, False
    if setting.redo:
        found.done.extend(found.undone.pop().steps)
    else:
        kept = [step for step in found.done if step.number <= setting.to_step]
        if len(kept) < len(found.done):  # a call in doubt may turn out to have changed nothing
            found.undone.append(Undone(change, tuple(found.done[len(kept) :])))
        found.done = kept
