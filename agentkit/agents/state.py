"""Where a run stands: what the fold over its recorded events (`agents/fold.py`) comes to.

Nothing else is remembered between steps.
"""

from decimal import Decimal

from msgspec import Struct

from agentkit.agents.attempt import Attempt
from agentkit.agents.hired import Hired
from agentkit.core.events import (
    CallIntended,
    Compacted,
    Instructed,
    Loop,
    ModelFailed,
    RunEnded,
    RunStarted,
)
from agentkit.core.messages import (
    Message,
    ToolCall,
)
from agentkit.core.usage import NOTHING, Spent, Usage


class Reply(Struct, frozen=True):
    """What the model said to a question of the strategy."""

    purpose: str
    text: str
    attempts: int
    """How many calls had ended by then."""
    gave_up: bool = False
    """Whether it was said by a call that reports that the goal cannot be reached."""


class RunState(Struct, frozen=True):
    """Everything the next step depends on."""

    started: RunStarted | None = None
    task: str = ""
    """What is to be done now: the goal, or what the person said when the last task was over."""
    task_before: str = ""
    """Handle of the workspace's manifest when the task was given."""
    task_at: int = 0
    """Where in the conversation the person's words about it begin, after the opening."""
    attempts_before: int = 0
    """How many attempts were made for earlier tasks."""
    spent_before: Spent = NOTHING
    """Steps and seconds in tools that earlier tasks took: each task has its own, of tokens and money all
    have the same."""
    seconds_before: float = 0.0
    said: tuple[Message, ...] = ()
    """The conversation after the opening messages."""
    pending: tuple[ToolCall, ...] = ()
    """Calls of the last answer that have not begun."""
    in_doubt: CallIntended | None = None
    """A call that began and has no result."""
    attempts: tuple[Attempt, ...] = ()
    """Every call that ended, in order."""
    answer: str | None = None
    """What the agent gave as its last word, until something is said against it."""
    final_call: ToolCall | None = None
    """The call that gave the answer, if a call did."""
    instruction: Instructed | None = None
    """The question of the strategy that stands; none when it has its reply."""
    replies: tuple[Reply, ...] = ()
    """What came back to the strategy, in order."""
    objection: str = ""
    """What was held against the last word, until something is done about it."""
    failure: ModelFailed | None = None
    steps: int = 0
    answers: int = 0
    """Answers of the model that arrived whole."""
    usage: Usage = Usage()
    cost: Decimal = Decimal(0)
    """US dollars, for the answers whose price is known."""
    unpriced: int = 0
    """Answers whose price is not known."""
    tool_seconds: float = 0.0
    reserved: Spent = NOTHING
    """Set aside for an answer that has not arrived."""
    cut: Spent = NOTHING
    """Set aside for attempts at that answer which broke off."""
    lost: Spent = NOTHING
    """Set aside for answers that never arrived: a crash does not give it back."""
    unreadable: int = 0
    """Answers in a row that could not be used as they were."""
    nudges: tuple[str, ...] = ()
    """The reasons of every nudge so far."""
    nudged_at: tuple[int, ...] = ()
    """Where in the conversation the harness speaks; every other word to the model is a person's."""
    untrusted: str = ""
    """Where the run was first told what anybody may have written; empty while it was not."""
    handles: tuple[str, ...] = ()
    """The names of everything that the model was shown a part of."""
    compactions: tuple[Compacted, ...] = ()
    """What the model is shown less of, in order, save for what was undone."""
    shortened: tuple[Message, ...] = ()
    """The beginning of the conversation as the compactions leave it."""
    shortened_until: int = 0
    """How many messages of the conversation that beginning stands for."""
    view_changes: int = 0
    """How many compactions and undoings there were since the last answer."""
    window: int = 0
    """Tokens that the model turned out to take at once; 0 while it refused nothing."""
    relieved: bool = False
    """Whether a request that was too long was made shorter, and its answer has not come yet."""
    agents: tuple[Hired, ...] = ()
    """Who works for this run, in the order in which they began."""
    closing: str | None = None
    """The limit that was reached, when only a last answer may follow."""
    last_words: str | None = None
    """That last answer."""
    attempts_at_nudge: int = 0
    """How many attempts there were when the last repetition was pointed out."""
    loops: int = 0
    """Loops that were pointed out and not left behind since."""
    idle: int = 0
    """Calls in a row that told nothing new and changed nothing."""
    headway: int = 0
    """Calls since the last loop was pointed out that did."""
    new_since: int = 0
    """From which attempt on something that is seen again is no news."""
    tree: str = ""
    """Handle of the workspace's manifest before the last call that could change it."""
    silent: int = 0
    """Answers in a row without a call."""
    chant: Loop | None = None
    """The words that the last answer was cut off for."""
    seconds: float = 0.0
    """Time at work in earlier sittings and, up to the last event, in this one."""
    clock: float | None = None
    """When the last event of this sitting was recorded."""
    ended: RunEnded | None = None
    untold: str = ""
    """What the model is to hear with the next words: that the person stopped it."""

    @property
    def tried(self) -> tuple[Attempt, ...]:
        """The attempts at the task at hand."""
        return self.attempts[self.attempts_before :]

    @property
    def opening(self) -> tuple[Message, ...]:
        """The standing instructions and the goal: never cut."""
        return self.started.opening if self.started else ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation."""
        return self.opening + self.said

    @property
    def view(self) -> tuple[Message, ...]:
        """The conversation as the model is shown it: it only grows at its end, save by a compaction."""
        if not self.compactions:
            return self.messages
        return (*self.opening, *self.shortened, *self.said[self.shortened_until :])

    @property
    def spent(self) -> Spent:
        """What counts against the limits; each task has steps and seconds in tools of its own."""
        before = self.spent_before
        return self.total if before is NOTHING else self.total - before

    @property
    def total(self) -> Spent:
        """What was used, is reserved, or was lost in a crash, by this run and the agents that work for it."""
        own = self._own
        for aside in (self.reserved, self.cut, self.lost):
            if aside is not NOTHING:
                own += aside
        return sum((one.claim for one in self.agents), own) if self.agents else own

    @property
    def used(self) -> Spent:
        """What was used in the end, by this run and the agents that worked for it."""
        return sum((one.spent for one in self.agents), self._own)

    @property
    def _own(self) -> Spent:
        """What was used by this run alone."""
        return Spent(self.steps, self.usage.total, self.cost, self.tool_seconds)

    @property
    def all_unpriced(self) -> int:
        """Answers whose price is not known, of agents too."""
        return self.unpriced + sum(one.unpriced for one in self.agents)

    def agent(self, name: str) -> Hired | None:
        """The agent of that name."""
        return next((one for one in self.agents if one.started.name == name), None)
