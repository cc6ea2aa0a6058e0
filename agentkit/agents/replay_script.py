"""The record of a run as a log that takes only what it holds already, and no model."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NoReturn

from msgspec import Struct

from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    AnswerCut,
    Event,
    PersonStopped,
    Recorded,
    RuleSet,
    RunEnded,
    RunResumed,
)
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.journal.chain import encode


class Difference(Struct, frozen=True):
    """The first event that came out otherwise."""

    seq: int
    recorded: Event
    came: Event | None
    """`None` when the loop did nothing at all."""


class CutOff(Exception):
    """The process was killed or stopped here: what it would have recorded next, it did not."""


class ComesOutOtherwise(Exception):
    """The loop did something else than is recorded."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference)
        self.difference = difference


class Script:
    """A record that takes only the events that are recorded already."""

    run_id = "replay"

    def __init__(self, recorded: Sequence[Recorded], bodies: Sequence[bytes]) -> None:
        self._recorded = recorded
        self._bodies = bodies
        self._events: list[Recorded] = []
        self.rewritten = 0

    @property
    def upcoming(self) -> Recorded | None:
        """What is recorded next."""
        return self._recorded[len(self._events)] if len(self._events) < len(self._recorded) else None

    @property
    def expected(self) -> Event | None:
        """The event that is recorded next."""
        return self.upcoming.event if self.upcoming is not None else None

    def events(self) -> Sequence[Recorded]:
        """What came out as it is recorded, so far."""
        return self._events

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        """Take the event that is recorded next, and no other.

        Raises:
            CutOff: the process ended, or was stopped, where the record goes on otherwise.
            ComesOutOtherwise: what is recorded says something else.
        """
        del durable, with_next
        upcoming = self.upcoming
        cut = upcoming is None or isinstance(upcoming.event, RunResumed | PersonStopped)
        if upcoming is None or (cut and type(event) is not type(upcoming.event)):
            raise CutOff
        made, body = encode(event), self._bodies[len(self._events)]
        if made != body:
            if event != upcoming.event:
                raise ComesOutOtherwise(Difference(upcoming.seq, upcoming.event, event))
            self.rewritten += 1
        self._events.append(upcoming)
        return upcoming

    def flush(self) -> None:
        """Nothing is written."""

    async def sync(self) -> None:
        """Nothing is written."""

    def keep(self, text: str) -> str:
        """No text is kept: the handles in the record stay as they are."""
        del text
        return ""

    def recall(self, handle: str) -> str | None:
        """Nothing is kept."""
        del handle
        return None


class NoModel:
    """Stands for the model that answered; nobody asks it."""

    name = "replay"
    profile = ModelProfile(context_window=2**40)

    def __init__(self, script: Script) -> None:
        self._script = script

    def estimate(self, request: ModelRequest) -> int:
        """How long a request was is not recorded; it was too long where the run ended instead of asking."""
        del request
        return 2**39 if isinstance(self._script.expected, RunEnded) else 0

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """Nobody asks."""
        del request
        return _nothing()

    async def aclose(self) -> None:
        """Nothing is held open."""


def _nothing() -> NoReturn:
    raise AssertionError("a replay asks no model")


def with_agents(script: Script, record: Callable[[Event, bool], None]) -> None:
    """Record what agents did meanwhile, whose runs are made again by themselves, and what they were told.

    And that an answer broke off, which came from outside as well.
    """
    while isinstance(script.expected, AgentStarted | AgentTold | AgentEnded | RuleSet | AnswerCut):
        record(script.expected, True)
