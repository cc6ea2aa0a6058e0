"""A plan first, then each of its steps, and a new plan where a step failed.

After Wang et al., "Plan-and-Solve Prompting" (ACL 2023, arXiv 2305.04091), for the plan that is written
before anything is done, with the plan of what is left written anew when a step fails.
"""

import re
from dataclasses import dataclass

from msgspec import Struct

from agentkit.agents.state import Reply, RunState
from agentkit.agents.strategies.strategy import Instruct, Turn, plan_again
from agentkit.core.tools import Outcome

MOST_STEPS = 12
MOST_REPLANS = 3
LONGEST_TOLD = 600
"""Characters of a step's account that a new plan is told."""

_STEP = re.compile(r"\s{0,3}(?:\*\*)?(?:step\s+)?(\d+)\s*[.):]\s*(?:\*\*)?\s*(\S.*)", re.IGNORECASE)
_FAILED = re.compile(r"[\W_]*failed\b", re.IGNORECASE)
_NOTHING = re.compile(r"[\W_]*nothing\b", re.IGNORECASE)


@dataclass(frozen=True)
class PlanAndExecute:
    """The plan is asked for without tools; a step is over when the model says what came of it."""

    name: str = "plan-and-execute"
    prompts: tuple[str, ...] = (
        "strategies/plan-and-execute",
        "strategies/plan-and-execute-plan-again",
        "strategies/plan-and-execute-step",
        "strategies/plan-and-execute-replan",
        "strategies/plan-and-execute-answer",
        "strategies/unplanned",
    )
    objections: int = 2
    more: str = f"a step that fails costs a new plan, at most {MOST_REPLANS} times"

    def calls(self, tool_calls: int) -> int:
        """The plan, each call of a tool and the word on its step, and the answer."""
        return 1 + 2 * tool_calls + 1

    def turn(self, state: RunState) -> Turn:
        """The plan, the next step, a new plan, or the answer."""
        if state.instruction is not None:
            return None
        if not state.replies:
            return Instruct("plan", self.prompts[0], {"most": str(MOST_STEPS)}, calls=False)
        stands = _stands(state)
        if stands.fault:
            return plan_again(self.name, state.replies, stands.fault, {"most": str(MOST_STEPS)})
        if stands.failed and stands.replans < MOST_REPLANS:
            values = {"step": stands.failed, "told": stands.told, "most": str(MOST_STEPS)}
            return Instruct("replan", "strategies/plan-and-execute-replan", values, calls=False)
        if stands.failed or not stands.left:
            how = f"The step that failed: {stands.failed}" if stands.failed else "Every step is done."
            return Instruct("answer", "strategies/plan-and-execute-answer", {"how": how}, last=True)
        number = stands.done + 1
        values = {
            "number": str(number),
            "total": str(stands.done + len(stands.left)),
            "step": stands.left[0],
        }
        return Instruct(f"step {number}", "strategies/plan-and-execute-step", values)


class _Stands(Struct, frozen=True):
    """How far the plan has come."""

    left: tuple[str, ...] = ()
    done: int = 0
    replans: int = 0
    failed: str = ""
    """The step that failed last, until there is a new plan."""
    told: str = ""
    fault: str = ""
    """Why the last plan cannot be read."""


def _stands(state: RunState) -> _Stands:
    stands = _Stands()
    seen = 0
    for reply in state.replies:
        if reply.purpose.startswith("step"):
            stands = _after_step(stands, reply, state, seen)
        else:
            replans = stands.replans + (reply.purpose == "replan")
            left, fault = read_steps(reply.text, may_be_empty=reply.purpose == "replan")
            stands = _Stands(left, stands.done, replans, fault=fault)
        seen = reply.attempts
    return stands


def _after_step(stands: _Stands, reply: Reply, state: RunState, seen: int) -> _Stands:
    if not stands.left:
        return stands
    step, *left = stands.left
    last = state.attempts[reply.attempts - 1].result.outcome if reply.attempts > seen else Outcome.OK
    if reply.gave_up or _FAILED.match(reply.text) or last is not Outcome.OK:
        told = reply.text[:LONGEST_TOLD]
        return _Stands(tuple(left), stands.done, stands.replans, failed=step, told=told)
    return _Stands(tuple(left), stands.done + 1, stands.replans)


def read_steps(text: str, *, may_be_empty: bool = False) -> tuple[tuple[str, ...], str]:
    r"""The steps of a plan, and what is wrong with it; of a numbered line and what follows it, one step.

    >>> read_steps("Here it is:\n1. Read a.txt\n2) Write b.txt\n   in upper case")
    (('Read a.txt', 'Write b.txt in upper case'), '')
    """
    steps: list[str] = []
    open_step = False
    for line in text.splitlines():
        if found := _STEP.fullmatch(line):
            steps.append(found[2].strip().rstrip("*"))
            open_step = True
        elif not line.strip():
            open_step = False
        elif open_step:
            steps[-1] += f" {line.strip()}"
    if not steps and not (may_be_empty and _NOTHING.match(text)):
        return (), "it has no numbered lines"
    if len(steps) > MOST_STEPS:
        return (), f"it has {len(steps)} steps, and {MOST_STEPS} are the most"
    return tuple(steps), ""
