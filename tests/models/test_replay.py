"""A recorded run as a model: the same answers to the same requests, and the first difference said."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.assembly import Surroundings, make_model_of, resume_run, run_goal
from agentkit.core.errors import ContextOverflow, ReplayDiffers, RunNotFound, UnknownModel, UsageError
from agentkit.core.events import (
    Compacted,
    Ending,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    PromptUsed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.profile import ModelProfile
from agentkit.core.protocols import Answer, ModelRequest
from agentkit.core.recording import Asked, Recording
from agentkit.core.request_digest import RequestDigest
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Limits, Usage
from agentkit.journal.store import Journal
from agentkit.models.differences import difference
from agentkit.models.registry import ModelOptions, make_model
from agentkit.models.replay import ReplayModel
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings

SCRIPT = [
    ToolCall("c1", "read_file", {"path": "port.txt"}),
    ToolCall("c2", "write_file", {"path": "copy.txt", "content": "80\n"}),
    "The port is 80.",
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "port.txt").write_text("80\n")
    return tmp_path


def chosen(place: Path, folder: str, **more: Any) -> Any:
    return load_settings(
        {"workspace": str(place / folder), "journal": str(place / "journal.db"), **more}, {"HOME": str(place)}
    )


async def recorded(place: Path, model: Any = None, **more: Any) -> str:
    """The name of a run in the first folder."""
    around = Surroundings(model=model or ScriptedModel(SCRIPT))
    return (await run_goal("copy the port", chosen(place, "first", **more), around)).run_id


def events(place: Path, run_id: str) -> list[Any]:
    with Journal.open(place / "journal.db") as journal:
        return [one.event for one in journal.events(run_id)]


async def test_a_replayed_run_goes_as_the_run_went_and_asks_nobody(place: Path) -> None:
    run_id = await recorded(place)
    again = await run_goal("copy the port", chosen(place, "second", model=f"replay:{run_id[:-2]}"))
    assert (again.ended.ending, again.ended.result) == (Ending.FINISHED, "The port is 80.")
    assert (place / "second/copy.txt").read_text() == "80\n"
    then, now = events(place, run_id), events(place, again.run_id)
    for kind in (ModelAnswered, ModelAsked):
        pairs = zip(
            [one for one in then if isinstance(one, kind)],
            [one for one in now if isinstance(one, kind)],
            strict=True,
        )
        for before, after in pairs:
            assert {**vars_of(before), "seconds": 0} == {**vars_of(after), "seconds": 0}
    assert now[0].model == f"replay:{run_id}"


def vars_of(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


async def test_the_first_difference_is_said_with_both_sides(place: Path) -> None:
    run_id = await recorded(place)
    (place / "second/port.txt").write_text("81\n")
    again = await run_goal("copy the port", chosen(place, "second", model=f"replay:{run_id}"))
    assert again.ended.ending is Ending.MODEL_FAILED
    assert again.ended.result.startswith(
        f"request 2 is not that of run {run_id}: message 4 (tool) differs; expected"
    )
    assert "80" in again.ended.result.split("found")[0]
    assert "81" in again.ended.result.split("found")[1]
    failed = next(one for one in events(place, again.run_id) if isinstance(one, ModelFailed))
    assert failed.error == "ReplayDiffers"


async def test_another_goal_differs_at_once(place: Path) -> None:
    run_id = await recorded(place)
    again = await run_goal("move the port", chosen(place, "second", model=f"replay:{run_id}"))
    assert "request 1" in again.ended.result
    assert "expected" in again.ended.result
    assert "copy the port" in again.ended.result


async def test_other_tools_differ(place: Path) -> None:
    run_id = await recorded(place)
    settings = chosen(place, "second", model=f"replay:{run_id}", deny=["run_shell"])
    again = await run_goal("copy the port", settings)
    assert again.ended.result.endswith(
        "the conversation is the same, and the tools that can be called now are not"
    )


async def test_another_budget_or_temperature_makes_no_other_request(place: Path) -> None:
    run_id = await recorded(place)
    settings = chosen(
        place, "second", model=f"replay:{run_id}", max_tokens=10**9, max_steps=9, temperature=1.0, seed=3
    )
    assert (await run_goal("copy the port", settings)).ended.ending is Ending.FINISHED


async def test_a_replay_that_was_stopped_goes_on_where_it_was(place: Path) -> None:
    run_id = await recorded(place)
    cut = await run_goal("copy the port", chosen(place, "second", model=f"replay:{run_id}", max_steps=1))
    assert cut.ended.ending is Ending.BUDGET
    again = await resume_run(cut.run_id, chosen(place, "second", max_steps=9))
    assert again.ended.result == "The port is 80."


async def test_what_was_cut_for_the_window_then_is_cut_again(place: Path) -> None:
    long = "x" * 3000 + "\n"
    reads = [ToolCall(f"c{n}", "read_file", {"path": "port.txt", "first_line": n}) for n in range(1, 7)]
    for folder in ("first", "second"):
        (place / folder / "port.txt").write_text(long * 8)
    model = ScriptedModel([*reads, "done"], profile=ModelProfile(9000, max_output_tokens=500))
    run_id = await recorded(place, model)
    assert any("read_output shows" in message.text for message in model.requests[-1].messages)
    again = await run_goal("copy the port", chosen(place, "second", model=f"replay:{run_id}"))
    assert again.ended.result == "done"
    assert compactions(place, again.run_id) == compactions(place, run_id) != []


async def test_a_request_that_was_too_long_then_is_made_shorter_again(place: Path) -> None:
    for folder in ("first", "second"):
        (place / folder / "port.txt").write_text("x" * 7000 + "\n")
    reads = [ToolCall(f"c{n}", "read_file", {"path": "port.txt"}) for n in range(1, 6)]
    model = ScriptedModel([*reads, ContextOverflow("too long"), "done"], profile=ModelProfile(50_000))
    run_id = await recorded(place, model)
    again = await run_goal("copy the port", chosen(place, "second", model=f"replay:{run_id}"))
    assert again.ended.result == "done"
    assert compactions(place, again.run_id) == compactions(place, run_id) != []


def compactions(place: Path, run_id: str) -> list[Compacted]:
    return [one for one in events(place, run_id) if isinstance(one, Compacted)]


async def test_a_secret_that_was_not_written_down_is_no_difference(place: Path) -> None:
    key = "sk-proj-" + "a1B2" * 12
    for folder in ("first", "second"):
        (place / folder / "port.txt").write_text(f"key = {key}\n")
    run_id = await recorded(place)
    assert key not in str(events(place, run_id))
    again = await run_goal("copy the port", chosen(place, "second", model=f"replay:{run_id}"))
    assert again.ended.ending is Ending.FINISHED


# the model alone

PROFILE = ModelProfile(1000)
OPENING = (SystemMessage("You work."), UserMessage("do it"))
LOOK = ToolSpec("look", "Look.", {"type": "object", "properties": {}})
CALLED = AssistantMessage(calls=(ToolCall("c", "look", {}),))
SEEN = ToolMessage("c", "look", "nothing")


def asked(messages: Any, outcome: Any, tools: Any = (LOOK,)) -> Asked:
    digest = RequestDigest().of(messages, tools, must_call=False)
    return Asked(digest, 1100, tuple(messages), outcome)


FIRST = asked(OPENING, ModelAnswered(1, CALLED, Usage(3, 2), 0.5, "calls"))
SECOND = asked((*OPENING, CALLED, SEEN), ModelAnswered(2, AssistantMessage("done"), Usage(5, 1), 0.5))
FAILED = asked(OPENING, ModelFailed(1, "ProviderDown", "the disk is on fire"))


async def said(model: ReplayModel, *messages: Any, tools: Any = (LOOK,)) -> Answer:
    return [piece async for piece in model.stream(ModelRequest(tuple(messages), tools))][-1]


def replaying(*asked_: Asked) -> ReplayModel:
    return ReplayModel(Recording("run-1", PROFILE, asked_))


async def test_answers_come_with_their_usage_and_in_order() -> None:
    model = replaying(FIRST, SECOND)
    assert (model.name, model.profile) == ("replay:run-1", PROFILE)
    assert await said(model, *OPENING) == Answer(CALLED, Usage(3, 2), "calls")
    assert (await said(model, *OPENING, CALLED, SEEN)).message.text == "done"
    with pytest.raises(ReplayDiffers, match="holds 2 answers, and this is request 3"):
        await said(model, *OPENING)


async def test_a_request_may_not_come_before_its_time() -> None:
    model = replaying(FIRST, SECOND)
    await said(model, *OPENING)
    with pytest.raises(ReplayDiffers, match=r"request 2 .* message 3 \(assistant\) is missing"):
        await said(model, *OPENING)


async def test_a_new_process_begins_where_the_conversation_stands() -> None:
    assert (await said(replaying(FIRST, SECOND), *OPENING, CALLED, SEEN)).message.text == "done"


async def test_a_fault_is_played_unless_the_run_was_answered_later() -> None:
    with pytest.raises(Exception, match="the disk is on fire") as caught:
        await said(replaying(FAILED), *OPENING)
    assert type(caught.value).__name__ == "ProviderDown"
    assert (await said(replaying(FAILED, FIRST), *OPENING)).message == CALLED


async def test_without_a_digest_the_conversation_is_compared() -> None:
    old = Asked("", 0, OPENING, FIRST.outcome)
    assert (await said(replaying(old), *OPENING, tools=())).message == CALLED
    with pytest.raises(ReplayDiffers, match=r"message 2 \(user\) differs; expected 'do it', found 'do this'"):
        await said(replaying(old), OPENING[0], UserMessage("do this"))


async def test_what_the_journal_hides_cannot_differ() -> None:
    hidden = (OPENING[0], UserMessage("use [secret:KEY]"))
    old = Asked(
        RequestDigest().of((OPENING[0], UserMessage("use sk-1")), (LOOK,), must_call=False),
        0,
        hidden,
        FIRST.outcome,
    )
    assert (await said(replaying(old), *hidden)).message == CALLED
    with pytest.raises(ReplayDiffers, match="tools that can be called now"):
        await said(replaying(old), *hidden, tools=())


def test_a_run_that_is_not_there_or_cannot_be_replayed_is_said(place: Path) -> None:
    with pytest.raises(UnknownModel, match="needs a journal"):
        make_model("replay:x", ModelOptions())
    with Journal.open(place / "journal.db") as journal, journal.start() as log:
        log.append(RunStarted("g", "m", "w", "auto", Limits(), PromptUsed("p", "1", "d"), ()))
        run_id = log.run_id
    with pytest.raises(UsageError, match="never asked, or never answered"):
        make_model_of(chosen(place, "first", model=f"replay:{run_id}"))
    with pytest.raises(RunNotFound):
        make_model_of(chosen(place, "first", model="replay:nothing"))


# digests and differences


@given(st.lists(st.text(max_size=5), max_size=8), st.integers(0, 8))
def test_a_digest_is_the_same_whether_it_grew_or_was_made_at_once(texts: list[str], split: int) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    messages = [UserMessage(text) for text in texts]
    growing = RequestDigest()
    growing.of(messages[:split], (), must_call=False)
    assert growing.of(messages, (), must_call=False) == RequestDigest().of(messages, (), must_call=False)


def test_a_digest_tells_conversations_and_tools_apart() -> None:
    digest = RequestDigest()
    seen = {
        digest.of(messages, tools, must_call=must)
        for messages in (OPENING, (*OPENING, CALLED), (OPENING[1],), ())
        for tools in ((), (LOOK,))
        for must in (True, False)
    }
    assert len(seen) == 16


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        (OPENING, OPENING, ""),
        (OPENING, OPENING[:1], "message 2 (user) is missing; expected 'do it'"),
        (OPENING[:1], OPENING, "message 2 (user) is one too many; found 'do it'"),
        (
            [UserMessage("x" * 200 + "80")],
            [UserMessage("x" * 200 + "81")],
            f"message 1 (user) differs; expected '…{'x' * 23}80', found '…{'x' * 23}81'",
        ),
    ],
)
def test_where_two_conversations_part_is_said(expected: Any, found: Any, words: str) -> None:
    assert difference(expected, found) == words


def test_a_call_that_differs_is_shown_in_its_arguments() -> None:
    other = AssistantMessage(calls=(ToolCall("c", "look", {"deep": True}),))
    assert '{"deep":true}' in json.dumps(difference([CALLED], [other])).replace("\\", "")
