"""What is written by hand is done by the calls that stand there, and judged by more than these."""

import json
from pathlib import Path

import pytest
from cases import by_hand
from episodes.by_hand import FOLDER, WorldFault, worlds
from episodes.record import record
from episodes.split import load_split
from episodes.views import plain_view
from episodes.write import write_by_hand

from agentkit.tooling.discovery import installed_tools

WORLDS = tuple(worlds())
SPLIT = load_split()
SOME = [world for world in WORLDS if not SPLIT.trains_on(world)][::8]

WORLD = """
[files]
"milk.txt" = '''
monday  two bottles
tuesday one bottle
'''
"old.txt" = "nobody asks for this"

[[goals]]
say = ["how many on tuesday?"]
do = ['read_file(path="milk.txt")']
answer = "One bottle on Tuesday."
says = ["one"]
never = ["two"]

[[goals]]
say = ["wednesday: none"]
do = ['append_file(path="milk.txt", content="wednesday none")', 'delete_file(path="old.txt")']
answer = "Wednesday has none."
changed = { "milk.txt" = ["+wednesday none"] }
"""


def written(folder: Path, text: str) -> Path:
    (folder / "milk.toml").write_text(text, encoding="utf-8")
    return folder


def test_every_world_is_placed() -> None:
    content = json.loads(FOLDER.with_name("split.json").read_text(encoding="utf-8"))
    placed = content["held_worlds"] + content["trained_worlds"]
    assert sorted(placed) == [world.name for world in WORLDS]
    assert len(WORLDS) // 6 <= len(content["held_worlds"]) <= len(WORLDS) // 4


@pytest.mark.parametrize("world", SOME, ids=lambda world: world.name)
async def test_a_world_is_done_by_its_own_calls(world) -> None:
    view = plain_view(installed_tools())
    for goal in world.goals:
        episode = await record(goal.says[0], goal.task, view)
        assert episode.reached, (goal.number, goal.says[0], episode.answer)


async def test_an_outcome_is_judged_by_every_line_and_every_other_file(tmp_path: Path) -> None:
    (world,) = worlds(written(tmp_path, WORLD))
    question, change = world.goals
    view = plain_view(installed_tools())
    assert (await record("how many?", question.task, view)).reached
    assert not (await record("wednesday", change.task, view)).reached  # it also deletes what nobody asked for
    (world,) = worlds(written(tmp_path, WORLD + 'gone = ["old.txt"]\n'))
    assert (await record("wednesday", world.goals[1].task, view)).reached
    (world,) = worlds(written(tmp_path, WORLD.replace('"+wednesday none"', '"+wednesday one"')))
    assert not (await record("wednesday", world.goals[1].task, view)).reached
    (world,) = worlds(written(tmp_path, WORLD.replace('"One bottle on', '"Two or one bottle on')))
    assert not (await record("how many?", world.goals[0].task, view)).reached


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("says =", "sais =", "goal 1 has .'sais'.; known are"),
        ('read_file(path="milk.txt")', 'read_file("milk.txt")', "goal 1: .* is no call with named arguments"),
        ('read_file(path="milk.txt")', "read_file(path=here)", "goal 1: .*malformed node"),
        ('"+wednesday none"', '"-thursday"', "milk.txt has no line 'thursday' that could go"),
        ('"+wednesday none"', '"thursday"', "begins neither with"),
        ("[files]", "[filed]", "'files'"),
        ("[files]", "[files", "milk.toml: "),
    ],
)
def test_a_fault_of_the_writer_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(WorldFault, match=told):
        list(worlds(written(tmp_path, WORLD.replace(old, new, 1))))


def test_the_test_has_the_held_out_worlds_only() -> None:
    names = {case.id.rpartition("-")[0] for case in by_hand().cases}
    assert names == SPLIT.held_worlds


async def test_written_are_the_worlds_that_may_be_trained_on(tmp_path: Path) -> None:
    some = [world for world in WORLDS if SPLIT.trains_on(world)][:2]
    file = tmp_path / "train.jsonl"

    async def told(wordings: int | None) -> tuple[set[str], str]:
        await write_by_hand(file, [*some, *SOME[:1]], 1, wordings=wordings)
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return {row["family"] for row in rows}, "\n".join(
            turn["content"] for r in rows for turn in r["turns"]
        )

    names, everything = await told(None)
    assert names == {world.name for world in some}
    goals = [goal for world in some for goal in world.goals]
    assert all(text in everything for goal in goals for text in goal.says)
    _, once = await told(1)
    assert all(sum(text in once for text in goal.says) == 1 for goal in goals)
