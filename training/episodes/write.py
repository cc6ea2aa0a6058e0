"""A data set: rows of conversations for training, and the cases that test what was learnt."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.tool import Tool
from episodes.by_hand import World
from episodes.dice import Dice
from episodes.families import FAMILIES
from episodes.phrasing import phrased
from episodes.record import PROFILE, Episode, Row, record
from episodes.split import load_split
from episodes.task import Family, Task
from episodes.views import View, plain_view, some_view

VIEW_SIZE = 16
"""Episodes that share one list of tools, so that a pack can share its system turn."""


MOST_CHARACTERS = 7500
"""A longer row is left out by default, and counted: one would cost as much as ten."""


@dataclass
class Written:
    """What came of some episodes; rows of more than `most` characters are left out."""

    most: int = MOST_CHARACTERS
    lines: list[str] = field(default_factory=list[str])
    reached: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])
    long: Counter[str] = field(default_factory=Counter[str])

    def take(self, family: str, episode: Episode) -> None:
        """Keep what can be learnt of an episode, if it came to what was asked for."""
        if not episode.reached:
            self.failed[family] += 1
            return
        self.reached[family] += 1
        rows = [row for row in episode.rows if _size(row) <= self.most]
        self.long[family] += len(episode.rows) - len(rows)
        self.lines += [_line(family, row) for row in rows]

    def save(self, file: Path) -> None:
        """Put the lines into a file, whole or not at all, and tell of it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text("".join(self.lines), encoding="utf-8")
        part.replace(file)
        self.tell(file)

    def tell(self, file: Path) -> None:
        """Say what was written, and what was left out."""
        print(f"{self.reached.total()} episodes of {len(self.reached)} kinds in {file}")
        for name, count in self.failed.most_common(12):
            print(f"  left out {count} of {name}: the policy did not pass its own check")
        for name, count in (+self.long).most_common(5):
            print(f"  left out {count} of {name}: longer than {self.most:,} characters")


def write(folder: Path, episodes: int, seed: int, most: int = MOST_CHARACTERS, only: str = "") -> None:
    """Write `train.jsonl`: that many episodes of the families that may be trained on.

    Rows of more than `most` characters are left out. With `only`, of the families whose names begin so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    batches = [(seed, number) for number in range(episodes // VIEW_SIZE)]
    whole = Written(most)
    part = folder / "train.part"
    with part.open("w", encoding="utf-8") as file, ProcessPoolExecutor(os.cpu_count()) as pool:
        for written in pool.map(partial(write_batch, most=most, only=only), batches, chunksize=4):
            file.writelines(written.lines)
            whole.reached += written.reached
            whole.failed += written.failed
            whole.long += written.long
    part.replace(folder / "train.jsonl")
    whole.tell(folder / "train.jsonl")


def write_batch(which: tuple[int, int], most: int = MOST_CHARACTERS, only: str = "") -> Written:
    """The episodes of a seed and a number, under as few views as can be; those that pass their checks.

    Rows of more than `most` characters are left out. With `only`, of the families whose names begin so.
    """
    seed, number = which
    return asyncio.run(_recorded(drawn(Dice(f"train {seed} {number}"), only), most))


async def _recorded(tasks: Iterable["Drawn"], most: int) -> Written:
    written = Written(most)
    for each in tasks:
        written.take(each.source, await record(each.goal, each.task, each.view))
    return written


@dataclass(frozen=True)
class Drawn:
    """A task that may be trained on, as somebody puts it, and the tools that are offered."""

    source: str
    """The family or the world that it is of."""
    task: Task
    goal: str
    view: View


def drawn(dice: Dice, only: str = "") -> Iterator[Drawn]:
    """So many tasks as share a view, under as few views as can be, of families whose names begin with `only`.

    Raises:
        ValueError: none that may be trained on does.
    """
    split = load_split()
    training = [one for one in FAMILIES.values() if split.trains(one) and one.name.startswith(only)]
    if not training:
        raise ValueError(
            f"no family that may be trained on begins with {only!r}; see training/episodes/families"
        )
    made = [(family, family.make(dice)) for family in (dice.choice(training) for _ in range(VIEW_SIZE))]
    kind = _kind(dice)
    tools = installed_tools()
    for group in _together(made, PROFILE.most_tools - len(tools)):
        needs = {name for family, _ in group for name in family.needs}
        view = _view(dice, kind, tools, needs, [tool for _, task in group for tool in task.tools])
        for family, task in group:
            goal = phrased(dice.choice(split.texts(family, task.variant, test=False)), task.slots, dice)
            yield Drawn(family.name, task, goal, view)


def _kind(dice: Dice) -> str:
    return dice.choices(("plain", "some", "renamed"), (0.5, 0.25, 0.25))[0]


async def write_by_hand(
    file: Path, among: Iterable[World], seed: int, most: int = MOST_CHARACTERS, wordings: int | None = None
) -> None:
    """Write what comes of the worlds that may be trained on.

    Args:
        file: where to.
        among: the worlds.
        seed: of the order, the tools that are offered, and the choice of wordings.
        most: characters of a row; longer ones are left out.
        wordings: of each goal; all of them when not given.
    """
    (await _recorded(drawn_by_hand(among, seed, wordings), most)).save(file)


def drawn_by_hand(among: Iterable[World], seed: int, wordings: int | None = None) -> Iterator[Drawn]:
    """The goals of the worlds that may be trained on, in some order, so many of them under one view.

    Args:
        among: the worlds.
        seed: of the order, the tools that are offered, and the choice of wordings.
        wordings: of each goal; all of them when not given.
    """
    dice, split = Dice(f"by hand {seed}"), load_split()
    goals = [goal for world in among if split.trains_on(world) for goal in world.goals]
    said = [(goal, text) for goal in goals for text in dice.sample(goal.says, len(goal.says))[:wordings]]
    dice.shuffle(said)
    tools = installed_tools()
    for at in range(0, len(said), VIEW_SIZE):
        batch = said[at : at + VIEW_SIZE]
        view = _view(dice, _kind(dice), tools, {name for goal, _ in batch for name in goal.needs})
        for goal, text in batch:
            yield Drawn(goal.world, goal.task, text, view)


Made = tuple[Family, Task]


def _together(made: Sequence[Made], room: int) -> list[list[Made]]:
    """Tasks that can share a list of tools: those without tools of their own, and others by need.

    Args:
        made: To be told apart.
        room: How many tools of their own a group may have: of more than fit, the loop hides some.
    """
    groups: list[list[Made]] = [[each for each in made if not each[1].tools]]
    for each in made:
        names = {tool.name for tool in each[1].tools}
        if names:
            if (group := next((g for g in groups[1:] if _fits(names, g, room)), None)) is not None:
                group.append(each)
            else:
                groups.append([each])
    return [group for group in groups if group]


def _fits(names: set[str], group: Sequence[Made], room: int) -> bool:
    """Whether a task with tools of these names can join: two tools of one name know different things."""
    theirs = {tool.name for _, task in group for tool in task.tools}
    return len(group) < 4 and not names & theirs and len(names | theirs) <= room


def _view(
    dice: Dice, kind: str, tools: Mapping[str, Tool], needs: Collection[str], own: Sequence[Tool] = ()
) -> View:
    if kind == "plain":
        return plain_view(tools, own)
    return some_view(dice, tools, sorted(needs), own, rename=kind == "renamed")


def _size(row: Row) -> int:
    return sum(len(turn["content"]) for turn in row.turns)


def _line(family: str, row: Row) -> str:
    content = {"family": family, "turns": row.turns, "learn": row.learn}
    return json.dumps(content, ensure_ascii=False) + "\n"
