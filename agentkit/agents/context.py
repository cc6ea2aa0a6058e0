"""What takes how much of a model's window, for a person who wonders where the room went."""

from collections.abc import Sequence

from msgspec import Struct

from agentkit.agents.compaction import window_of
from agentkit.agents.state import RunState
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage
from agentkit.core.protocols import ChatModel, ModelRequest
from agentkit.core.tools import ToolSpec


class ContextRow(Struct, frozen=True):
    """One kind of thing in the request."""

    what: str
    tokens: int
    count: int
    """How many of them there are."""


class ContextTable(Struct, frozen=True):
    """The next request, by what is in it."""

    rows: tuple[ContextRow, ...]
    used: int
    """Tokens of the request, as the model estimates them."""
    room: int
    """The most it may have."""
    answer: int
    """Tokens that are kept free for the answer."""


def context_table(
    state: RunState,
    model: ChatModel,
    tools: Sequence[ToolSpec] = (),
    standing: Sequence[Message] = (),
) -> ContextTable:
    """What takes how many tokens in the request that would be sent now; the rows add up to `used`.

    Args:
        state: Where the run stands.
        model: Estimates the tokens.
        tools: What is offered with the conversation.
        standing: What follows the conversation in every request.
    """
    offered = tuple(tools)

    def size(messages: Sequence[Message], with_tools: tuple[ToolSpec, ...] = ()) -> int:
        return model.estimate(ModelRequest(tuple(messages), with_tools))

    known = {id(message) for message in state.messages}
    sums: dict[str, list[int]] = {}
    opening = state.opening
    for place, message in enumerate(opening):
        what = "system" if isinstance(message, SystemMessage) else "task"
        _add(sums, what, size(opening[: place + 1]) - (size(opening[:place]) if place else 0))
    _add(sums, "tools", size(opening, offered) - size(opening), len(offered))
    so_far = size(opening, offered)
    view = state.view
    for place in range(len(opening), len(view)):
        tokens = size(view[: place + 1], offered)
        _add(sums, _kind(view[place], whole=id(view[place]) in known), tokens - so_far)
        so_far = tokens
    used = size((*view, *standing), offered)
    _add(sums, "what tools keep there", used - so_far, len(standing))
    window = window_of(model.profile, state.window)
    rows = tuple(ContextRow(what, tokens, count) for what, (tokens, count) in sums.items() if count)
    return ContextTable(rows, used, window.input, window.output)


def _add(sums: dict[str, list[int]], what: str, tokens: int, count: int = 1) -> None:
    entry = sums.setdefault(what, [0, 0])
    entry[0] += tokens
    entry[1] += count


def _kind(message: Message, *, whole: bool) -> str:
    match message:
        case AssistantMessage():
            return "answers and calls"
        case ToolMessage():
            return "results" if whole else "results cut to their ends"
        case _:
            return "words to the model" if whole else "steps retold in lines"
