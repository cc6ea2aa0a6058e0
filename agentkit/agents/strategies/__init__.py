"""Ways to go about a goal, by name; the code of one is imported when it is asked for."""

from collections.abc import Callable, Mapping

from agentkit.agents.strategies.one_shot import OneShot
from agentkit.agents.strategies.strategy import Instruct, Plan, Strategy, Turn, cost
from agentkit.core.errors import UsageError
from agentkit.tooling.tool import Tool

__all__ = ["STRATEGIES", "Instruct", "OneShot", "Plan", "Strategy", "Turn", "cost", "make_strategy"]


def make_strategy(name: str, tools: Mapping[str, Tool] | None = None) -> Strategy:
    """The strategy called `name`, for an agent with these tools.

    Raises:
        UsageError: there is none by that name.
    """
    if name not in STRATEGIES:
        raise UsageError(f"no strategy {name!r}; it must be {', '.join(STRATEGIES)}")
    return STRATEGIES[name](tools or {})


def _plan_and_execute(_tools: Mapping[str, Tool]) -> Strategy:
    from agentkit.agents.strategies.plan_and_execute import PlanAndExecute

    return PlanAndExecute()


def _rewoo(tools: Mapping[str, Tool]) -> Strategy:
    from agentkit.agents.strategies.rewoo import Rewoo

    return Rewoo(tools)


def _reflexion(_tools: Mapping[str, Tool]) -> Strategy:
    from agentkit.agents.strategies.reflexion import Reflexion

    return Reflexion()


STRATEGIES: Mapping[str, Callable[[Mapping[str, Tool]], Strategy]] = {
    "one-shot": lambda _tools: OneShot(),
    "plan-and-execute": _plan_and_execute,
    "rewoo": _rewoo,
    "reflexion": _reflexion,
}
