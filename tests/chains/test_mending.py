"""An answer that does not fit goes back once, in the words of the library that the chain was given."""

import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit.chains import api_call, extraction, extraction_of_all, route_by_model, tagging
from agentkit.chains.quoting import quoting
from agentkit.chains.words import ModelStep
from agentkit.core.errors import UnreadableAnswer
from agentkit.core.runnable import Lambda, Runnable
from agentkit.prompts.library import Library, library_of
from agentkit.retrieval.queries import in_other_words, rated_by, with_facts

from .doubles import asked, hit, saying


class Boat(BaseModel):
    name: str


class Colour(Enum):
    RED = "red"


NAMED = {"name": "name", "in": "query", "required": True, "schema": {"type": "string"}}
API = json.dumps({
    "openapi": "3.1.0",
    "paths": {f"/{one}": {"get": {"operationId": one, "parameters": [NAMED]}} for one in ("boats", "ropes")},
})  # fmt: skip

Build = Callable[[ModelStep, Library], Runnable[Any, object]]
CHAINS: dict[str, tuple[Build, Any, str]] = {
    # what it is made of, what it is given, and what its model answers in the end
    "extraction": (lambda model, words: extraction(model, Boat, prompt=words), "a", '{"name": "Ann"}'),
    "extraction_of_all": (
        lambda model, words: extraction_of_all(model, Boat, prompt=words), "a", '{"all_of_them": []}'
    ),
    "tagging": (lambda model, words: tagging(model, Colour, prompt=words), "a", '{"tag": "red"}'),
    "tagging fields": (lambda model, words: tagging(model, Boat, prompt=words), "a", '{"name": "Ann"}'),
    "route_by_model": (
        lambda model, words: route_by_model(model, {"up": ("all", Lambda(str.upper))}, prompt=words),
        "a",
        '{"name": "up"}',
    ),
    "quoting": (
        lambda model, words: quoting(model, prompt=words),
        {"question": "Which?", "hits": [hit("One")]},
        '{"quotes": [], "answer": "None."}',
    ),
    "in_other_words": (
        lambda model, words: Lambda(lambda text: in_other_words(text, model, library=words)),
        "a",
        '{"questions": []}',
    ),
    "with_facts": (
        lambda model, words: Lambda(lambda text: with_facts(text, {}, model, words)),
        "a",
        '{"query": "a", "facts": []}',
    ),
    "rated_by": (
        lambda model, words: Lambda(lambda text: rated_by(model, words)(text, ["one"])),
        "a",
        '{"ratings": [3]}',
    ),
}  # fmt: skip


@pytest.fixture
def words(tmp_path: Path) -> Library:
    """A library of which the words for an answer that cannot be read are a person's own."""
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers/repair.md").write_text(
        '---\nversion: "mine"\nuser: "Mend {answer}, for {fault}; {form}"\n---\nYou mend.'
    )
    return library_of(tmp_path)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("name", CHAINS)
async def test_the_words_of_a_library_send_an_answer_back(name: str, held: bool, words: Library) -> None:
    build, given, last = CHAINS[name]
    model = saying("none", last)
    # with retries it is no model any more that can be held to a schema
    await build(model if held else model.with_retry(), words).ainvoke(given)
    assert [question.startswith("Mend none, for") for question in asked(model)] == [False, True]


async def test_each_question_of_an_api_call_goes_back_in_them(words: Library) -> None:
    model = saying("none", '{"operation": "boats"}', "no", "no")
    chain = api_call(model, API, hosts=["boats.example"], server="https://boats.example", prompt=words)
    with pytest.raises(UnreadableAnswer):
        await chain.ainvoke("Which?")
    mended = [question.partition(",")[0] for question in asked(model)]
    assert mended[1::2] == ["Mend none", "Mend no"]
