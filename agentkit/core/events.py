"""Everything a run records: one closed union, in the order in which it happens.

A run is the list of its events. Its state is a fold over them (`agentkit.agents.state`), so what
is not recorded here did not happen.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct, field

from agentkit.core.agent_profile import AgentProfile
from agentkit.core.messages import AssistantMessage, Message, ToolCall
from agentkit.core.profile import ModelProfile
from agentkit.core.tools import Effect, ToolResult
from agentkit.core.usage import Limits, Price, Spent, Usage


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


OVER = frozenset({Ending.FINISHED, Ending.GAVE_UP})
"""Endings that leave nothing to go on with; after any other, a resumed run tries again."""


class PromptUsed(Struct, frozen=True, omit_defaults=True):
    """Which prompt file was rendered, so that a result can be traced to its words."""

    name: str
    version: str
    digest: str
    origin: str = "ours"
    """Whose file it was: project, user or ours."""


class RunStarted(Struct, frozen=True, tag="run started", omit_defaults=True):
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
    kept: tuple[str, ...] = ()
    """Those among them that were given at questions beyond one run: taken back there, they are here, too."""
    base_url: str | None = None
    """Where the model answers: a resumed run must not send the conversation elsewhere."""
    temperature: float = 0.0
    seed: int | None = None
    packs: tuple[str, ...] = ()
    """The packs of tools that the person enabled beside the everyday ones."""
    domains: tuple[str, ...] = ()
    """The only hosts that tools may reach, if any are named."""
    inside: tuple[str, ...] = ()
    """Hosts in a private network that tools may reach all the same."""
    batch: tuple[str, ...] = ()
    """Tools that the person declared to be called again and again: with them there is no loop."""
    larger_model: str = ""
    """Asked instead where words did not help against a loop; empty for none."""
    forked_from: str = ""
    """RUN@STEP: the run, and its last step, that the history comes from; empty for one of its own."""
    profile: ModelProfile | None = None
    """How the model was worked with: a resumed run must go on in the same manner."""
    output_schema: str = ""
    """JSON Schema that the final answer must be valid by; empty for any answer."""
    strategy: str = "one-shot"
    agent_profile: AgentProfile | None = None
    """Who the agent was told to be, if anybody said so; the words are in `opening`."""
    also: tuple[PromptUsed, ...] = ()
    """The other prompt files that stand in `opening`."""
    price: Price | None = None
    """What the model costs; `None` where nobody said."""
    memory: str = ""
    """Whose memory it has, as TENANT/PERSON; empty for a run that remembers nothing."""
    parent: str = ""
    """The run that this one works for; empty for one that a person began."""
    agent: str = ""
    """What it is called there."""
    untrusted: str = ""
    """Where the run that this one works for had been told what anybody may have written, if it had."""


class RunResumed(Struct, frozen=True, tag="run resumed", omit_defaults=True):
    """Another sitting begins."""

    pid: int
    limits: Limits | None = None
    """Those of this sitting, as is what follows; `None` in a record of before it was noted."""
    approve: str = ""
    deny: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    price: Price | None = None
    output_schema: str = ""
    untrusted: str = ""
    """Where all that was recorded before comes from, if anybody may have written it."""


class PersonSaid(Struct, frozen=True, tag="person said", omit_defaults=True):
    """The person speaks to a run: its next task when it was over, a word in between while it works."""

    text: str
    workspace_before: str = ""
    """Handle of the workspace's manifest when a next task was given."""
    call_id: str = ""
    """The call of another run that said it, which stands for the person then."""
    untrusted: str = ""
    """Where that run had been told what anybody may have written, if it had."""
    earlier: str = ""
    """Where all that was recorded before comes from, if anybody may have written it."""
    batch: tuple[str, ...] = ()
    """Tools that the work calls again and again in the same way from here on: no loop is seen in that."""


class PersonStopped(Struct, frozen=True, tag="person stopped", omit_defaults=True):
    """The person stopped the work: what had come of an answer stays, and calls not begun never begin."""

    said: str = ""
    """The part of the answer that had arrived."""
    waited: float = 0.0
    """As of `CallDecided`."""


class ModelAsked(Struct, frozen=True, tag="model asked", omit_defaults=True):
    """A request is about to leave, and this many tokens are reserved for it."""

    step: int
    reserved_tokens: int
    digest: str = ""
    """Of the conversation and the tools (`core/request_digest.py`): a replay must ask the same."""
    reserved_cost: Decimal = Decimal(0)
    """What these tokens cost at most, as far as the price is known."""
    temperature: float | None = None
    """Where it is not the run's own: raised, to break out of a loop."""
    model: str = ""
    """Where it is not the run's own: a larger one, asked to break out of a loop."""


class Loop(Struct, frozen=True, omit_defaults=True):
    """Going in circles, as the harness saw it: the evidence that a nudge or the end of a run rests on."""

    signal: str
    """call (the same one), cycle, error (of one kind), nothing new, no call, or chant."""
    times: int
    calls: tuple[str, ...] = ()
    """What was called, with its arguments."""
    told: str = ""
    """What it came to: the last result, or the words that were repeated."""


