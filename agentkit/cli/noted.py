"""Events that are one line for a person, whatever goes on around them."""

from typing import TypeAlias, assert_never

from agentkit.agents.compaction import told
from agentkit.cli.costs import spent_text
from agentkit.cli.words import clipped, on_one_line, rule_text
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    Compacted,
    CompactionUndone,
    FilesLeftOut,
    RuleSet,
)

Noted: TypeAlias = (
    RuleSet | FilesLeftOut | AgentStarted | AgentTold | AgentEnded | Compacted | CompactionUndone
)


def line_of(event: Noted) -> tuple[str, str, str]:
    """The label, the text and the style of the line that tells of an event.

    >>> line_of(AgentTold("scout", "turn back", "c1"))
    ('agent', 'scout is told: turn back', '')
    """
    match event:
        case RuleSet():
            return "rule", rule_text(event), ""
        case FilesLeftOut():
            return _left_out(event)
        case AgentStarted():
            what = "goes on" if event.goes_on else "begins"
            return "agent", f"{event.name} {what}, run {event.run}: {clipped(event.task, 100)}", ""
        case AgentTold():
            return "agent", f"{event.name} is told: {clipped(event.text, 100)}", ""
        case AgentEnded():
            return "agent", f"{event.name} {event.ending}: {spent_text(event)}", ""
        case Compacted():
            return "shorter", told(event), ""
        case CompactionUndone():
            return "longer", f"shown whole again: {event.before:,} to {event.after:,} tokens", ""
        case _:
            assert_never(event)


def _left_out(event: FilesLeftOut) -> tuple[str, str, str]:
    if not event.count:
        return "kept", "all files are kept again, so all that is done to them can be undone", ""
    named = "; ".join(f"{file.path}: {file.why}" for file in event.files)
    more = f"; and {event.count - len(event.files)} more" if event.count > len(event.files) else ""
    words = f"what is done to these files cannot be undone: {named}{more}"
    return "not kept", on_one_line(words), "yellow"
