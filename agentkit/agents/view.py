"""What of a conversation is sent: all of it while it fits, then older results by their beginnings."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from agentkit.core.messages import Message, ToolMessage

KEPT = 160
"""Characters that stay of a shortened result."""
RECENT = 2
"""The newest results are never shortened."""


def fitting(
    messages: Sequence[Message], size: Callable[[Sequence[Message]], int], room: int
) -> tuple[Message, ...]:
    """The messages, with the oldest tool results shortened until `size` is at most `room` tokens.

    The journal keeps every result whole; only the view is cut. When nothing is left to shorten the
    view may still be too long, and the caller must say so.
    """
    if size(messages) <= room:
        return tuple(messages)
    view = list(messages)
    results = [index for index, message in enumerate(view) if isinstance(message, ToolMessage)]
    for index in results[:-RECENT] if len(results) > RECENT else []:
        if size(view) <= room:
            break
        message = view[index]
        if isinstance(message, ToolMessage) and len(message.text) > 2 * KEPT:
            note = (
                f"{message.text[:KEPT]}… [{len(message.text) - KEPT} more characters left out to save space]"
            )
            view[index] = replace(message, text=note)
    return tuple(view)
