"""What of a conversation the model is shown: all of it, save for what a compaction left out.

The record keeps every message. A compaction is a list of places in it; this file turns such lists
into the messages that are sent, and nothing here decides what is to be left out.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from agentkit.agents.state import RunState
from agentkit.core.events import Compacted, LeftOut, Retold
from agentkit.core.messages import Message, ToolMessage, UserMessage

HEAD = 120
"""Characters that stay of a result's beginning."""
TAIL = 60
"""Characters that stay of its end."""
WORTH_LEAVING_OUT = 400
"""Characters of the shortest result of which a part is left out."""


def shown(said: Sequence[Message], compactions: Sequence[Compacted]) -> tuple[Message, ...]:
    """The conversation after the opening, as these compactions, one after the other, leave it."""
    left = {one.place: one for compaction in compactions for one in compaction.left}
    starts = {one.first: one for one in retold_by(compactions)}
    view: list[Message] = []
    place = 0
    while place < len(said):
        lines: list[str] = []
        while (span := starts.get(place)) is not None:
            lines.append(line_with_handle(span))
            place = span.end
        if lines:
            view.append(UserMessage("\n".join((_RETOLD, *lines))))
            continue
        message = said[place]
        if isinstance(message, ToolMessage) and place in left:
            message = replace(message, text=shortened(message.text, left[place]))
        view.append(message)
        place += 1
    return tuple(view)


_RETOLD = "[Earlier steps, shortened to save space; read_output shows the whole behind a handle.]"


def retold_by(compactions: Sequence[Compacted]) -> list[Retold]:
    """The lines that stand for messages, in order; a line over several older ones replaces them."""
    lines: list[Retold] = []
    for compaction in compactions:
        for new in compaction.retold:
            lines = [old for old in lines if not (new.first <= old.first and old.end <= new.end)]
            lines.append(new)
    return sorted(lines, key=lambda one: one.first)


def line_with_handle(span: Retold) -> str:
    """A line as the model is shown it."""
    return f"- {span.line} [{span.handle}]" if span.handle else f"- {span.line}"


def shortened(text: str, left: LeftOut) -> str:
    """What is shown of a result that was left out, with the name of the whole."""
    if left.superseded:
        return f"[{left.handle}: out of date or repeated, see the newer result]"
    hidden = len(text) - HEAD - TAIL
    return f"{text[:HEAD]}… [{left.handle}: {hidden} more characters, read_output shows them] …{text[-TAIL:]}"


def compacted(state: RunState, event: Compacted) -> RunState:
    """The state once the model is shown less."""
    state = with_compactions(state, (*state.compactions, event))
    if event.reason != "overflow":
        return state
    # what this model takes is known from here on, even if the compaction is undone
    same = state.started is not None and event.model == state.started.model
    return replace(state, window=event.window if same else 0, failure=None, relieved=True)


def with_compactions(state: RunState, compactions: tuple[Compacted, ...]) -> RunState:
    """The state with the view that these compactions, one after the other, leave."""
    until = len(state.said) if compactions else 0
    return replace(
        state,
        compactions=compactions,
        shortened=shown(state.said[:until], compactions),
        shortened_until=until,
        handles=_handles(state, compactions),
        view_changes=state.view_changes + 1,
        # to look at what has left again is no idling
        new_since=len(state.attempts),
        idle=0,
    )


def _handles(state: RunState, compactions: tuple[Compacted, ...]) -> tuple[str, ...]:
    named = [attempt.result.handle for attempt in state.attempts]
    named += [one.handle for event in compactions for one in (*event.left, *event.retold)]
    return tuple(dict.fromkeys(name for name in named if name))
