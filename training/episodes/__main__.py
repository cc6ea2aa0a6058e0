"""`python -m episodes check [FAMILY…]` tries policies; `python -m episodes write FOLDER` makes a data set."""

import argparse
import asyncio
import sys
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from agentkit import load_model
from agentkit.tooling.discovery import installed_tools
from agentkit_local_models.catalogue import find, path_of
from agentkit_local_models.engine import Engine
from episodes.by_hand import worlds
from episodes.correct import drawn_of_families, write_corrected
from episodes.dice import Dice
from episodes.families import FAMILIES
from episodes.general import Writer, write_general
from episodes.paraphrase import said_by, write_paraphrases
from episodes.phrasing import phrased, slots_of
from episodes.record import Episode, record
from episodes.split import extend
from episodes.task import Family, Task
from episodes.views import View, plain_view, some_view
from episodes.write import MOST_CHARACTERS, drawn_by_hand, write, write_by_hand


async def check(family: Family, count: int, *, show: bool) -> list[str]:
    """What is wrong with a family: phrasings that leave a slot out, policies that fail their own check."""
    tools = installed_tools()
    wrong: list[str] = []
    for number in range(count):
        dice = Dice(f"check {family.name} {number}")
        task = family.make(dice)
        texts = family.phrasings[task.variant]
        wrong += [
            f"{text!r} leaves out {set(task.slots) - slots_of(text)}"
            for text in texts
            if slots_of(text) != set(task.slots)
        ]
        goal = phrased(dice.choice(texts), task.slots, dice)
        view = (
            plain_view(tools, task.tools),
            some_view(dice, tools, family.needs, task.tools, rename=False),
            some_view(dice, tools, family.needs, task.tools, rename=True),
        )[number % 3]
        episode, why = await _tried(goal, task, view)
        if why:
            wrong.append(f"{number}: {why}")
        if show and episode is not None and number < 3:
            for row in episode.rows:
                for turn in row.turns[1:]:
                    print(f"--- {turn['role']}\n{turn['content']}")
            print("=====")
    return list(dict.fromkeys(wrong))


async def check_worlds(names: Collection[str]) -> int:
    """Try every goal of these worlds, or of all; returns how many are not reached by their own calls."""
    view, faults = plain_view(installed_tools()), 0
    for world in worlds():
        for goal in world.goals if not names or world.name in names else ():
            _, why = await _tried(goal.says[0], goal.task, view)
            if why:
                faults += 1
                print(f"{world.name}, goal {goal.number}: {why}")
    return faults


async def _tried(goal: str, task: Task, view: View) -> tuple[Episode | None, str]:
    """What came of a task, and why that is not what was asked for; nothing where it is."""
    try:
        episode = await record(goal, task, view)
    except Exception as error:  # noqa: BLE001 - whatever a policy does wrong is what is looked for
        return None, f"{goal!r}: {type(error).__name__}: {error}"
    if episode.reached:
        return episode, ""
    told = episode.asked[-1][0].messages[-1].text
    return episode, f"{goal!r} was not reached: {episode.ending}, {episode.answer!r}, after: {told}"


async def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="episodes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check")
    checking.add_argument("families", nargs="*")
    checking.add_argument("--count", type=int, default=60)
    checking.add_argument("--show", action="store_true", help="print some of the conversations")
    writing = commands.add_parser("write")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--episodes", type=int, default=12_000)
    writing.add_argument("--seed", type=int, default=0)
    writing.add_argument("--most-characters", type=int, default=MOST_CHARACTERS, help="of a row")
    writing.add_argument("--only", default="", metavar="BEGINNING", help="of the names of families")
    trying = commands.add_parser("worlds", help="try what is written by hand")
    trying.add_argument("names", nargs="*")
    by_hand = commands.add_parser("by-hand", help="episodes of the worlds that are written by hand")
    by_hand.add_argument("file", type=Path)
    by_hand.add_argument("--seed", type=int, default=0)
    by_hand.add_argument("--most-characters", type=int, default=MOST_CHARACTERS, help="of a row")
    by_hand.add_argument("--wordings", type=int, help="of each goal; all of them when not given")
    correcting = commands.add_parser("correct", help="a model's own mistakes, corrected")
    correcting.add_argument("file", type=Path)
    correcting.add_argument("--model", default="local:smollm2", help="such as local:smollm2+FILE")
    correcting.add_argument("--episodes", type=int, default=2000)
    correcting.add_argument("--seed", type=int, default=0)
    correcting.add_argument("--most-characters", type=int, default=MOST_CHARACTERS, help="of a row")
    correcting.add_argument("--by-hand", action="store_true", help="of the worlds, not of families")
    commands.add_parser("split", help="place new families and phrasings in the split")
    general = commands.add_parser("general", help="text in the base model's own words")
    general.add_argument("file", type=Path)
    general.add_argument("--rows", type=int, default=1000)
    general.add_argument("--seed", type=int, default=0)
    paraphrasing = commands.add_parser("paraphrase", help="more phrasings, in a larger model's words")
    paraphrasing.add_argument("--each", type=int, default=6, help="for every family")
    args = parser.parse_args()
    if args.command == "paraphrase":
        write_paraphrases(said_by(Engine.load(path_of(find("qwen2.5-coder:1.5b")))), args.each)
        return 0
    if args.command == "split":
        extend()
        return 0
    if args.command == "general":
        engine = Engine.load(path_of(find("smollm2")))
        write_general(Writer.of(engine, args.seed), args.file, args.rows)
        return 0
    if args.command == "by-hand":
        await write_by_hand(args.file, worlds(), args.seed, args.most_characters, args.wordings)
        return 0
    if args.command == "worlds":
        return 1 if await check_worlds(args.names) else 0
    if args.command == "correct":
        if args.by_hand:
            tasks = list(islice(drawn_by_hand(worlds(), args.seed, wordings=1), args.episodes))
        else:
            tasks = drawn_of_families(args.episodes, args.seed)
        await write_corrected(args.file, load_model(args.model), tasks, args.most_characters)
        return 0
    if args.command == "write":
        write(args.folder, args.episodes, args.seed, args.most_characters, args.only)
        return 0
    chosen = [FAMILIES[name] for name in args.families] or list(FAMILIES.values())
    faults = 0
    for each in chosen:
        wrong = await check(each, args.count, show=args.show)
        faults += len(wrong)
        texts = sum(map(len, each.phrasings.values()))
        print(f"{'ok   ' if not wrong else 'WRONG'} {each.name} ({texts} phrasings)")
        for line in wrong[:5]:
            print(f"      {line}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
