"""Extraction, tagging and summaries: long texts in parts, typed values, progress."""

from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from agentkit import ModelProfile, as_runnable
from agentkit.chains import Progress, extraction, extraction_of_all, summarise, tagging
from agentkit.core.documents import Document
from agentkit.core.errors import UnreadableAnswer, UsageError
from agentkit.models.estimate import estimated_input
from agentkit.models.scripted import ScriptedModel
from agentkit.prompts.library import library_of

from .doubles import Answering, asked, saying

LONG = "\n\n".join(f"Paragraph {number} says a few words about boats." for number in range(12))


class Server(BaseModel):
    host: str
    port: int | None = None


class Mood(Enum):
    GLAD = "glad"
    SAD = "sad"


class Tags(BaseModel):
    mood: Mood
    language: Literal["en", "zh"]
    length: int = Field(ge=1, le=3)


def test_what_a_text_says_becomes_a_typed_value() -> None:
    scripted = ScriptedModel(['{"host": "gull", "port": "high"}', '{"host": "gull", "port": 80}'])
    assert extraction(as_runnable(scripted), Server).invoke("gull:80") == Server(host="gull", port=80)
    assert scripted.requests[0].answer_schema is not None
    assert scripted.requests[0].messages[-1].text.startswith("The text:\n\ngull:80")
    with pytest.raises(UnreadableAnswer, match="a JSON value for Server"):
        extraction(saying("none", "none"), Server).invoke(Document("d", "gull"))


def test_a_step_that_knows_no_schemas_is_told_in_words() -> None:
    model = saying('{"host": "gull"}').with_retry()
    assert extraction(model, Server).invoke("gull") == Server(host="gull")


def test_all_of_a_long_text_is_found_in_order_and_once() -> None:
    def answer(question: str) -> str:
        numbers = [int(part.split()[0]) for part in question.split("Paragraph ")[1:]]
        found = ", ".join(f'{{"host": "h{number // 2}"}}' for number in numbers)
        return f'{{"all_of_them": [{found}]}}'

    found = extraction_of_all(Answering(answer), Server, room=60, max_concurrency=2).invoke(LONG)
    assert [server.host for server in found] == [f"h{number}" for number in range(6)]
    assert extraction_of_all(saying('{"all_of_them": []}'), Server).invoke("nothing") == []
    with pytest.raises(UsageError, match="room = 0 cannot be"):
        extraction_of_all(saying(), Server, room=0)


def test_a_text_is_tagged_by_an_enumeration_or_a_model() -> None:
    assert tagging(saying('{"tag": "sad"}'), Mood).invoke("Oh no.") is Mood.SAD
    tags = tagging(
        saying(
            '{"mood": "glad", "language": "en", "length": 4}',
            '{"mood": "glad", "language": "en", "length": 1}',
        ),
        Tags,
    )
    assert tags.invoke("Hooray!") == Tags(mood=Mood.GLAD, language="en", length=1)


def test_what_has_room_is_summed_up_with_one_question() -> None:
    for how in ("stuff", "map_reduce", "refine"):
        model = saying("Boats.")
        assert summarise(model, how=how).invoke([LONG, Document("d", "More.")]) == "Boats."
        assert len(asked(model)) == 1
        assert asked(model)[0].endswith("More.")


def test_a_long_text_is_reduced_as_often_as_it_takes() -> None:
    questions: list[str] = []

    def answer(question: str) -> str:
        questions.append(question)
        return f"summary {len(questions)} of some boats that are long gone"

    told: list[Progress] = []
    model = Answering(answer)
    summary = summarise(model, room=40, max_concurrency=3, on_progress=told.append).invoke(LONG)
    assert summary == f"summary {len(questions)} of some boats that are long gone"
    assert all(sum(f"Paragraph {n} " in one for one in questions) == 1 for n in range(12))
    stages = [one.stage for one in told]
    assert stages == sorted(stages, key=["parts", "summaries"].index)
    assert {"parts", "summaries"} == set(stages)
    assert [one.done for one in told if one.stage == "parts"] == list(range(1, told[0].total + 1))
    assert len(told) == len(questions) - 1


def test_a_long_text_is_refined_part_by_part() -> None:
    told: list[Progress] = []
    model = saying(*(f"summary {n}" for n in range(20)))
    summary = summarise(model, how="refine", room=60, on_progress=told.append).invoke(LONG)
    parts = len(asked(model))
    assert summary == f"summary {parts - 1}"
    assert f"The summary so far: summary {parts - 2}\n" in asked(model)[-1]
    assert told == [Progress("refining", n, parts - 1) for n in range(1, parts)]


def test_what_cannot_be_summed_up_is_said() -> None:
    with pytest.raises(UsageError, match="no text to sum up"):
        summarise(saying()).invoke(["", " \n"])
    with pytest.raises(UsageError, match=r"the text has \d+ tokens and the room is 60"):
        summarise(saying(), how="stuff", room=60).invoke(LONG)
    with pytest.raises(UsageError, match="the summaries do not become shorter"):
        summarise(Answering(lambda asked: asked), room=60).invoke(LONG)
    wrong: Any = "all"
    with pytest.raises(UsageError, match="how = 'all'"):
        summarise(saying(), how=wrong)
    number: Any = 7
    with pytest.raises(UsageError, match="found int"):
        summarise(saying()).invoke(number)


def test_a_question_holds_what_the_window_of_its_model_leaves() -> None:
    small = ScriptedModel(["part"] * 99, profile=ModelProfile(context_window=1700))
    assert summarise(as_runnable(small)).invoke(LONG * 4) == "part"
    longest = max(estimated_input(request) for request in small.requests)
    assert 300 < longest < 1700 - 1024
    assert len(small.requests) > 2
    large = ScriptedModel(["part"] * 99)
    summarise(as_runnable(large)).invoke(LONG * 4)
    assert len(large.requests) == 1


def test_a_library_has_files_for_every_question_of_a_chain(tmp_path: Path) -> None:
    (tmp_path / "chains").mkdir()
    file = "---\nversion: '2'\nuser: 'Mine: {summaries}'\n---\nJoin."
    (tmp_path / "chains/summarise-combine.md").write_text(file)
    model = saying(*["part"] * 99)
    summarise(model, room=60, prompt=library_of(user=tmp_path)).invoke(LONG)
    assert asked(model)[-1].startswith("Mine: part")
    assert asked(model)[0].startswith("The text:")
