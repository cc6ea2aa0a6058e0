"""What the layers ask of each other."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from agentkit.core.events import Compacted, CompactionUndone, Event, Loop, Recorded
from agentkit.core.messages import AssistantMessage, Message
from agentkit.core.profile import ModelProfile as ModelProfile
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Usage


class ModelRequest(Struct, frozen=True):
    """One question to a model."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    must_call: bool = False
    """Whether plain text will not do: the answer has to call a tool."""
    max_tokens: int = 1024
    """The most the answer may have."""
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    answer_schema: dict[str, Any] | None = None
    """JSON schema of the answer's text; `None` for any text."""


class TextDelta(Struct, frozen=True):
    """The next piece of an answer's text, while it is made."""

    text: str


class StreamRestarted(Struct, frozen=True):
    """The answer broke off and begins anew: the text so far in this stream, if any, does not count."""

    reason: str


class Answer(Struct, frozen=True):
    """A whole answer: the last thing a stream yields."""

    message: AssistantMessage
    usage: Usage = Usage()
    finish: str = "stop"
    loop: Loop | None = None
    """What the harness cut it off for; no model says so itself."""


class ChatModel(Protocol):
    """Anything that answers messages."""

    @property
    def name(self) -> str:
        """How a person asks for it: `provider:model`."""
        ...

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | StreamRestarted | Answer]:
        """Yield the text as it is made, then exactly one `Answer`.

        A `StreamRestarted` takes back the text that came before it.

        Raises:
            ModelError: the model could not answer (retries included).
        """
        ...

    def estimate(self, request: ModelRequest) -> int:
        """An upper estimate of the request's input tokens, without asking anybody."""
        ...

    async def aclose(self) -> None:
        """Give back what it holds open."""
        ...


@runtime_checkable
class Recompacts(Protocol):
    """A model that plays a recorded run, and knows what was left out of the conversation there."""

    def compacted(self, answers: int) -> Sequence[Compacted | CompactionUndone]:
        """What changed the view in the run, once it had so many answers and before it asked again."""
        ...


class RunLog(Protocol):
    """The record of one run, open for writing by this process alone."""

    @property
    def run_id(self) -> str:
        """The run's name in the journal."""
        ...

    def events(self) -> Sequence[Recorded]:
        """What is recorded so far, in order."""
        ...

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        """Record an event; with `durable` it has reached the disk on return.

        With `with_next` it is written together with the next one, at `flush`, or when the run is let go: for
        what may be lost because it can be done again without harm.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written.
        """
        ...

    def flush(self) -> None:
        """Write what waits for the next event; called before the run waits for anything itself.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written.
        """
        ...

    async def sync(self) -> None:
        """See to it that all that was recorded has reached the disk; runs that wait for it share the work.

        Raises:
            RunBusy: another process has taken the run over.
            JournalError: it could not be written.
        """
        ...

    def keep(self, text: str) -> str:
        """Store a text beside the events and return its handle (the same text, the same handle)."""
        ...

    def recall(self, handle: str) -> str | None:
        """The text behind a handle, or `None` when there is none."""
        ...


class Sink(Protocol):
    """Something that watches a run: a terminal, a tracer, a test."""

    def on_event(self, recorded: Recorded) -> None:
        """An event was recorded."""
        ...

    def on_text(self, text: str) -> None:
        """The model wrote a piece of text."""
        ...

    def on_restart(self, reason: str) -> None:
        """The words since the last event are void: the answer begins anew."""
        ...

    def on_output(self, call_id: str, text: str) -> None:
        """A running tool printed something."""
        ...