class AnswerCut(Struct, frozen=True, tag="answer cut", omit_defaults=True):
    """The answer broke off and is begun anew; what was set aside for it counts as spent from here on.

    What then comes of the request says so again: an answer in its usage and cost, a failure by itself.
    """

    step: int
    tokens: int
    cost: Decimal = Decimal(0)
    """US dollars, as far as the price is known."""


class ModelAnswered(Struct, frozen=True, tag="model answered", omit_defaults=True):
    """The answer arrived whole; the reservation is settled by what it really used."""

    step: int
    message: AssistantMessage
    usage: Usage
    seconds: float
    finish: str = "stop"
    """stop, calls, length (cut off by the token limit), or chant (cut off by us)."""
    cost: Decimal | None = None
    """US dollars; `None` where the price is not known."""
    loop: Loop | None = None
    """The words that went round and round, when the answer was cut off for them."""


class ModelFailed(Struct, frozen=True, tag="model failed", omit_defaults=True):
    """No answer, after retries."""

    step: int
    error: str
    message: str
    window: int = 0
    """Tokens that the model takes at once, where it refused more and said so."""
    refused: bool = False
    """Whether nothing was computed, so that what was set aside for it is given back."""
    cut_tokens: int = 0
    """What counts as spent by attempts before the last, which broke off."""
    cut_cost: Decimal = Decimal(0)
    """The same in US dollars, as far as the price is known."""


class CallDecided(Struct, frozen=True, tag="call decided", omit_defaults=True):
    """Policy or person allowed or denied a call that had to be asked about."""

    call_id: str
    allowed: bool
    by: str
    """policy or person."""
    reason: str
    waited: float = 0.0
    """Seconds since the last event that says so in which the person was asked: no time at work."""


RuleKind: TypeAlias = Literal["deny", "ask", "allow"]
"""What a rule does."""
RuleScope: TypeAlias = Literal["run", "project", "user"]
"""Where a rule holds that was given at a question: in this run, in this folder, everywhere."""


class RuleSet(Struct, frozen=True, tag="rule set", omit_defaults=True):
    """The person gave a rule at a question, or took one back; it holds from here on."""

    kind: RuleKind
    rule: str
    scope: RuleScope = "run"
    """Beyond the run it stands in the person's own file; the record is of what held here."""
    holds: bool = True
    """False where it is taken back."""


class Instructed(Struct, frozen=True, tag="instructed", omit_defaults=True):
    """The strategy puts a question of its own to the model, in the words of a prompt file."""

    purpose: str
    """What it is about, in the strategy's own words: plan, step 2, reflect."""
    text: str
    prompt: PromptUsed
    calls: bool = True
    """Whether it may be answered by calling tools."""
    last: bool = False
    """Whether an answer in words is the agent's last one; else it is for the strategy."""


class CallPlanned(Struct, frozen=True, tag="call planned"):
    """The strategy makes a call that stands in the model's plan, without asking again."""

    call: ToolCall


class CallIntended(Struct, frozen=True, tag="call intended", omit_defaults=True):
    """The call is about to run. Durable before its effect can begin."""

    call: ToolCall
    effect: Effect
    idempotent: bool
    workspace_before: str = ""
    """Handle of the workspace's manifest; of a run before its files were kept."""
    snapshot: str = ""
    """Name of the kept files as they were before; kept for calls that can change them."""
    ends_run: bool = False
    """Whether the call, if it succeeds, is the agent's last word."""
    edited: bool = False
    """Whether the person changed the arguments that the model had written."""
    polls: bool = False
    """Whether the same call again, with the same result, is no loop."""
    modified: str = ""
    """Name of the times at which those files were modified; empty where they were not kept yet."""


class CallFinished(Struct, frozen=True, tag="call finished", omit_defaults=True):
    """The call ended, and this is what the model is told."""

    result: ToolResult
    snapshot: str = ""
    """Name of the kept files as they are now; empty where they are what they were before the call."""
    waited: float = 0.0
    """As of `CallDecided`."""
    modified: str = ""
    """Name of the times at which the files were modified; empty where they are what they were."""


class FileLeftOut(Struct, frozen=True):
    """Something in the workspace that is not kept."""

    path: str
    why: str


class FilesLeftOut(Struct, frozen=True, tag="files left out"):
    """What is done to these files cannot be undone."""

    files: tuple[FileLeftOut, ...]
    """The first of them."""
    count: int
    """How many there are; none, where there were some before."""


class FilesSetting(Struct, frozen=True, tag="files setting", omit_defaults=True):
    """An undo or redo begins. Durable before the first file is set: cut off, it can be completed."""

    to_step: int
    """The last step whose changes are there in the end."""
    before: str
    """Name of the kept files as they were."""
    redo: bool = False
    forced: bool = False
    """Whether it covers what the run did not do."""
    modified: str = ""
    """Name of the times at which those files were modified."""


