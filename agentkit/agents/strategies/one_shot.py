"""The loop as it is: the model is asked what to do next until it says that it is done.

Reasoning and acting in turns, as in Yao et al., "ReAct: Synergizing Reasoning and Acting in Language
Models" (ICLR 2023, arXiv 2210.03629).
"""

from dataclasses import dataclass

from agentkit.agents.state import RunState
from agentkit.agents.strategies.strategy import Turn


@dataclass(frozen=True)
class OneShot:
    """Nothing comes between the model and its next call."""

    name: str = "one-shot"
    prompts: tuple[str, ...] = ()
    objections: int = 2
    more: str = "an answer that does not hold costs another attempt"

    def calls(self, tool_calls: int) -> int:
        """One for each call of a tool, one for the answer."""
        return tool_calls + 1

    def turn(self, state: RunState) -> Turn:  # noqa: ARG002
        """Nothing."""
        return None
