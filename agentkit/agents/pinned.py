"""What stands before the model at every step: what its tools keep there for it."""

from collections.abc import Iterable

from agentkit.core.messages import UserMessage
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import Tool


def pinned(tools: Iterable[Tool], context: ToolContext, most: int) -> tuple[UserMessage, ...]:
    """The last message of a request: the to-do list, open files and the like; none when there are none.

    It is made anew from the record and the workspace for each request.

    Args:
        tools: Those that may keep something.
        context: What they make it from.
        most: Characters; what is longer is cut at its end, and says so.
    """
    makers = dict.fromkeys(tool.pinned for tool in tools if tool.pinned is not None)
    text = "\n\n".join(text for make in makers if (text := make(context)))
    if len(text) > most:
        text = f"{text[:most]}\n[{len(text) - most:,} more characters are left out: close or drop something]"
    return (UserMessage(text),) if text else ()
