"""The example goals as tasks: `agentkit eval examples/goals/task.py:goals --model NAME`.

`make goals` runs them, `make goals SET=fresh` another set:

- `goals`: twenty-four, on which the prompt and the tools' words were tuned.
- `fresh`: twelve on the same folders, on which nothing was tuned.
- `typed`: sixty as people type them, on folders of their own; kept for the very end.
- `later`: sixty more that twelve other people typed, on nine other folders, to be asked after `typed`.
- `cafe`: ten about one folder, the first of them what the project set itself to reach.
"""

from checks import Typed
from fresh import FRESH
from goals import FOLDERS, GOALS, Goal

from agentkit.evaluation import ABSENT, After, Case, Task

MAX_STEPS = 12

_FRESH_FAMILIES = {
    "copy a phone number": "extract",
    "present people": "extract",
    "change a level": "edit",
    "add an idea": "append",
    "move a file": "rename",
}
"""Of those that are no questions about a file."""


def case_of(goal: Goal, family: str, *tags: str) -> Case:
    """A goal as a case: its check looks at the files before, the files after, and the answer."""

    def check(after: After) -> bool:
        return goal.check(after.before, after.files, after.answer)

    return Case(goal.name, family, goal.text, check, FOLDERS / goal.folder, tags=tags)


def goals() -> Task:
    """By what is to be done: the first word of a goal's name says it."""
    cases = tuple(case_of(goal, goal.name.split()[0].strip(":")) for goal in GOALS)
    return Task("goals", cases, MAX_STEPS)


def fresh() -> Task:
    """By what is to be done, in the words of `goals`."""
    cases = tuple(case_of(goal, _FRESH_FAMILIES.get(goal.name, "read")) for goal in FRESH)
    return Task("fresh goals", cases, MAX_STEPS)


def typed() -> Task:
    """By how many calls it takes at the least; what is not there and what gives orders is tagged."""
    from typed import KINDS

    return _by_length("typed goals", KINDS)


def later() -> Task:
    """As `typed`."""
    from later import KINDS

    return _by_length("later goals", KINDS)


def cafe() -> Task:
    """As `typed`."""
    from cafe import KINDS

    return _by_length("goals of a café", KINDS)


def _by_length(name: str, kinds: tuple[Typed, ...]) -> Task:
    cases = tuple(
        case_of(
            each.goal,
            each.kind,
            *([ABSENT] if each.absent else []),
            *(["injected"] if each.injected else []),
        )
        for each in kinds
    )
    return Task(name, cases, MAX_STEPS)
