"""`/context`, `/compact` and `/budget`: what the model is shown, and what was spent."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agentkit.cli.words import dollars, duration
from agentkit.core.errors import UsageError

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl


async def show_context(repl: "Repl", _: str) -> None:
    """What takes how much of the model's window."""
    repl.require_run()
    table = await repl.talk.context()
    lines = [(row.tokens, f"{row.what} ({row.count:,})") for row in table.rows]
    lines.append((table.used, f"of {table.room:,} tokens; {table.answer:,} are kept for the answer"))
    for tokens, what in lines:
        repl.say("", f"{tokens:>9,}  {100 * tokens / max(1, table.room):>3.0f} %  {what}")


async def compact(repl: "Repl", rest: str) -> None:
    """Show the model less of what is old, or all of it again."""
    repl.require_run()
    if rest not in ("", "undo"):
        raise UsageError("say /compact, or /compact undo to show the model all of it again")
    await repl.talk.compact(undo=bool(rest))


async def show_budget(repl: "Repl", _: str) -> None:
    """What was spent, and what may be."""
    from agentkit.assembly import limits_of
    from agentkit.cli.costs import cost_text

    state, most = repl.talk.state, limits_of(repl.talk.settings)
    spent, seconds = state.spent, state.seconds - state.seconds_before
    repl.say("steps", f"{spent.steps} of {_most(most.steps)} for this message, {state.steps} in all")
    repl.say(
        "time",
        f"{duration(seconds)} of {_most(most.seconds, duration)} for this message, "
        f"{duration(spent.tool_seconds)} of {_most(most.tool_seconds, duration)} in tools; "
        f"{duration(state.seconds)} in all",
    )
    repl.say("tokens", f"{spent.tokens:,} of {_most(most.tokens)} for the whole conversation")
    cost = cost_text(state).removeprefix("cost ")  # of which the label says already that it is one
    repl.say("cost", f"{cost} of {_most(most.cost, dollars)} for the whole conversation")


_N = TypeVar("_N")


def _most(limit: _N | None, shown: Callable[[_N], str] = "{:,}".format) -> str:
    return "no limit" if limit is None else shown(limit)
