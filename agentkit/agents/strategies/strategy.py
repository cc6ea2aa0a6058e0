"""What a strategy is: it decides which question comes before the model is asked again.

It has no loop, no model and no tools of its own to run. What it decides is a pure function of the
recorded state, so a run of any strategy can be killed, resumed, forked and replayed like any other.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

from agentkit.agents.state import Reply, RunState
from agentkit.core.messages import ToolCall


class Instruct(Struct, frozen=True):
    """Put a question of the strategy's own, in the words of a prompt file."""

    purpose: str
    prompt: str
    values: dict[str, str] = field(default_factory=dict[str, str])
    calls: bool = True
    """Whether it may be answered by calling tools."""
    last: bool = False
    """Whether an answer in words is the agent's last one; else it comes back to the strategy."""


class Plan(Struct, frozen=True):
    """Make a call that stands in a plan, without asking the model."""

    call: ToolCall


Turn = Instruct | Plan | None


class Strategy(Protocol):
    """One way to go about a goal."""

    @property
    def name(self) -> str:
        """How a person asks for it."""
        ...

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt files that it may use."""
        ...

    @property
    def objections(self) -> int:
        """How often an agent that says it is done is told that it is not."""
        ...

    @property
    def more(self) -> str:
        """What costs more calls than `calls` says."""
        ...

    def calls(self, tool_calls: int) -> int:
        """Model calls for a goal that takes so many calls of tools, when nothing fails."""
        ...

    def turn(self, state: RunState) -> Turn:
        """What comes before the model is asked; `None` asks it at once."""
        ...


def cost(strategy: Strategy, tool_calls: int = 4) -> str:
    """The multiplier of model calls, in words, on a goal of that many calls of tools."""
    calls, plain = strategy.calls(tool_calls), tool_calls + 1
    return (
        f"{calls / plain:.1f} times the model calls: {calls} where one-shot makes {plain}, "
        f"for {tool_calls} calls of tools when nothing fails; {strategy.more}"
    )


MOST_UNREADABLE = 3
"""Plans in a row that cannot be read; then the goal is worked on without one."""


def plan_again(strategy: str, replies: tuple[Reply, ...], fault: str, values: Mapping[str, str]) -> Instruct:
    """What follows a plan that cannot be read: it is asked for again, and in the end done without."""
    tried = 0
    for reply in reversed(replies):
        if reply.purpose not in ("plan", "new plan"):
            break
        tried += 1
    if tried >= MOST_UNREADABLE:
        return Instruct("without a plan", "strategies/unplanned", {"fault": fault}, last=True)
    return Instruct("new plan", f"strategies/{strategy}-plan-again", {"fault": fault, **values}, calls=False)
