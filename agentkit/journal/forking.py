"""A new run whose history is that of another up to a step."""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.errors import UsageError
from agentkit.core.events import (
    OVER,
    CallFinished,
    CallPlanned,
    Event,
    FilesSet,
    FilesSetting,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PersonSaid,
    RunEnded,
    RunStarted,
)
from agentkit.journal.chain import Stored, encode, first_link, link


class Fork(Struct, frozen=True):
    """What came of a fork."""

    run_id: str
    origin: str
    """The run whose history it has."""
    step: int
    """The last step of the other run that is part of it."""
    steps: int
    """The last step at which the other run can be forked."""
    events: int
    workspace: str
    answered: bool
    """Whether the agent's last word is part of it: resumed, that is only reviewed again."""
    foreign: bool = False
    """Whether the other run was imported, so that this one counts as imported, too."""


def cut(events: Sequence[Event], run_id: str, step: int | None) -> tuple[int, int, int]:
    """How many events make up the run up to a step, that step, and the last that can be had.

    Raises:
        UsageError: there is no such step, or its calls are not over.
    """
    ends = _ends(events)
    last = max(ends)
    step = last if step is None else step
    if step not in ends:
        known = f"0 to {last}" if last else "0 only"
        raise UsageError(f"run {run_id} has no step {step} whose calls are over; it can be forked at {known}")
    return ends[step], step, last


def _ends(events: Sequence[Event]) -> dict[int, int]:
    """For each step that is over, how many events there are up to its end; step 0 is before the first.

    What the person said after a step is no part of it, for a fork is where something else can be said;
    words that nothing has answered yet go with the last step.
    """
    ends: dict[int, int] = {}
    step = 0
    open_calls: set[str] = set()
    waits = False
    for count, event in enumerate(events):
        match event:
            case PersonSaid():
                ends.setdefault(step, _before_end(events[:count]))
            case ModelAsked():
                ends.setdefault(step, count)
                step, waits = event.step, True
            case ModelAnswered():
                waits, open_calls = False, {call.id for call in event.message.calls}
            case ModelFailed():
                waits = False
            case CallPlanned():
                open_calls.add(event.call.id)
            case CallFinished():
                open_calls.discard(event.result.call_id)
            case FilesSet():
                open_calls = set()
            case _:
                pass
    if not waits and not open_calls:
        ends[step] = _before_end(events)
    return ends


def _before_end(events: Sequence[Event]) -> int:
    """How many of these events there are before the one that says that the run is over, if it is."""
    last = len(events)
    while last and isinstance(events[last - 1], FilesSetting | FilesSet):
        last -= 1  # an undo may follow the end
    return last - 1 if last and _is_over(events[last - 1]) else len(events)


def _is_over(event: Event) -> bool:
    return isinstance(event, RunEnded) and event.ending in OVER  # nothing to go on with


def rewritten(
    stored: Sequence[Stored], first: RunStarted, run_id: str
) -> Iterator[tuple[int, float, bytes, str]]:
    """The rows of these events under another name, with `first` as the first: number, time, hash, body."""
    prev = first_link(run_id)
    for one in stored:
        body = encode(first) if one.seq == 1 else one.body
        own = link(prev, one.seq, one.at, one.kind, body)
        yield one.seq, one.at, own, body.decode()
        prev = own


def begun(first: Event | None, run_id: str, step: int, model: str | None, base_url: str | None) -> RunStarted:
    """The first event of a fork.

    Raises:
        UsageError: the run holds no goal.
    """
    if not isinstance(first, RunStarted):
        raise UsageError(f"run {run_id} holds no goal; there is nothing to fork")
    first = replace(first, forked_from=f"{run_id}@{step}")
    if model is None or model == first.model:
        return first
    # another model answers elsewhere, in its own manner and for its own price: the conversation must not
    # go to the address of the first one, unless that is where the person has their models
    return replace(first, model=model, base_url=base_url, profile=None, price=None)
