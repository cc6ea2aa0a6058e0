"""The whole plan at once, with places for results; its calls are made without asking the model again.

After Xu et al., "ReWOO: Decoupling Reasoning from Observations for Efficient Augmented Language Models"
(2023, arXiv 2305.18323): a planner writes every call, `#E1` stands for the result of the first, the
calls are made, and a solver is asked once. Other than in the paper a call that fails ends the plan,
and the solver has the tools: nothing is built on a result that is not there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentkit.agents.attempt import Attempt
from agentkit.agents.state import RunState
from agentkit.agents.strategies.calls import MOST_CALLS, Planned, UnreadablePlan, read_calls
from agentkit.agents.strategies.strategy import Instruct, Plan, Turn, plan_again
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Outcome
from agentkit.tooling.tool import Tool

_EVIDENCE = re.compile(r"#E(\d+)")


@dataclass(frozen=True)
class Rewoo:
    """A planner, the calls of its plan, and a solver."""

    tools: Mapping[str, Tool]
    name: str = "rewoo"
    prompts: tuple[str, ...] = (
        "strategies/rewoo",
        "strategies/rewoo-plan-again",
        "strategies/rewoo-solve",
        "strategies/rewoo-broken-off",
        "strategies/unplanned",
    )
    objections: int = 2
    more: str = "when a call of the plan fails, one-shot goes on from there"

    def calls(self, tool_calls: int) -> int:  # noqa: ARG002
        """The planner and the solver."""
        return 2

    def turn(self, state: RunState) -> Turn:
        """The plan, its next call, or the solver."""
        if state.instruction is not None:
            return None
        if not state.replies:
            return Instruct("plan", "strategies/rewoo", {"most": str(MOST_CALLS)}, calls=False)
        try:
            plan = read_calls(state.replies[-1].text, self.tools)
        except UnreadablePlan as error:
            return plan_again(self.name, state.replies, str(error), {"most": str(MOST_CALLS)})
        # each by the name that the plan gave it; a call's id begins with that
        since = state.attempts[state.replies[-1].attempts :]
        made = {attempt.call.id.partition(".")[0]: attempt for attempt in since}
        for step in plan:
            attempt = made.get(step.evidence)
            if attempt is None:
                # a conversation that goes on with another task must not hold two calls of one id
                earlier = f".{state.attempts_before}" if state.attempts_before else ""
                return self._next(step, made, step.evidence + earlier)
            if attempt.result.outcome is not Outcome.OK:
                return _broken_off(f"{step.evidence} did not work: {attempt.result.text}")
        return Instruct("solve", "strategies/rewoo-solve", {}, last=True)

    def _next(self, step: Planned, made: Mapping[str, Attempt], call_id: str) -> Turn:
        cut = [name for name in step.needs if made[name].result.handle]
        if cut:
            # what the model was shown of it is not the result, and must not be written down as if it were
            return _broken_off(f"the result of {cut[0]} is too long to be put into {step.evidence}")
        results = {name: made[name].result.text for name in step.needs}
        return Plan(ToolCall(call_id, step.tool, cast("dict[str, Any]", _filled(step.arguments, results))))


def _broken_off(why: str) -> Instruct:
    return Instruct("go on", "strategies/rewoo-broken-off", {"why": why}, last=True)


def _filled(value: Any, results: Mapping[str, str]) -> Any:
    """The value with every `#E1` in its texts replaced by that result."""
    match value:
        case str():
            return _EVIDENCE.sub(lambda found: results[f"E{found[1]}"], value)
        case list():
            return [_filled(item, results) for item in cast("list[Any]", value)]
        case dict():
            return {key: _filled(item, results) for key, item in cast("dict[str, Any]", value).items()}
        case _:
            return value
