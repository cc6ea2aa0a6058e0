"""Whether a run gets on: calls that told something new are headway, others are idling."""

from msgspec.structs import replace

from agentkit.agents.attempt import Attempt, tells_something_new
from agentkit.agents.state import RunState
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Outcome, ToolResult

LEFT_BEHIND = 10
"""Calls that told something new, after which a loop that was pointed out is left behind."""


def attempt_of(state: RunState, call: ToolCall, result: ToolResult) -> Attempt:
    """A call with what came of it, and what is known of it from its intent."""
    intent = state.in_doubt
    if intent is None:
        return Attempt(call, result)
    batch = state.started.batch if state.started else ()
    last_word = intent.ends_run and result.outcome is Outcome.OK
    return Attempt(call, result, intent.effect, intent.polls or call.name in batch, last_word)


def weighed(state: RunState, attempt: Attempt, tree: str) -> RunState:
    """The attempt is added, and counted as headway or as idling."""
    changed = bool(tree and state.tree and tree != state.tree)
    new = changed or tells_something_new(attempt, state.attempts, state.new_since)
    headway = state.headway + new
    counted = not attempt.repeats
    known = attempt.result.handle in ("", *state.handles)
    return replace(
        state,
        attempts=(*state.attempts, attempt),
        handles=state.handles if known else (*state.handles, attempt.result.handle),
        tree=tree or state.tree,
        idle=(0 if new else state.idle + 1) if counted else state.idle,
        headway=headway if counted else state.headway,
        loops=0 if counted and headway >= LEFT_BEHIND else state.loops,
        silent=0,
    )


def caught(state: RunState) -> RunState:
    """A loop was pointed out: what was seen before it is no evidence for the next one."""
    return replace(state, loops=state.loops + 1, idle=0, headway=0, attempts_at_nudge=len(state.attempts))
