"""What runs cost, as a person reads it."""

from decimal import Decimal

from agentkit.agents.state import RunState
from agentkit.cli.words import counted, dollars
from agentkit.core.events import AgentEnded


def cost_text(state: RunState) -> str:
    """What a run's answers cost; what nobody gave a price for is said to be unknown.

    >>> cost_text(RunState())
    '$0'
    """
    return _cost(state.used.cost, state.all_unpriced)


def _cost(known: Decimal, unpriced: int) -> str:
    if not unpriced:
        return dollars(known)
    return f"{dollars(known)} and {counted(unpriced, 'step')} of unknown cost" if known else "cost unknown"


def spent_text(event: AgentEnded) -> str:
    """What an agent's run took."""
    spent = event.spent
    cost = _cost(spent.cost, event.unpriced)
    return f"{counted(spent.steps, 'step')}, {counted(spent.tokens, 'token')}, {cost}"
