"""Notes by key: kept in the record of the run, so they outlive what the model still has in view."""

from collections.abc import Sequence
from typing import Annotated

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import Earlier, ToolContext
from agentkit.tooling.nearest import listed
from agentkit.tooling.tool import tool

LONGEST = 20_000
"""Characters of a note; more belongs into a file."""
GLANCE = 60
"""Characters of a note that are always shown."""

KnownNote = Annotated[str, Choices("note", lambda context: tuple(notes(context.earlier)))]


def shown(context: ToolContext) -> str:
    """The keys with the beginnings of their notes, or nothing where there are none."""
    kept = notes(context.earlier)
    lines = [f"- {key}: {_glance(text)}" for key, text in kept.items()]
    return "\n".join(["Your notes (read_note shows one whole):", *lines]) if lines else ""


@tool(effect=Effect.PURE, pinned=shown)
def save_note(key: str, text: str) -> str:
    """Keep a text under a key. A note of that key is replaced.

    Args:
        key: A short name for it.
        text: What to keep.
    """
    if not key.strip() or "\n" in key:
        raise ToolFault("the key is one line of text that is not empty")
    if not text:
        raise ToolFault("the text is empty; drop_note removes a note")
    if len(text) > LONGEST:
        raise ToolFault(f"the text has {len(text):,} characters, more than {LONGEST:,}; write it to a file")
    return f"noted {key}"


@tool(effect=Effect.PURE)
def read_note(key: KnownNote, context: ToolContext) -> str:
    """Read a note.

    Args:
        key: Its key.
    """
    return _kept(key, context)


@tool(effect=Effect.PURE)
def drop_note(key: KnownNote, context: ToolContext) -> str:
    """Remove a note.

    Args:
        key: Its key.
    """
    _kept(key, context)
    return f"dropped {key}"


def notes(earlier: Sequence[Earlier]) -> dict[str, str]:
    """The notes by key, as the calls so far made them."""
    kept: dict[str, str] = {}
    for one in earlier:
        if one.result.outcome is not Outcome.OK:
            continue
        if one.call.name == save_note.name:
            kept[str(one.call.arguments["key"])] = str(one.call.arguments["text"])
        elif one.call.name == drop_note.name:
            kept.pop(str(one.call.arguments["key"]), None)
    return kept


def _kept(key: str, context: ToolContext) -> str:
    kept = notes(context.earlier)
    if key not in kept:
        there = f"there is {listed(list(kept))}" if kept else "there is none yet"
        raise ToolFault(f"there is no note {key!r}; {there}")
    return kept[key]


def _glance(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= GLANCE else flat[: GLANCE - 1] + "…"
