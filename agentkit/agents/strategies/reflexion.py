"""An attempt, and after one that does not hold a reflection that the next attempt begins with.

After Shinn et al., "Reflexion: Language Agents with Verbal Reinforcement Learning" (NeurIPS 2023, arXiv
2303.11366). What judges an attempt is the run's own review and check, never the model. Other than in
the paper an earlier attempt stays in the conversation: the files it changed are not set back, so what
it did must remain known.
"""

from dataclasses import dataclass

from agentkit.agents.state import RunState
from agentkit.agents.strategies.strategy import Instruct, Turn

MOST_RETRIES = 3
REMEMBERED = 3
"""Reflections that a new attempt is told."""


@dataclass(frozen=True)
class Reflexion:
    """The model first says what went wrong, without tools, and then tries again."""

    name: str = "reflexion"
    prompts: tuple[str, ...] = ("strategies/reflexion-reflect", "strategies/reflexion-retry")
    objections: int = MOST_RETRIES
    more: str = (
        f"an attempt that does not hold costs a reflection and another attempt, at most {MOST_RETRIES} times"
    )

    def calls(self, tool_calls: int) -> int:
        """As many as one attempt takes."""
        return tool_calls + 1

    def turn(self, state: RunState) -> Turn:
        """A reflection on what was held against the last attempt, or the next attempt."""
        if state.objection:
            return Instruct("reflect", "strategies/reflexion-reflect", calls=False)
        if state.instruction is None and state.replies:
            told = "\n".join(f"- {' '.join(reply.text.split())}" for reply in state.replies[-REMEMBERED:])
            return Instruct("try again", "strategies/reflexion-retry", {"reflections": told}, last=True)
        return None