class FilesSet(Struct, frozen=True, tag="files set", omit_defaults=True):
    """An undo or redo is done."""

    snapshot: str
    """Name of the kept files as they are now."""
    text: str
    """What the model is told of it."""
    modified: str = ""
    """Name of the times at which the files were modified."""


class Nudged(Struct, frozen=True, tag="nudged", omit_defaults=True):
    """The harness tells the model something: a loop it is in, an answer that does not hold."""

    reason: str
    """repetition, unreadable, claim, form (of the answer), budget (most of it is spent) or closing (one
    answer is left)."""
    text: str
    cause: str = ""
    """For a closing: the limit that is reached."""
    loop: Loop | None = None
    """The loop that it is about."""
    prompt: PromptUsed | None = None
    """The file that the words are from; `None` in a record of before they stood in files."""


class LeftOut(Struct, frozen=True, omit_defaults=True):
    """A result of which the model is shown the two ends only."""

    place: int
    """Of its message in the conversation, counted from the first after the opening."""
    handle: str
    """Names the whole."""
    superseded: bool = False
    """Whether a newer result holds what it says; then nothing of it is shown."""


class Retold(Struct, frozen=True, omit_defaults=True):
    """Messages that the model is shown as one line."""

    first: int
    end: int
    """The place after the last of them."""
    line: str
    handle: str = ""
    """Names the messages, or the lines, as a text; empty where the line leaves nothing out."""
    lines: int = 0
    """Older lines that it stands for, where it stands for lines."""


class Compacted(Struct, frozen=True, tag="compacted", omit_defaults=True):
    """From here on the model is shown less of the conversation. The record keeps all of it."""

    reason: str
    """full (the window), overflow (the provider refused the request), or asked (by the person)."""
    before: int
    """Tokens of the request, tools included, as they are estimated."""
    after: int
    left: tuple[LeftOut, ...] = ()
    retold: tuple[Retold, ...] = ()
    whole: int = 0
    """Messages that are still shown word for word, the opening among them."""
    window: int = 0
    """Tokens that the model turned out to take at once; 0 where it refused nothing."""
    model: str = ""
    """Which model that is; a fork may go on with another."""


class CompactionUndone(Struct, frozen=True, tag="compaction undone"):
    """What the last compaction left out is shown again."""

    before: int
    after: int


class AgentStarted(Struct, frozen=True, tag="agent started", omit_defaults=True):
    """An agent takes on a part of the work, in a run of its own; or goes on with it after a message."""

    name: str
    run: str
    task: str
    """Or the message."""
    call_id: str
    """The call that asked for it."""
    granted: Limits = Limits()
    """What is set aside for it until it has ended."""
    tools: tuple[str, ...] = ()
    """All that it may use; empty for whatever this run may."""
    goes_on: bool = False
    """Whether it had ended before, and `task` is a message to it."""


class AgentTold(Struct, frozen=True, tag="agent told"):
    """Something was said to an agent at work, which hears it between two steps.

    Durable before the call is answered: after a crash it is passed on all the same.
    """

    name: str
    text: str
    call_id: str
    """The call that says it."""


class AgentEnded(Struct, frozen=True, tag="agent ended", omit_defaults=True):
    """An agent that worked for this run is done, and what it did not spend comes back."""

    name: str
    ending: Ending
    result: str
    spent: Spent = Spent()
    """By its run, over all that it was asked."""
    unpriced: int = 0
    """How many of its answers have no known price."""
    untrusted: str = ""
    """Where it was told what anybody may have written, if it was: its result may rest on that."""


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
    because: str = ""
    """What ended it, where `result` is what the agent had by then."""
    loop: Loop | None = None
    """What it was stuck in."""
    doubts: tuple[str, ...] = ()
    """What looked wrong when the agent said that it was done, and may be right."""


Event = (
    RunStarted
    | RunResumed
    | PersonSaid
    | PersonStopped
    | ModelAsked
    | AnswerCut
    | ModelAnswered
    | ModelFailed
    | Instructed
    | CallPlanned
    | CallDecided
    | RuleSet
    | CallIntended
    | CallFinished
    | FilesLeftOut
    | FilesSetting
    | FilesSet
    | Nudged
    | AgentStarted
    | AgentTold
    | AgentEnded
    | Compacted
    | CompactionUndone
    | RunEnded
)


class Recorded(Struct, frozen=True):
    """An event with its place in the run."""

    seq: int
    at: float
    """Seconds since the epoch; informational: order is by `seq`."""
    event: Event


def handles_in(event: Event) -> tuple[str, ...]:
    """The handles of the kept texts that an event rests on."""
    match event:
        case RunStarted() | PersonSaid() | CallIntended():
            named = (event.workspace_before,)
        case CallFinished():
            named = (event.result.handle,)
        case Compacted():
            named = (*(one.handle for one in event.left), *(one.handle for one in event.retold))
        case _:
            named = ()
    return tuple(dict.fromkeys(handle for handle in named if handle))
