"""The example goals as tasks: `agentkit eval examples/goals/task.py:goals --model NAME`, or `make goals`.

`goals` are the twenty-four that the prompt and the tools' words were tuned on, `fresh` those that
nothing was tuned on.
"""

from fresh import FRESH
from goals import FOLDERS, GOALS, Goal

from agentkit.evaluation import After, Case, Task

MAX_STEPS = 12

FRESH_FAMILIES = {
    "copy a phone number": "extract",
    "present people": "extract",
    "change a level": "edit",
    "add an idea": "append",
    "move a file": "rename",
}
"""Of those that are not questions about a file."""


def case_of(goal: Goal, family: str, *tags: str) -> Case:
    """A goal as a case: its check is of the files before, the files after, and the answer."""

    def check(after: After) -> bool:
        return goal.check(after.before, after.files, after.answer)

    return Case(goal.name, family, goal.text, check, FOLDERS / goal.folder, tags=tags)


goals = Task("goals", tuple(case_of(goal, goal.name.split()[0].strip(":")) for goal in GOALS), MAX_STEPS)
fresh = Task(
    "fresh goals",
    tuple(case_of(goal, FRESH_FAMILIES.get(goal.name, "read")) for goal in FRESH),
    MAX_STEPS,
)
