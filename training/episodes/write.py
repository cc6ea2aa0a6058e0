"""A data set: rows of conversations for training, and the cases that test what was learnt."""

import asyncio
import json
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from agentkit.tooling.discovery import installed_tools
from episodes import families as _families  # noqa: F401 - registers them
from episodes.dice import Dice
from episodes.phrasing import phrased
from episodes.record import record
from episodes.split import load_split
from episodes.task import FAMILIES
from episodes.views import View, plain_view, some_view

VIEW_SIZE = 10
"""Episodes that share one list of tools, so that a pack can share its system turn."""


async def write(folder: Path, episodes: int, seed: int) -> None:
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
    """Some episodes under one view; those that pass their checks."""
    dice = Dice(f"train {seed} {number}")
    split = load_split()
    tools = installed_tools()
    training = [family for family in FAMILIES.values() if split.trains(family)]
    chosen = [dice.choice(training) for _ in range(VIEW_SIZE)]
    kind = dice.choices(("plain", "some", "renamed"), (0.5, 0.25, 0.25))[0]
    needs = sorted({name for family in chosen for name in family.needs})
    shared = plain_view(tools) if kind == "plain" else some_view(dice, tools, needs, rename=kind == "renamed")
    lines: list[str] = []
    reached: list[str] = []
    failed: list[str] = []
    for family in chosen:
        task = family.make(dice)
        goal = phrased(dice.choice(split.texts(family, task.variant, test=False)), task.slots, dice)
        view = shared
        if task.tools:
            view = View(
                {**shared.tools, **{tool.name: tool for tool in task.tools}}, shared.names, shared.arguments
            )
            if kind != "plain":
                view = some_view(dice, tools, family.needs, task.tools, rename=kind == "renamed")
        episode = await record(goal, task, view)
        (reached if episode.reached else failed).append(family.name)
        if episode.reached:
            for row in episode.rows:
                content = {"family": family.name, "turns": row.turns, "learn": row.learn}
                lines.append(json.dumps(content, ensure_ascii=False) + "\n")
    return lines, reached, failed
