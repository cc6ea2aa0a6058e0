"""What holds for each chain: its answer streams through it, and a cancelled one takes its children along."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit.chains import (
    ReadOnlyDatabase,
    api_call,
    conversational,
    extraction_of_all,
    llm_chain,
    map_documents,
    question_answering,
    route_by_embedding,
    route_by_model,
    route_by_rule,
    self_consistency,
    sequential,
    sql_question_answering,
    summarise,
)
from agentkit.chains.openapi.calling import Reach
from agentkit.chains.words import ModelStep
from agentkit.core.messages import AssistantMessage, UserMessage
from agentkit.core.runnable import Lambda, Parallel, Runnable

from .doubles import Answering, Held, Letters, Passages
from .servers import serving

LONG = "\n\n".join(f"Paragraph {number} says a few words about boats." for number in range(12))


class Boat(BaseModel):
    name: str


@dataclass
class Case:
    """A chain of a model, what it is asked, and what its model answers when it is not the last."""

    chain: Runnable[Any, Any]
    given: Any
    last: str = ""
    """In the question whose answer is the chain's."""


def say(asked: str) -> str:
    """An answer that does for every question before the last."""
    if "SELECT statement" in asked:
        return "SELECT 1"
    if "You sort questions" in asked or "which operation" in asked:
        return '{"name": "boats"}'
    if "List every" in asked:
        return json.dumps({"all_of_them": [{"name": asked.split("Paragraph ")[1][:1]}]})
    return "two words"


Build = Callable[[ModelStep, Path, str], Case]


def _sequential(model: ModelStep, place: Path, url: str) -> Case:
    chain = sequential(outline=llm_chain("Outline {what}", model), text=llm_chain("Write {outline}", model))
    return Case(chain, {"what": "boats"}, "Write")


def _database(place: Path) -> ReadOnlyDatabase:
    with closing(sqlite3.connect(place / "a.db")) as made:
        made.execute("CREATE TABLE IF NOT EXISTS boats (name)")
    return ReadOnlyDatabase(place / "a.db")


def _api(model: ModelStep, place: Path, url: str) -> Case:
    described = json.dumps(
        {"openapi": "3.1.0", "paths": {"/hold": {"get": {"operationId": "boats", "responses": {}}}}}
    )
    port = int(url.rsplit(":", 1)[1])
    reach = Reach(ports=(port,), is_open=lambda _: True)
    return Case(
        api_call(model, described, hosts=["127.0.0.1"], server=url, reach=reach), "Which?", "came back"
    )


CASES: dict[str, Build] = {
    "llm_chain": lambda model, _, __: Case(llm_chain("Write {what}", model), {"what": "boats"}),
    "sequential": _sequential,
    "parallel": lambda model, _, __: Case(Parallel({"a": model, "b": model}), "boats"),
    "route_by_rule": lambda model, _, __: Case(route_by_rule(lambda _: "a", {"a": model}), "boats"),
    "route_by_model": lambda model, _, __: Case(
        route_by_model(model, {"boats": ("boats", Lambda(lambda q: f"Then {q}") | model)}), "Which?", "Then"
    ),
    "route_by_embedding": lambda model, _, __: Case(
        route_by_embedding(Letters(), {"boats": (["a boat"], model)}), "Which boat?"
    ),
    "summarise stuff": lambda model, _, __: Case(summarise(model, how="stuff"), LONG),
    "summarise map_reduce": lambda model, _, __: Case(
        summarise(model, how="map_reduce", room=60), LONG, "Summaries of the parts"
    ),
    "summarise refine": lambda model, _, __: Case(
        summarise(model, how="refine", room=60), LONG, "Paragraph 11"
    ),
    "answer stuff": lambda model, _, __: Case(question_answering(model, Passages("One", "Two")), "Which?"),
    "answer map_reduce": lambda model, _, __: Case(
        question_answering(model, Passages("One", "Two"), how="map_reduce"), "Which?", "Passages:"
    ),
    "answer refine": lambda model, _, __: Case(
        question_answering(model, Passages("One", "Two"), how="refine"), "Which?", "One more passage"
    ),
    "conversational": lambda model, _, __: Case(
        conversational(model, question_answering(model, Passages("One"))),
        {"question": "And it?", "history": [UserMessage("Which boat?"), AssistantMessage("The red one.")]},
        "Passages:",
    ),
    "sql": lambda model, place, _: Case(
        sql_question_answering(model, _database(place)), "How many?", "What it found"
    ),
    "api": _api,
}


@pytest.mark.parametrize("name", CASES)
async def test_the_first_word_passes_before_the_last_is_made(name: str, tmp_path: Path) -> None:
    model = Answering(say)
    with serving({"/hold": (200, "{}")}) as url:
        case = CASES[name](model, tmp_path, url)
        async with aclosing(case.chain.astream(case.given)) as pieces:
            async for piece in pieces:
                if "two" in str(piece):
                    break
            else:
                pytest.fail("no word came")
            # nothing was released so far: what came, came while the rest is still to be made
            assert not model.rest.is_set()
            model.rest.set()
            assert "words" in "".join([str(piece) async for piece in pieces])


@pytest.mark.parametrize("name", CASES)
async def test_what_is_streamed_comes_to_what_is_invoked(name: str, tmp_path: Path) -> None:
    model = Answering(say)
    model.rest.set()
    with serving({"/hold": (200, "{}")}) as url:
        case = CASES[name](model, tmp_path, url)
        answer = await case.chain.ainvoke(case.given)
        pieces = [piece async for piece in case.chain.astream(case.given)]
    assert len(pieces) > 1
    whole: Any = "" if isinstance(answer, str) else {}
    for piece in pieces:
        if isinstance(piece, str):
            whole += piece
        else:
            for key, part in piece.items():
                whole[key] = whole[key] + part if key in whole else part
    assert whole == answer


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("name", CASES)
async def test_a_cancelled_chain_leaves_nothing_running(
    name: str, first: bool, streamed: bool, tmp_path: Path
) -> None:
    with serving({"/hold": (200, "{}")}) as url:
        case = CASES[name](model := Held(say, lambda _: True), tmp_path, url)
        if not first and case.last:
            case = CASES[name](model := Held(say, lambda asked: case.last in asked), tmp_path, url)

        async def read() -> None:
            async with aclosing(case.chain.astream(case.given)) as pieces:
                async for _ in pieces:
                    pass

        task = asyncio.create_task(read() if streamed else _invoked(case))
        await asyncio.wait_for(model.begun.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert model.inside == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _invoked(case: Case) -> None:
    await case.chain.ainvoke(case.given)


async def test_lists_stream_item_by_item() -> None:
    model = Answering(say)
    model.rest.set()
    several = extraction_of_all(model, Boat, room=60)
    pieces = [piece async for piece in several.astream(LONG)]
    assert len(pieces) > 1
    assert [boat for piece in pieces for boat in piece] == await several.ainvoke(LONG)
    held = Held(say, lambda asked: asked == "b")
    async with aclosing(map_documents(held).astream(["a", "b"])) as answers:
        assert await anext(answers) == ["two words"]
    assert held.inside == 0
    vote = self_consistency(lambda seed: model, 5)
    assert [len(piece.get("samples", ())) for piece in vote.stream("a")] == [1, 1, 1, 0]
