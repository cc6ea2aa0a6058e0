"""What holds for each chain: its answer streams through it, and a cancelled one takes its children along."""

import asyncio
import inspect
import json
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from agentkit import chains
from agentkit.chains import (
    ReadOnlyDatabase,
    answering,
    api_call,
    conversational,
    extraction,
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
    tagging,
)
from agentkit.chains.openapi.calling import Reach
from agentkit.chains.words import How, ModelStep
from agentkit.core.messages import AssistantMessage, UserMessage
from agentkit.core.runnable import Lambda, Parallel, Runnable

from .doubles import Answering, Held, Letters, Passages, hit
from .servers import serving

LONG = "\n\n".join(f"Paragraph {number} says a few words about boats." for number in range(12))


class Boat(BaseModel):
    name: str


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Case:
    """A chain of a model, what it is asked, and what its model answers when it is not the last."""

    chain: Runnable[Any, Any]
    given: Any
    last: str = ""
    """In the question whose answer is the chain's, or the last part of it."""
    by_item: bool = False
    """Whether it makes several values, each of which is passed on when it is whole."""
    second: str = "words"
    """In what it makes when the rest of the model's answers is there."""


def say(asked: str) -> str:
    """An answer that does for every question before the last."""
    if "SELECT statement" in asked:
        return "SELECT 1"
    if "You sort questions" in asked or "which operation" in asked:
        return '{"name": "boats"}'
    if "List every" in asked:
        parts = asked.split("Paragraph ")[1:]
        return json.dumps({"all_of_them": [{"name": f"two {part.split()[0]}"} for part in parts]})
    if '"tag"' in asked:
        return '{"tag": "red"}'
    if '"name"' in asked:
        return '{"name": "two"}'
    return "two other words" if asked.startswith("Again 1") else "two words"


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


def _vote(model: ModelStep, place: Path, url: str) -> Case:
    def sample(seed: int) -> Runnable[str, str]:
        return Lambda(lambda asked: f"Again {seed}: {asked}") | model

    return Case(self_consistency(sample, 2), "Which?", "Again 1", by_item=True)


def _given(texts: list[str]) -> dict[str, Any]:
    return {"question": "Which?", "hits": [hit(text, number) for number, text in enumerate(texts, 1)]}


CASES: dict[str, Build] = {
    "llm_chain": lambda model, _, __: Case(llm_chain("Write {what}", model), {"what": "boats"}),
    "sequential": _sequential,
    "Parallel": lambda model, _, __: Case(Parallel({"a": model, "b": model}), "boats"),
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
    "answering stuff": lambda model, _, __: Case(answering(model), _given(["One", "Two"])),
    "answering map_reduce": lambda model, _, __: Case(
        answering(model, how="map_reduce"), _given(["One", "Two"]), "Passages:"
    ),
    "answering refine": lambda model, _, __: Case(
        answering(model, how="refine"), _given(["One", "Two"]), "One more passage"
    ),
    "question_answering stuff": lambda model, _, __: Case(
        question_answering(model, Passages("One", "Two")), "Which?"
    ),
    "question_answering map_reduce": lambda model, _, __: Case(
        question_answering(model, Passages("One", "Two"), how="map_reduce"), "Which?", "Passages:"
    ),
    "question_answering refine": lambda model, _, __: Case(
        question_answering(model, Passages("One", "Two"), how="refine"), "Which?", "One more passage"
    ),
    "conversational": lambda model, _, __: Case(
        conversational(model, question_answering(model, Passages("One"))),
        {"question": "And it?", "history": [UserMessage("Which boat?"), AssistantMessage("The red one.")]},
        "Passages:",
    ),
    "sql_question_answering": lambda model, place, _: Case(
        sql_question_answering(model, _database(place)), "How many?", "What it found"
    ),
    "api_call": _api,
    "extraction": lambda model, _, __: Case(extraction(model, Boat), LONG),
    "extraction_of_all": lambda model, _, __: Case(
        extraction_of_all(model, Boat, room=60), LONG, "Paragraph 11", by_item=True, second="two 11"
    ),
    "tagging": lambda model, _, __: Case(tagging(model, Colour), "It is red."),
    "map_documents": lambda model, _, __: Case(map_documents(model), ["a", "b"], "b", by_item=True),
    "self_consistency": _vote,
}
ONE_VALUE = {"extraction", "tagging"}
"""Chains to one value of a type, of which a part is none: it is checked whole, and passed on at once."""
IN_PIECES = sorted(CASES.keys() - ONE_VALUE)
NO_CHAINS = {"cited", "read_description"}
"""Public functions of the package that make no chain."""


def test_every_chain_that_there_is_stands_here_in_every_way_that_it_has() -> None:
    made = {name: getattr(chains, name) for name in chains.__all__}
    functions = {name: one for name, one in made.items() if inspect.isfunction(one)}
    here = {name.split()[0] for name in CASES}
    assert here - {"Parallel"} == functions.keys() - NO_CHAINS
    for name in functions.keys() & here:
        if "how" in inspect.signature(functions[name]).parameters:
            assert {f"{name} {how}" for how in get_args(How)} <= CASES.keys()


@pytest.mark.parametrize("name", IN_PIECES)
async def test_the_first_word_passes_before_the_last_is_made(name: str, tmp_path: Path) -> None:
    with serving({"/hold": (200, "{}")}) as url:
        case = CASES[name](model := Answering(say), tmp_path, url)
        if case.by_item:
            case = CASES[name](model := Answering(say, lambda asked: case.last in asked), tmp_path, url)
        async with aclosing(case.chain.astream(case.given)) as pieces:
            async for piece in pieces:
                if "two" in str(piece):
                    break
            else:
                pytest.fail("no word came")
            # nothing was released so far: what came, came while the rest is still to be made
            assert not model.rest.is_set()
            model.rest.set()
            assert case.second in "".join([str(piece) async for piece in pieces])


@pytest.mark.parametrize("name", CASES)
async def test_what_is_streamed_comes_to_what_is_invoked(name: str, tmp_path: Path) -> None:
    model = Answering(say)
    model.rest.set()
    with serving({"/hold": (200, "{}")}) as url:
        case = CASES[name](model, tmp_path, url)
        answer = await case.chain.ainvoke(case.given)
        pieces = [piece async for piece in case.chain.astream(case.given)]
    assert (len(pieces) > 1) is (name not in ONE_VALUE)
    assert joined(pieces) == answer


def joined(pieces: list[Any]) -> Any:
    """Texts and lists end to end, and of mappings what they have under each key; by hand, not as ours are."""
    if not isinstance(pieces[0], dict):
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = whole + piece
        return whole
    parts: dict[str, list[Any]] = {}
    for piece in pieces:
        for key, part in piece.items():
            parts.setdefault(key, []).append(part)
    return {key: joined(some) for key, some in parts.items()}


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
