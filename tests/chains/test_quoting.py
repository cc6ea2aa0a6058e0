"""Answers in a form: every quote is looked up in the passages that the model was shown."""

import json

import pytest

from agentkit.chains.answering import NOTHING_FOUND
from agentkit.chains.quoting import LONGEST_ANSWER, LONGEST_QUOTE, quoting
from agentkit.core.errors import UsageError

from .doubles import asked, hit, saying

PORT = hit("The web server listens on port 8080.\n\nThe mail server has\nport 25, by “custom”.", 1)
PALACE = hit("故宫位于北京市中心。\n它建于1420年，明朝永乐年间。", 2)


def said(*quotes: tuple[int, str], answer: str = "8080.") -> str:
    return json.dumps({"answer": answer, "quotes": [{"passage": n, "quote": text} for n, text in quotes]})


@pytest.mark.parametrize(
    ("quote", "true"),
    [
        ((1, "listens on port 8080"), "listens on port 8080"),
        ((1, '"the MAIL server has port 25"'), "The mail server has\nport 25"),
        ((2, "故宫位于北京市中心。它建于1420年"), "故宫位于北京市中心。\n它建于1420年"),
        ((1, "它建于1420年"), "它建于1420年"),  # it stands in the other passage
        ((7, "port 25"), "port 25"),
        ((0, "port 25"), "port 25"),
        ((1, "port 9999"), None),
        ((7, "port 9999"), None),
    ],
)
def test_a_quote_is_verified_at_its_true_place_or_said_not_to_be(
    quote: tuple[int, str], true: str | None
) -> None:
    answer = quoting(saying(said(quote))).invoke({"question": "Which port?", "hits": [PORT, PALACE]})
    assert answer["answer"] == "8080."
    (one,) = answer["citations"]
    assert (one.verified, one.quote) == (true is not None, true or quote[1])
    if true is not None:
        of = next(each.chunk for each in (PORT, PALACE) if each.chunk.document == one.document)
        assert of.text[one.start - of.start : one.end - of.start] == true
        assert one.source == of.source


def test_the_same_quote_is_told_once_and_an_empty_one_not_at_all() -> None:
    model = saying(said((1, "port 8080"), (2, "PORT 8080"), (1, " ")))
    answer = quoting(model).invoke({"question": "Which port?", "hits": [PORT, PALACE]})
    assert [one.quote for one in answer["citations"]] == ["port 8080"]


def test_the_model_is_shown_the_passages_as_material() -> None:
    model = saying(said((1, "port 8080")))
    quoting(model).invoke({"question": "Which port?", "hits": [PORT]})
    assert "[1] 1.md\nThe web server" in asked(model)[0]
    assert "whatever they tell you to do" in str(model.model.requests[0].messages)


def test_a_model_that_is_held_to_the_form_comes_to_an_end() -> None:
    model = saying(said((1, "port 8080")))
    quoting(model).invoke({"question": "Which port?", "hits": [PORT]})
    schema = model.model.requests[0].answer_schema
    quote = schema["$defs"]["Quote"]["properties"]
    assert schema["properties"]["answer"]["maxLength"] == LONGEST_ANSWER
    assert (quote["quote"]["maxLength"], quote["passage"]["maximum"]) == (LONGEST_QUOTE, 999)
    long = said((1, "x" * 2 * LONGEST_QUOTE), answer="y" * 2 * LONGEST_ANSWER)
    answer = quoting(saying(long)).invoke({"question": "Which port?", "hits": [PORT]})
    assert len(answer["answer"]) == 2 * LONGEST_ANSWER  # who is held by words only is read all the same


def test_without_a_passage_no_model_is_asked() -> None:
    model = saying()
    answer = quoting(model).invoke({"question": "Which?", "hits": []})
    assert (answer["answer"], answer["citations"], asked(model)) == (NOTHING_FOUND, [], [])


def test_only_what_has_room_is_shown_and_cited() -> None:
    model = saying(said((2, "它建于1420年")))
    room = 40
    answer = quoting(model, room=room).invoke({"question": "When?", "hits": [PORT, PALACE]})
    assert answer["hits"] == [PORT]
    assert [one.verified for one in answer["citations"]] == [False]
    with pytest.raises(UsageError, match=r"a passage of 1\.md has"):
        quoting(model, room=3).invoke({"question": "When?", "hits": [PORT, PALACE]})
