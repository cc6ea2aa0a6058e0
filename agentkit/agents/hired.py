"""Who works for a run, as its record tells it."""

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.events import AgentEnded, AgentStarted, AgentTold, Ending
from agentkit.core.usage import Spent


class Hired(Struct, frozen=True):
    """An agent that works, or has worked, for this run."""

    started: AgentStarted
    """The last time."""
    ended: AgentEnded | None = None
    """`None` while it is at work."""
    spent: Spent = Spent()
    """Before this time, by its run."""
    unpriced: int = 0
    told: tuple[AgentTold, ...] = ()
    """What was said to it while it worked; what it heard of that is in its own record."""

    @property
    def claim(self) -> Spent:
        """What it has spent, and what is set aside for it."""
        granted = self.started.granted
        aside = Spent(
            granted.steps or 0, granted.tokens or 0, granted.cost or Decimal(0), granted.tool_seconds or 0.0
        )
        return self.spent + aside if self.ended is None else self.spent


def with_agent(agents: tuple[Hired, ...], event: AgentStarted | AgentTold | AgentEnded) -> tuple[Hired, ...]:
    """The agents after one began, was spoken to, went on or ended; it keeps its place among them."""
    names = [one.started.name for one in agents]
    if event.name not in names:
        return (*agents, Hired(event)) if isinstance(event, AgentStarted) else agents
    place = names.index(event.name)
    one = agents[place]
    if isinstance(event, AgentStarted):
        told = tuple(said for said in one.told if said.call_id != event.call_id)
        one = replace(one, started=event, ended=None, told=told)
    elif isinstance(event, AgentTold):
        one = replace(one, told=(*one.told, event))
    else:
        # who is stopped hears nothing more
        told = () if event.ending is Ending.INTERRUPTED else one.told
        one = replace(one, ended=event, spent=event.spent, unpriced=event.unpriced, told=told)
    return (*agents[:place], one, *agents[place + 1 :])
