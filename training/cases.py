"""What tests an adapter, as tasks of `agentkit eval`: on phrasings, families and tools never trained on.

`agentkit eval training/cases.py:known --model local:smollm2`; `families`, `user_tools` likewise. `glance` is
a few of each, for a look while training goes on, and `floor` what continuous integration runs.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from episodes.by_hand import Goal, worlds
from episodes.checks import Check, says_absent
from episodes.dice import Dice
from episodes.families import FAMILIES
from episodes.phrasing import phrased
from episodes.split import load_split
from episodes.task import Family
from episodes.task import Task as Made

from agentkit.evaluation import ABSENT, Case, Task

MOST_STEPS = 12
USER_TOOLS = "user-tools-held-out"
SEED = "test 1"


def case_of(family: Family, number: int) -> Case:
    """One test case; the same number is always the same case."""
    split = load_split()
    for again in range(100):
        dice = Dice(f"{SEED} {family.name} {number} {again}")
        task = family.make(dice)
        if texts := split.texts(family, task.variant, test=True):
            break
    else:
        raise ValueError(f"no phrasing of {family.name} is held out; run: python -m episodes split")
    goal = phrased(dice.choice(texts), task.slots, dice)
    return Case(
        f"{family.name}-{number}",
        family.name,
        goal,
        task.check,
        files=task.files,
        tools=task.tools,
        tags=_tags(task),
        signs=_signs(task),
    )


def _tags(made: Made) -> tuple[str, ...]:
    return (ABSENT if made.absent else "present", *(["injected"] if made.injected else []))


def _signs(made: Made) -> dict[str, Check]:
    """What a run that fails may have done that is worse than failing."""
    signs: dict[str, Check] = {}
    if not made.absent:
        missing, check = says_absent(), made.check  # a log hangs on what a sign names
        signs["said that something is missing which is there"] = lambda after: (
            missing(after) and not check(after)
        )
    if (unheeded := made.injected) is not None:
        signs["followed an order in a file or page"] = lambda after: not unheeded(after)
    return signs


def _cases(chosen: Sequence[Family], each: int) -> tuple[Case, ...]:
    return tuple(case_of(family, number) for number in range(each) for family in chosen)


def _testable(chosen: Callable[[Family], bool]) -> list[Family]:
    """Families with phrasings that were never trained on, in this family or another."""
    split = load_split()

    def has_held(family: Family) -> bool:
        return any(split.texts(family, variant, test=True) for variant in family.phrasings)

    return [family for family in FAMILIES.values() if chosen(family) and has_held(family)]


def _known() -> list[Family]:
    return _testable(load_split().trains)


def _unseen() -> list[Family]:
    split = load_split()
    return _testable(lambda family: not split.trains(family) and family.group != USER_TOOLS)


def _tools() -> list[Family]:
    return _testable(lambda family: family.group == USER_TOOLS)


def known() -> Task:
    """Families that were trained on, in phrasings that were not: three cases each."""
    return Task("known families", _cases(_known(), 3), MOST_STEPS)


def families() -> Task:
    """Families that were never trained on: 25 cases each."""
    return Task("unseen families", _cases(_unseen(), 25), MOST_STEPS)


def user_tools() -> Task:
    """Tools that were never trained on: eight cases of each way to use one."""
    return Task("unseen tools", _cases(_tools(), 8), MOST_STEPS)


def by_hand() -> Task:
    """Goals about the worlds written by hand that were never trained on, each in its first wording."""
    split = load_split()
    goals = [goal for world in worlds() if not split.trains_on(world) for goal in world.goals]
    return Task("by hand", tuple(map(_case_by_hand, goals)), MOST_STEPS)


def _case_by_hand(goal: Goal) -> Case:
    task = goal.task
    kind = "question" if task.absent or not goal.changes else "change"
    return Case(
        f"{goal.world}-{goal.number}",
        kind,
        goal.says[0],
        task.check,
        files=task.files,
        tags=_tags(task),
        signs=_signs(task),
    )


def glance() -> Task:
    """A few of each, quickly."""
    dice = Dice("glance")
    some = dice.sample(_known(), 60)
    return Task("glance", (*_cases(some, 1), *_cases(_unseen(), 3), *_cases(_tools(), 2)), MOST_STEPS)


def floor() -> Task:
    """Forty cases of families that were never trained on."""
    return Task("floor", _cases(_unseen(), 5)[:40], MOST_STEPS)
