"""A data set: rows of conversations for training, and the cases that test what was learnt."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from agentkit.tooling.discovery import installed_tools
from episodes import families as _families  # noqa: F401 - registers them
from episodes.dice import Dice
from episodes.phrasing import phrased
from episodes.record import Row, record
from episodes.split import load_split
from episodes.task import FAMILIES, Family, Task
from episodes.views import View, plain_view, some_view

VIEW_SIZE = 16
"""Episodes that share one list of tools, so that a pack can share its system turn."""


MOST_CHARACTERS = 4200
"""A longer row is left out: one would cost as much as ten, and the loop's rule is the same for all."""


def write(folder: Path, episodes: int, seed: int) -> None:
    """Write `train.jsonl`: that many episodes of the families that may be trained on."""
    folder.mkdir(parents=True, exist_ok=True)
    batches = episodes // VIEW_SIZE
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    with (
        (folder / "train.jsonl").open("w", encoding="utf-8") as file,
        ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        for lines, reached, failed in pool.map(
            _batch, ((seed, number) for number in range(batches)), chunksize=4
        ):
            file.writelines(lines)
            counts.update(reached)
            faults.update(failed)
    print(f"{counts.total()} episodes of {len(counts)} families in {folder / 'train.jsonl'}")
    for name, count in faults.most_common(12):
        print(f"  left out {count} of {name}: the policy did not pass its own check")


def _batch(which: tuple[int, int]) -> tuple[list[str], list[str], list[str]]:
    return asyncio.run(_episodes(*which))


async def _episodes(seed: int, number: int) -> tuple[list[str], list[str], list[str]]:
    """Some episodes under as few views as can be; those that pass their checks."""
    dice = Dice(f"train {seed} {number}")
    split = load_split()
    training = [family for family in FAMILIES.values() if split.trains(family)]
    chosen = [dice.choice(training) for _ in range(VIEW_SIZE)]
    made = [(family, family.make(dice)) for family in chosen]
    kind = dice.choices(("plain", "some", "renamed"), (0.5, 0.25, 0.25))[0]
    lines: list[str] = []
    reached: list[str] = []
    failed: list[str] = []
    for group in _together(made):
        view = _view(dice, kind, group)
        for family, task in group:
            goal = phrased(dice.choice(split.texts(family, task.variant, test=False)), task.slots, dice)
            episode = await record(goal, task, view)
            (reached if episode.reached else failed).append(family.name)
            if episode.reached:
                lines += [_line(family, row) for row in episode.rows if _size(row) <= MOST_CHARACTERS]
    return lines, reached, failed


Made = tuple[Family, Task]


def _together(made: Sequence[Made]) -> list[list[Made]]:
    """Tasks that can share a list of tools: those without tools of their own, and others by need."""
    groups: list[list[Made]] = [[each for each in made if not each[1].tools]]
    for each in made:
        names = {tool.name for tool in each[1].tools}
        if names:
            # two tools of one name know different things
            fits = (
                group
                for group in groups[1:]
                if not names & {tool.name for _, task in group for tool in task.tools} and len(group) < 4
            )
            if (group := next(fits, None)) is not None:
                group.append(each)
            else:
                groups.append([each])
    return [group for group in groups if group]


def _view(dice: Dice, kind: str, group: Sequence[Made]) -> View:
    tools = installed_tools()
    own = [tool for _, task in group for tool in task.tools]
    if kind == "plain":
        return plain_view(tools, own)
    needs = sorted({name for family, _ in group for name in family.needs})
    return some_view(dice, tools, needs, own, rename=kind == "renamed")


def _size(row: Row) -> int:
    return sum(len(turn["content"]) for turn in row.turns)


def _line(family: Family, row: Row) -> str:
    content = {"family": family.name, "turns": row.turns, "learn": row.learn}
    return json.dumps(content, ensure_ascii=False) + "\n"
