"""How long a call over the network may take."""

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext


def seconds_of(context: ToolContext, most: float) -> float:
    """The seconds that a call has: no more than are left of the run.

    Raises:
        ToolFault: none are left.
    """
    seconds = most if context.seconds_left is None else min(most, context.seconds_left)
    if seconds <= 0:
        raise ToolFault("the run's time is used up; nothing was asked")
    return seconds
