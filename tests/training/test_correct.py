"""A student's mistakes happen, and only what the policy does about them is learnt."""

import json
from collections import Counter

import pytest
from episodes.by_hand import worlds
from episodes.checks import leaves
from episodes.correct import CorrectedModel, drawn_of_families, write_corrected
from episodes.record import PROFILE, Episode, PolicyFault, record
from episodes.split import load_split
from episodes.task import Task, call
from episodes.views import plain_view
from episodes.write import drawn_by_hand

from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.protocols import Answer
from agentkit.models.scripted import ScriptedModel
from agentkit.tooling.discovery import installed_tools

PLAIN = plain_view(installed_tools())


def policy():
    seen = yield call("read_file", path="a.txt")
    yield call("write_file", path="b.txt", content=seen.text)
    return "b.txt holds it."


TASK = Task({}, {"a.txt": "wer", "c.txt": "was"}, policy, leaves({"b.txt": "wer"}))
READS = ToolCall("call_1", "read_file", {"path": "a.txt"})
READS_ANOTHER = ToolCall("call_1", "read_file", {"path": "c.txt"})
WRITES = ToolCall("call_1", "write_file", {"path": "b.txt", "content": "wer"})
SPOILS = ToolCall("call_1", "delete_file", {"path": "c.txt"})
DONE = "It is done."


async def corrected(*script) -> tuple[CorrectedModel, Episode]:
    model = CorrectedModel(policy(), PLAIN, student=ScriptedModel(script))
    return model, await record("Copy a.txt to b.txt", TASK, PLAIN, model)


def said(episode: Episode) -> list[str]:
    (row,) = episode.rows
    return [row.turns[place]["content"].splitlines()[0] for place in row.learn]


async def test_a_student_that_does_as_the_policy_has_nothing_to_correct() -> None:
    model, episode = await corrected(READS, WRITES, DONE)
    assert (model.differed, episode.reached, episode.steps) == (False, True, 3)


async def test_a_mistake_happens_and_is_not_learnt() -> None:
    model, episode = await corrected(READS_ANOTHER, READS, WRITES, DONE)
    assert (model.differed, episode.reached, episode.steps) == (True, True, 4)
    (row,) = episode.rows
    assert [turn["content"].splitlines()[-1] for turn in row.turns[2:5]] == [
        "path: c.txt", "Result: was", "path: a.txt",
    ]  # fmt: skip
    assert row.learn == (4, 6, 8)


async def test_the_policy_does_what_a_student_leaves_out() -> None:
    model, episode = await corrected(DONE, DONE, DONE)
    assert (model.differed, episode.reached) == (True, True)
    assert said(episode) == ["read_file", "write_file", "answer: b.txt holds it."]


async def test_after_two_mistakes_the_policy_is_alone() -> None:
    _, episode = await corrected(*[READS_ANOTHER] * 5)
    assert episode.reached
    assert episode.steps == 5
    assert said(episode) == ["read_file", "write_file", "answer: b.txt holds it."]


async def test_what_a_mistake_spoils_is_left_out() -> None:
    _, episode = await corrected(SPOILS, READS, WRITES, DONE)
    assert not episode.reached


async def test_a_call_that_the_student_was_right_to_make_is_not_learnt_to_fail() -> None:
    def edits():
        yield call("read_file", path="a.txt")
        yield call("edit_file", path="a.txt", old="wer", new="wie")
        return "a.txt says wie."

    task = Task({}, {"a.txt": "wer"}, edits, leaves({"a.txt": "wie"}))
    early = ToolCall("call_1", "edit_file", {"path": "a.txt", "old": "wer", "new": "wie"})
    model = CorrectedModel(edits(), PLAIN, student=ScriptedModel([early, DONE, DONE, DONE]))
    with pytest.raises(PolicyFault, match="its own call failed after a mistake"):
        await record("Say wie in a.txt", task, PLAIN, model)


async def test_only_corrected_episodes_are_written(tmp_path, capsys) -> None:
    silent = ScriptedModel([DONE] * 400)
    await write_corrected(tmp_path / "corrected.jsonl", silent, drawn_of_families(18, seed=1))
    rows = [json.loads(line) for line in (tmp_path / "corrected.jsonl").read_text().splitlines()]
    right = int(capsys.readouterr().out.split(" of 18 episodes had nothing to correct")[0])
    assert 0 < 18 - right <= len(rows)  # those that take no call are right
    assert all(row["turns"][place]["role"] == "assistant" for row in rows for place in row["learn"])


async def test_goals_written_by_hand_are_corrected_too(tmp_path) -> None:
    trained = [world for world in worlds() if load_split().trains_on(world)][:2]
    tasks = list(drawn_by_hand(trained, seed=1, wordings=1))
    assert Counter(each.source for each in tasks) == {world.name: len(world.goals) for world in trained}
    await write_corrected(tmp_path / "corrected.jsonl", ScriptedModel([DONE] * 400), tasks)
    rows = [json.loads(line) for line in (tmp_path / "corrected.jsonl").read_text().splitlines()]
    assert {row["family"] for row in rows} == {world.name for world in trained}
    sizes = sorted(sum(len(turn["content"]) for turn in row["turns"]) for row in rows)
    await write_corrected(tmp_path / "some.jsonl", ScriptedModel([DONE] * 400), tasks, most=sizes[2])
    assert len((tmp_path / "some.jsonl").read_text().splitlines()) == sum(size <= sizes[2] for size in sizes)


async def test_a_policy_that_a_mistake_leaves_without_a_next_step_ends_its_episode_alone(
    tmp_path, capsys
) -> None:
    class Vandal:
        """Deletes the first file that it may name, where it may."""

        name, profile = "vandal", PROFILE

        def estimate(self, request) -> int:
            return 1

        async def stream(self, request):
            deletes = (
                tool for tool in request.tools if tool.name == "delete_file" and tool.choices.get("path")
            )
            calls = (ToolCall("call_1", tool.name, {"path": tool.choices["path"][0]}) for tool in deletes)
            call = next(calls, None)
            yield Answer(AssistantMessage(DONE if call is None else "", () if call is None else (call,)))

        async def aclose(self) -> None:
            pass

    await write_corrected(tmp_path / "corrected.jsonl", Vandal(), drawn_of_families(48, seed=1))
    assert "left out" in capsys.readouterr().out
    assert (tmp_path / "corrected.jsonl").read_text()


@pytest.mark.parametrize("words", ["It is done.", "Nothing was there."])
async def test_how_a_last_word_is_put_is_no_mistake(words: str) -> None:
    model, _ = await corrected(READS, WRITES, words)
    assert not model.differed
