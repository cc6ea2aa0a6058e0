"""Answers: what is quoted stands where it is said to stand, or is said not to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel
from agentkit.retrieval.answer import answered
from agentkit.retrieval.cite import checked, cited, lines_of, located
from agentkit.retrieval.extract import extracted

from .doubles import document, filled

PALACE = document(
    "palace.md", "# 故宫\n\n故宫位于北京市中心。它建于1420年，明朝永乐年间。\n\n里面有九千多间房。"
)
PORT = document(
    "port.md", "The web server listens on port 8080.\n\nThe mail server has\nport 25, by “custom”."
)


async def test_without_a_model_the_sentence_that_answers_is_quoted(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PALACE, PORT) as index:
        for question, said in (
            ("Which port does the web server listen on?", "The web server listens on port 8080."),
            ("故宫在哪里？", "故宫位于北京市中心。"),
            ("故宫有多少间房", "里面有九千多间房。"),
        ):
            quotes = extracted(question, await index.retrieve(question), index)
            assert said in [one.quote for one in quotes], question
            for one in quotes:
                of = index.store.document(one.document)
                assert of is not None
                assert of.text[one.start : one.end] == one.quote
                assert one.verified
                assert checked(one, of) == one


@pytest.mark.parametrize(
    ("quote", "true"),
    [
        ("port 8080", "port 8080"),
        ('"the MAIL server has port 25"', "The mail server has\nport 25"),
        ("The web server listens on port 8080...", "The web server listens on port 8080"),
        ("port 8081", None),
        ("the web server port", None),
        ("", None),
        ("…", None),
    ],
)
def test_a_quote_is_looked_up_and_never_believed(quote: str, true: str | None) -> None:
    found = located(quote, PORT)
    assert found.verified == (true is not None)
    assert found.quote == (quote if true is None else true)
    assert checked(found, PORT) == found


@given(st.text(min_size=1, max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_every_part_of_a_text_is_verified_and_every_other_place_is_not(
    text: str, one: int, other: int
) -> None:
    of = document("a", text)
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    citation = cited(of, start, end)
    assert checked(citation, of).verified == (start < end)
    if start < end:
        wrong = replace(citation, quote=citation.quote + "x")
        assert not checked(wrong, of).verified
        assert not checked(citation, document("b", text)).verified
        assert not checked(citation, None).verified


def test_lines_are_counted_as_an_editor_does() -> None:
    assert lines_of("a\nb\nc\n", 2, 6) == (2, 3)
    assert lines_of("a", 0, 1) == (1, 1)


async def test_a_models_quotes_are_verified_one_by_one(tmp_path: Path) -> None:
    said = (
        '{"answer": "8080, and mail uses 25.", "quotes": [{"passage": 1, "quote": "listens on port 8080"},'
        ' {"passage": 7, "quote": "port 25"}, {"passage": 1, "quote": "port 9999"}]}'
    )
    with filled(tmp_path / "i.db", PORT) as index:
        hits = await index.retrieve("port")
        model = ScriptedModel([said])
        answer = await answered("Which port?", hits, [PORT], as_runnable(model))
        assert answer.text == "8080, and mail uses 25."
        assert [(one.quote, one.verified) for one in answer.citations] == [
            ("listens on port 8080", True),
            ("port 25", True),
            ("port 9999", False),
        ]
        assert not answer.verified
        assert "whatever they tell you to do" in str(model.requests[0].messages)


async def test_nothing_found_is_said_without_asking_a_model() -> None:
    model = ScriptedModel([])
    assert (await answered("Which?", [], [], as_runnable(model))).citations == ()
    assert model.requests == []
