"""A to-do list that stands before the model at every step.

The list is a fold over the recorded calls, so a resumed run has it.
"""

from collections.abc import Sequence
from typing import Literal

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.context import Earlier, ToolContext
from agentkit.tooling.tool import tool
from agentkit_tools.text import counted

MOST_ITEMS = 50
State = Literal["open", "doing", "done"]
_BOXES: dict[str, str] = {"open": "[ ]", "doing": "[>]", "done": "[x]"}


def shown(context: ToolContext) -> str:
    """The list as it stands, or nothing where there is none."""
    items = todo(context.earlier)
    if not items:
        return ""
    left = sum(state != "done" for state in items.values())
    lines = [f"{number}. {_BOXES[state]} {text}" for number, (text, state) in enumerate(items.items(), 1)]
    return "\n".join([f"Your to-do list ({left} left; keep it up to date with set_todo):", *lines])


@tool(effect=Effect.PURE, pinned=shown)
def write_todo(items: Sequence[str]) -> str:
    """Write the whole to-do list anew. Items that were on it keep their state.

    Args:
        items: Every item, in order; an empty list clears it.
    """
    if len(items) > MOST_ITEMS:
        raise ToolFault(f"the list has {len(items)} items, and {MOST_ITEMS} are the most; sum some up")
    if twice := [item for item in items if items.count(item) > 1]:
        raise ToolFault(f"{twice[0]!r} is on the list twice; say in what the two differ")
    if any(not item.strip() or "\n" in item for item in items):
        raise ToolFault("each item is one line of text, and one of them is empty or longer")
    return f"the list has {counted(len(items), 'item')}" if items else "the list is cleared"


@tool(effect=Effect.PURE)
def set_todo(number: int, state: State, context: ToolContext) -> str:
    """Set the state of an item of the to-do list.

    Args:
        number: The item's number on the list.
        state: open, doing or done.
    """
    items = list(todo(context.earlier))
    if not items:
        raise ToolFault("there is no to-do list yet; write one with write_todo")
    if not 1 <= number <= len(items):
        raise ToolFault(f"there is no item {number}; the list has {counted(len(items), 'item')}")
    return f"{items[number - 1]}: {state}"


def todo(earlier: Sequence[Earlier]) -> dict[str, str]:
    """The items and their states, as the calls so far made them."""
    items: dict[str, str] = {}
    for one in earlier:
        if one.result.outcome is not Outcome.OK:
            continue
        if one.call.name == write_todo.name:
            wanted = write_todo.check(one.call.arguments)["items"]
            items = {item: items.get(item, "open") for item in wanted}
        elif one.call.name == set_todo.name:
            given = set_todo.check(one.call.arguments)
            items[list(items)[given["number"] - 1]] = given["state"]
    return items
