"""Everything a run records: one closed union, in the order in which it happens.

A run is the list of its events. Its state is a fold over them (`agentkit.agents.state`), so what
is not recorded here did not happen.
"""

from enum import StrEnum

from msgspec import Struct, field

from agentkit.core.messages import AssistantMessage, Message, ToolCall
from agentkit.core.tools import Effect, ToolResult
from agentkit.core.usage import Limits, Usage


class Ending(StrEnum):
    """Why a run is over."""

    FINISHED = "finished"
    GAVE_UP = "gave up"
    """The agent reports that it could not."""
    BUDGET = "budget"
    STUCK = "stuck"
    DENIED = "denied"
    MODEL_FAILED = "model failed"
    CHECK_FAILED = "check failed"
    """It finished, but what it claims does not hold."""
    INTERRUPTED = "interrupted"
    """The person stopped it; it can be resumed."""


class PromptUsed(Struct, frozen=True):
    """Which prompt file was rendered, so that a result can be traced to its words."""

    name: str
    version: str
    digest: str


class RunStarted(Struct, frozen=True, tag="run started"):
    """A goal was taken on."""

    goal: str
    model: str
    workspace: str
    approve: str
    limits: Limits
    prompt: PromptUsed
    opening: tuple[Message, ...]
    """The first messages, as rendered: a resumed run must go on from the same words."""
    workspace_before: str = ""
    """Handle of the workspace's manifest at the start."""
    check: str = ""
    """Shell command that must succeed at the end; empty for none."""
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    """The person's rules: a resumed run must not forget what was denied."""
    base_url: str | None = None
    """Where the model answers: a resumed run must not send the conversation elsewhere."""
    temperature: float = 0.0
    seed: int | None = None


class RunResumed(Struct, frozen=True, tag="run resumed"):
    """Another sitting begins."""

    pid: int


class ModelAsked(Struct, frozen=True, tag="model asked"):
    """A request is about to leave, and this many tokens are reserved for it."""

    step: int
    reserved_tokens: int


class ModelAnswered(Struct, frozen=True, tag="model answered", omit_defaults=True):
    """The answer arrived whole; the reservation is settled by what it really used."""

    step: int
    message: AssistantMessage
    usage: Usage
    seconds: float
    finish: str = "stop"
    """stop, calls, or length (cut off by the token limit)."""


class ModelFailed(Struct, frozen=True, tag="model failed"):
    """No answer, after retries."""

    step: int
    error: str
    message: str


class CallDecided(Struct, frozen=True, tag="call decided"):
    """Policy or person allowed or denied a call that had to be asked about."""

    call_id: str
    allowed: bool
    by: str
    """policy or person."""
    reason: str


class CallIntended(Struct, frozen=True, tag="call intended", omit_defaults=True):
    """The call is about to run. Durable before its effect can begin."""

    call: ToolCall
    effect: Effect
    idempotent: bool
    workspace_before: str = ""
    """Handle of the workspace's manifest, taken for calls that can change it."""
    ends_run: bool = False
    """Whether the call, if it succeeds, is the agent's last word."""


class CallFinished(Struct, frozen=True, tag="call finished"):
    """The call ended, and this is what the model is told."""

    result: ToolResult


class Nudged(Struct, frozen=True, tag="nudged"):
    """The harness tells the model something: a loop it is in, an answer that does not hold."""

    reason: str
    """repetition, unreadable, or claim."""
    text: str


class Finding(Struct, frozen=True):
    """One thing the harness looked at when the agent said it was done."""

    claim: str
    holds: bool
    found: str


class RunEnded(Struct, frozen=True, tag="run ended", omit_defaults=True):
    """The run is over."""

    ending: Ending
    result: str
    """The agent's answer, or why there is none."""
    verified: tuple[Finding, ...] = ()
    """What the harness itself checked."""
    claimed: tuple[str, ...] = field(default_factory=tuple)
    """What rests on the agent's word alone."""


Event = (
    RunStarted
    | RunResumed
    | ModelAsked
    | ModelAnswered
    | ModelFailed
    | CallDecided
    | CallIntended
    | CallFinished
    | Nudged
    | RunEnded
)


class Recorded(Struct, frozen=True):
    """An event with its place in the run."""

    seq: int
    at: float
    """Seconds since the epoch; informational: order is by `seq`."""
    event: Event
