"""What leaves the view when it no longer fits, gently at first, and how that is undone.

A compaction is computed here and recorded by whoever asked for it. Nothing of the record is lost: what
left is kept under a handle, and the view is made anew from the record (`agents/view.py`).
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from agentkit.agents.draft import Draft
from agentkit.agents.episodes import Episode, line_of
from agentkit.agents.state import RunState
from agentkit.agents.view import shown
from agentkit.core.counting import counted
from agentkit.core.events import Compacted, CompactionUndone, ModelFailed
from agentkit.core.messages import Message
from agentkit.core.protocols import ChatModel, ModelProfile, ModelRequest
from agentkit.core.tools import ToolSpec

WriteLine = Callable[[Episode], str]
"""Retells an episode in one line; `…` in it says that something is missing."""


class Window(Struct, frozen=True):
    """What a model takes at once."""

    input: int
    output: int


def window_of(profile: ModelProfile, learnt: int = 0) -> Window:
    """How many tokens a request and its answer may have, where the model may have refused more."""
    if not 0 < learnt < profile.context_window:
        return Window(profile.context_window - profile.max_output_tokens, profile.max_output_tokens)
    output = min(profile.max_output_tokens, learnt // 4)
    return Window(learnt - output, output)


def window_after_refusal(sent: int, told: int) -> int:
    """What a model takes that refused `sent` tokens: what it told, or half where that cannot be."""
    return told if 0 < told < sent else sent // 2


def compact(
    state: RunState,
    model: ChatModel,
    tools: Sequence[ToolSpec],
    keep: Callable[[str], str],
    *,
    room: int | None = None,
    reason: str = "asked",
    standing: Sequence[Message] = (),
    line: WriteLine = line_of,
) -> Compacted | None:
    """A compaction after which the request has `room` tokens at most, or `None` when none can be.

    In this order, and only as far as needed: older results are cut to their ends; results that a newer
    one made needless go; the oldest episodes become a line each; then the oldest lines become one, and
    at last what is newest gives, too. Never the opening, the task in the person's words, what the
    model has just been told, or what stands at the end of every request.

    Half of what may leave does, so that it is long until the next time.

    Args:
        state: Where the run stands.
        model: Estimates the tokens.
        tools: What is offered with the conversation.
        keep: Stores a text and returns its handle.
        room: The most tokens of the request; by default it is made smaller than it is.
        reason: What the record says of why.
        standing: What follows the conversation in every request.
        line: Retells an episode.
    """
    draft = Draft(state, model, tools, line, standing)
    before = draft.tokens()
    room = before - 1 if room is None else room
    if not draft.shorten(room):
        return None
    event = draft.kept(keep)
    after = draft.tokens()
    if after >= before:
        return None
    return replace(event, reason=reason, before=before, after=after, whole=draft.whole())


def compact_after_refusal(
    state: RunState,
    model: ChatModel,
    tools: Sequence[ToolSpec],
    keep: Callable[[str], str],
    failure: ModelFailed,
    standing: Sequence[Message] = (),
) -> Compacted | None:
    """A compaction to the window that a model turned out to have when it refused the request.

    Where the request fits into that beside a shorter answer, nothing is left out.
    """
    request = ModelRequest((*state.view, *standing), tuple(tools))
    estimate = model.estimate(request)
    window = window_after_refusal(estimate + window_of(model.profile, state.window).output, failure.window)
    room = window_of(model.profile, window).input
    event: Compacted | None = Compacted("overflow", estimate, estimate, whole=len(state.view))
    if estimate > room:
        event = compact(state, model, tools, keep, room=room, reason="overflow", standing=standing)
    return replace(event, window=window, model=model.name) if event else None


def too_long(
    state: RunState, model: ChatModel, tools: Sequence[ToolSpec], standing: Sequence[Message] = ()
) -> str:
    """Why no request can be made that fits, and what would help."""
    least = model.estimate(ModelRequest((*state.opening, *standing), tuple(tools)))
    most = window_of(model.profile, state.window).input
    return (
        f"{model.name} takes {most} tokens beside its answer, and no shorter request can be made: "
        f"the task, its rules and {len(tools)} tools alone are {least}. "
        "Offer fewer tools, say the task in fewer words, or use a model with a larger window"
    )


def undo_compaction(
    state: RunState,
    model: ChatModel,
    tools: Sequence[ToolSpec] = (),
    standing: Sequence[Message] = (),
) -> CompactionUndone | None:
    """The undoing of the last compaction that is in force, or `None` when none is.

    What it left out is shown again. If that no longer fits, the next request is compacted anew.
    """
    if not state.compactions:
        return None
    undone = (*state.opening, *shown(state.said, state.compactions[:-1]))

    def tokens(messages: Sequence[Message]) -> int:
        return model.estimate(ModelRequest((*messages, *standing), tuple(tools)))

    return CompactionUndone(tokens(state.view), tokens(undone))


def told(event: Compacted) -> str:
    """What left and what stayed, in words for a person."""
    cut = sum(not one.superseded for one in event.left)
    gone = len(event.left) - cut
    steps = sum(not one.lines for one in event.retold)
    joined = sum(one.lines for one in event.retold)
    left = [
        f"{counted(cut, 'older result')} cut to the ends" if cut else "",
        f"{counted(gone, 'repeated result')} dropped" if gone else "",
        f"{counted(steps, 'older step')} retold in a line" if steps else "",
        f"{counted(joined, 'older line')} joined" if joined else "",
    ]
    words = ", ".join(part for part in left if part) or "nothing left out, and shorter answers"
    return (
        f"{words}; {counted(event.whole, 'message')} stay whole; {event.before:,} to {event.after:,} tokens"
    )
