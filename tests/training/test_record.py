"""An episode really happened: the prompts are the loop's own and every check was run."""

import pytest
from episodes.checks import leaves, says_absent
from episodes.dice import Dice
from episodes.families import FAMILIES
from episodes.phrasing import phrased
from episodes.record import PolicyFault, PolicyModel, record
from episodes.task import Task, call
from episodes.views import plain_view, some_view
from llguidance import LLMatcher, LLTokenizer, grammar_from

from agentkit.assembly import Surroundings, run_goal
from agentkit.journal.memory import MemoryLog
from agentkit.models.dialects import DIALECTS
from agentkit.models.embedded import MANNERS
from agentkit.settings import load_settings
from agentkit.tooling.discovery import installed_tools

TOOLS = installed_tools()
BYTES = LLTokenizer("byte")


def admits(tools, text: str) -> bool:
    """Whether the grammar that the model is held to lets it write exactly this."""
    matcher = LLMatcher(BYTES, grammar_from("lark", DIALECTS[MANNERS["smollm2"].dialect].grammar(tools)))
    ids = BYTES.tokenize_str(text)
    return matcher.consume_tokens(ids) and matcher.is_accepting()


PLAIN = plain_view(TOOLS)


def copying(target="b.txt"):
    def policy():
        seen = yield call("read_file", path="a.txt")
        yield call("write_file", path=target, content=seen.text)
        return f"{target} holds it."

    return policy


def task(policy, check, files=None) -> Task:
    return Task({}, files or {"a.txt": "wer"}, policy, check)


async def test_the_result_a_policy_sees_is_the_tools_own() -> None:
    episode = await record("Copy a.txt to b.txt", task(copying(), leaves({"b.txt": "wer"})), PLAIN)
    assert episode.reached
    (row,) = episode.rows
    assert [turn["content"] for turn in row.turns[2:4]] == ["read_file\npath: a.txt", "Result: wer"]
    assert row.learn == (2, 4, 6)


async def test_an_episode_that_fails_its_check_says_so() -> None:
    episode = await record("Copy a.txt to c.txt", task(copying(), leaves({"c.txt": "wer"})), PLAIN)
    assert not episode.reached


async def test_the_turns_are_those_a_local_model_is_asked_with(tmp_path) -> None:
    """Byte for byte: the dialect's turns of the requests of a run, answers included."""
    model = PolicyModel(copying()(), PLAIN)
    (tmp_path / "a.txt").write_text("wer")
    settings = load_settings({"workspace": str(tmp_path)})
    await run_goal("Copy a.txt to b.txt", settings, Surroundings(model=model, log=MemoryLog(), tools=TOOLS))
    episode = await record("Copy a.txt to b.txt", task(copying(), leaves({"b.txt": "wer"})), PLAIN)
    dialect = DIALECTS[MANNERS["smollm2"].dialect]
    (row,) = episode.rows
    for place, (request, message) in zip(row.learn, model.asked, strict=True):
        assert list(row.turns[:place]) == dialect.turns(request.messages, request.tools)
        assert dialect.read(row.turns[place]["content"], 1, request.tools).text == message.text


async def test_a_policy_cannot_name_what_is_not_there() -> None:
    def policy():
        yield call("read_file", path="missing.txt")
        return ""

    with pytest.raises(PolicyFault, match="cannot be chosen"):
        await record("Read it", task(policy, says_absent()), PLAIN)


async def test_renamed_tools_do_the_same() -> None:
    for seed in range(20):
        view = some_view(Dice(seed), TOOLS, ("read_file", "write_file"), rename=True)
        episode = await record("Copy a.txt to b.txt", task(copying(), leaves({"b.txt": "wer"})), view)
        assert episode.reached
    assert any(
        "read_file" not in some_view(Dice(n), TOOLS, ("read_file",), rename=True).tools for n in range(9)
    )


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
async def test_the_policy_of_a_family_passes_its_own_check(family) -> None:
    dice = Dice(f"test {family.name}")
    made = family.make(dice)
    goal = phrased(dice.choice(family.phrasings[made.variant]), made.slots, dice)
    episode = await record(goal, made, plain_view(TOOLS, made.tools))
    assert episode.reached, (goal, episode.answer)
    for request, message in episode.asked:
        (turn,) = DIALECTS[MANNERS["smollm2"].dialect].turns([message], request.tools)[-1:]
        assert admits(request.tools, turn["content"])
    assert all(turn["role"] in ("system", "user", "assistant") for row in episode.rows for turn in row.turns)
