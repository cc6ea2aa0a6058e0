"""Answers from passages: what the model is shown, what is cited, and what is done when nothing is there."""

from typing import Any

import pytest

from agentkit import PromptTemplate
from agentkit.chains import answering, cited, conversational, question_answering
from agentkit.core.documents import Citation
from agentkit.core.errors import UsageError
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolMessage, UserMessage
from agentkit.documents.quoting import place_of

from .doubles import Passages, asked, hit, saying

PORT = "The server listens on port 8080.\nIt is called gull."
COLOUR = "船是红色的。The boat is red."


def test_an_answer_comes_with_its_passages_and_true_spans() -> None:
    model = saying('It is 8080 [1: "port 8080"], and red [2: “the  boat is RED”].')
    answer = question_answering(model, Passages(PORT, COLOUR)).invoke("Which port?")
    assert answer["answer"].startswith("It is 8080")
    first, second = answer["citations"]
    place = 100 + PORT.index("port 8080")
    assert first == Citation("d1", place, place + 9, "port 8080", True, "1.md")
    assert (second.quote, second.verified) == ("The boat is red", True)
    assert COLOUR[second.start - 100 : second.end - 100] == second.quote
    assert [one.chunk.document for one in answer["hits"]] == ["d1", "d2"]
    assert "[1] 1.md\nThe server" in asked(model)[0]


@pytest.mark.parametrize(
    ("answer", "quotes"),
    [
        ("So it is [1].", [(PORT, True)]),
        ("So it is [1, 2] and [1].", [(PORT, True), (COLOUR, True)]),
        ("如此【2\uff1a「船是红色的」】。", [("船是红色的", True)]),
        ("如此【1、2】。", [(PORT, True), (COLOUR, True)]),
        ('Called gull [1: "is called  gull"]', [("is called gull", True)]),
        ('Across a line [1: "8080. It is"]', [("8080.\nIt is", True)]),
        ('No such words [1: "port 9090"]', [("port 9090", False)]),
        ('From the other one [2: "port 8080"]', [("port 8080", False)]),
        ("No such passage [7]", [("", False)]),
        ('Nor with a quote [0: "port"]', [("port", False)]),
        ("A list: x[i], [a], [see 1]", []),
        ("", []),
    ],
)
def test_a_quote_is_verified_only_where_it_stands(answer: str, quotes: list[tuple[str, bool]]) -> None:
    found = cited(answer, [hit(PORT, 1), hit(COLOUR, 2)])
    assert [(one.quote, one.verified) for one in found] == quotes


def test_without_passages_no_model_is_asked() -> None:
    model = saying()
    answer = question_answering(model, Passages()).invoke("Which?")
    assert (answer["hits"], answer["citations"], asked(model)) == ([], [], [])
    assert "Nothing was found" in answer["answer"]


def test_stuff_shows_the_best_passages_that_have_room() -> None:
    model = saying("Yes [2].")
    chain = question_answering(
        model, Passages("one two", "three", "four"), room=5, count=lambda t: len(t.split())
    )
    # each passage has its number and its file before its words
    answer = chain.invoke("Which?")
    assert [one.chunk.text for one in answer["hits"]] == ["one two"]
    assert [one.verified for one in answer["citations"]] == [False]
    with pytest.raises(UsageError, match=r"a passage of 1\.md has 4 tokens and the room is 3"):
        question_answering(model, Passages("one two"), room=3, count=lambda t: len(t.split())).invoke(
            "Which?"
        )


def test_map_reduce_answers_from_what_each_passage_says() -> None:
    model = saying("port 8080", "Nothing.", '8080 [1: "port 8080"]')
    chain = question_answering(model, Passages(PORT, COLOUR), how="map_reduce", max_concurrency=1)
    answer = chain.invoke("Which port?")
    assert "[1] port 8080\n\nQuestion" in asked(model)[-1]
    assert [one.verified for one in answer["citations"]] == [True]
    silent = question_answering(saying("NOTHING", "nothing"), Passages(PORT, COLOUR), how="map_reduce")
    assert silent.invoke("Which?")["answer"].startswith("Nothing was found")


def test_refine_betters_the_answer_passage_by_passage() -> None:
    model = saying('8080 [1: "port 8080"]', '8080 [1: "port 8080"], red [2]')
    answer = question_answering(model, Passages(PORT, COLOUR), how="refine").invoke("Which port?")
    assert 'The answer so far: 8080 [1: "port 8080"]' in asked(model)[1]
    assert "[2] 2.md" in asked(model)[1]
    assert [one.verified for one in answer["citations"]] == [True, True]


def test_a_prompt_of_ones_own_stands_in_the_place_of_ours() -> None:
    model = saying("ok", "ok")
    chain = answering(model, prompt="{passages} ? {question}")
    chain.invoke({"question": "why", "hits": [hit("text")]})
    assert asked(model) == ["[1] 1.md\ntext ? why"]
    answering(model, prompt=PromptTemplate("{question}{passages}")).invoke(
        {"question": "a", "hits": [hit("b")]}
    )


def test_what_cannot_be_is_refused_when_the_chain_is_made() -> None:
    wrong: Any = "all"
    with pytest.raises(UsageError, match="how = 'all' cannot be; it must be stuff, map_reduce, refine"):
        answering(saying(), how=wrong)
    with pytest.raises(UsageError, match="room = 0 cannot be"):
        answering(saying(), room=0)
    with pytest.raises(UsageError, match="limit = 0 cannot be"):
        question_answering(saying(), Passages(), limit=0)


def test_a_question_that_points_back_is_made_to_stand_alone() -> None:
    model = saying("Which port does gull listen on?", "8080 [1]")
    passages = Passages(PORT)
    chain = conversational(model, question_answering(model, passages))
    history = [
        SystemMessage("hidden"), UserMessage("Who is gull?"), AssistantMessage("A server."),
        ToolMessage("1", "t", "hidden"),
    ]  # fmt: skip
    answer = chain.invoke({"question": "And its port?", "history": history})
    assert answer["answer"] == "8080 [1]"
    assert passages.asked == ["Which port does gull listen on?"]
    assert "Person: Who is gull?\nAssistant: A server.\n\nThe last question: And its port?" in asked(model)[0]
    assert "hidden" not in asked(model)[0]


def test_a_first_question_is_looked_up_as_it_is() -> None:
    model = saying("8080 [1]")
    passages = Passages(PORT)
    conversational(model, question_answering(model, passages)).invoke(
        {"question": "Which port?", "history": []}
    )
    assert passages.asked == ["Which port?"]


def test_a_quote_is_found_across_the_breaks_of_lines() -> None:
    text = "他说：船是红\n色的。The boat\n  is RED."
    for quote, own in {
        "船是红色的": "船是红\n色的",
        "boat is red": "boat\n  is RED",
        "「他说」": "他说",
    }.items():
        start, end = place_of(quote, text) or (0, 0)
        assert text[start:end] == own
    assert place_of("boat was red", text) is None
    assert place_of("他说", text, 2) is None
    assert place_of(" ... ", text) is None
    assert place_of('say "no"', 'They say "no".') == (5, 13)
