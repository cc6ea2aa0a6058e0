"""A prompt and its model, chains one after the other, routes and votes."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentkit import (
    ChatPromptTemplate,
    EnumParser,
    FewShotPromptTemplate,
    ListParser,
    PromptTemplate,
    as_runnable,
)
from agentkit.chains import (
    llm_chain,
    map_documents,
    route_by_embedding,
    route_by_model,
    route_by_rule,
    self_consistency,
    sequential,
)
from agentkit.core.documents import Document
from agentkit.core.errors import PromptError, UnreadableAnswer, UsageError
from agentkit.core.runnable import Lambda
from agentkit.models.scripted import ScriptedModel

from .doubles import Letters, asked, hit, saying


def test_a_parser_of_an_llm_chain_asks_once_more() -> None:
    model = saying("", "- tea\n- bread")
    assert llm_chain("Name {what}", model, ListParser()).invoke({"what": "food"}) == ["tea", "bread"]
    assert len(asked(model)) == 2


def test_each_step_of_a_sequence_is_given_all_values_so_far() -> None:
    model = saying("a boat", "fine", "a boat is fine")
    chain = sequential(
        thing=llm_chain("Name a {kind}", model),
        word=llm_chain(ChatPromptTemplate(("user", "Praise {thing}, a {kind}")), model),
        line=PromptTemplate("Join {thing} and {word}") | model,
        length=lambda values: len(values["line"]),
    )
    assert chain.invoke({"kind": "ship"}) == {
        "kind": "ship", "thing": "a boat", "word": "fine", "line": "a boat is fine", "length": 14
    }  # fmt: skip
    assert asked(model) == ["Name a ship", "Praise a boat, a ship", "Join a boat and fine"]


def test_a_prompt_with_examples_is_given_what_it_has_places_for() -> None:
    few = FewShotPromptTemplate([{"word": "cat"}], "{word}!", "Name {kind}")
    chain = sequential(thing=llm_chain(few, saying("a boat")))
    assert chain.invoke({"kind": "ship", "more": 1}) == {"kind": "ship", "more": 1, "thing": "a boat"}


def test_what_a_sequence_cannot_do_is_said() -> None:
    with pytest.raises(UsageError, match="given no steps"):
        sequential()
    with pytest.raises(UsageError, match="a is given as a value and is the name of a step"):
        sequential(a=len).invoke({"a": 1})
    with pytest.raises(PromptError, match="needs what"):
        sequential(a=PromptTemplate("{what}")).invoke({"other": 1})


def test_a_rule_chooses_a_step() -> None:
    route = route_by_rule(lambda text: text[0], {"a": Lambda(str.upper)}, otherwise=Lambda(str.title))
    assert [route.invoke("ab"), route.invoke("cd")] == ["AB", "Cd"]
    with pytest.raises(UsageError, match="nothing is done for 'c'; known: a"):
        route_by_rule(lambda text: text[0], {"a": Lambda(str.upper)}).invoke("cd")
    with pytest.raises(UsageError, match="no steps to choose from"):
        route_by_rule(str, {})


def test_a_model_chooses_among_what_is_described_to_it() -> None:
    scripted = ScriptedModel(
        ['{"name": "tax"}', '{"name": "otherwise"}', '{"name": "none"}', '{"name": "boats"}']
    )
    steps = {
        "boats": ("about ships", Lambda(lambda _: "ship")),
        "tax": ("about money", Lambda(lambda _: "money")),
    }
    route = route_by_model(as_runnable(scripted), steps, otherwise=Lambda(lambda _: "nothing"))
    assert [route.invoke("What do I owe?"), route.invoke("Who sings?")] == ["money", "nothing"]
    first = scripted.requests[0]
    assert "- boats: about ships\n- tax: about money\n- otherwise: anything else" in first.messages[-1].text
    assert first.answer_schema is not None
    assert "otherwise" in str(first.answer_schema)
    # a name that is none goes back once
    assert route.invoke("Which ship?") == "ship"


def test_a_chain_of_a_prompt_is_routed_by_its_question() -> None:
    model = saying('{"name": "a"}', "fine")
    route = route_by_model(model, {"a": ("anything", PromptTemplate("Say {question}, {how}") | model)})
    assert route.invoke({"question": "why?", "how": "please"}) == "fine"
    assert asked(model)[1] == "Say why?, please"
    with pytest.raises(UsageError, match="a mapping with a, b"):
        route.invoke({"a": "one", "b": "two"})


def test_the_nearest_example_chooses_and_a_far_question_goes_elsewhere() -> None:
    embeddings = Letters()
    steps = {
        "sea": (["my boat"], Lambda(lambda _: "sea")),
        "money": (["a tax", "tax tax"], Lambda(lambda _: "money")),
    }
    route = route_by_embedding(embeddings, steps, otherwise=Lambda(lambda _: "else"), at_least=0.8)
    assert [route.invoke(text) for text in ("boats?", "the tax on boats and tax", "rain")] == [
        "sea",
        "money",
        "else",
    ]
    assert embeddings.embedded == 3
    with pytest.raises(UsageError, match="sea has no examples"):
        route_by_embedding(embeddings, {"sea": ([], Lambda(str))})
    with pytest.raises(UsageError, match=r"at_least = 0\.5 has no effect"):
        route_by_embedding(embeddings, steps, at_least=0.5)


def test_the_answer_of_most_wins_and_the_rest_is_not_waited_for() -> None:
    answers = ["Seven.", "eight", "seven", " SEVEN", "nine"]
    vote = self_consistency(lambda seed: Lambda(lambda _: answers[seed]), 5)
    assert vote.invoke("?") == {
        "samples": ["Seven.", "eight", "seven", " SEVEN"],
        "answer": "Seven.",
        "votes": 3,
    }
    by_length = self_consistency(lambda seed: Lambda(lambda _: answers[seed]), 5, same=len)
    assert by_length.invoke("?")["answer"] == "Seven."  # of two that have two votes, the first


def test_an_answer_that_cannot_be_read_has_no_vote() -> None:
    def chain(seed: int) -> Any:
        return Lambda(lambda _: ["?", "- a", "- b", "- b"][seed]) | Parsed()

    class Parsed(ListParser):
        def parse(self, text: str) -> list[str]:
            if text == "?":
                raise UnreadableAnswer("nothing")
            return super().parse(text)

    assert self_consistency(chain, 4).invoke("?")["answer"] == ["b"]
    with pytest.raises(UnreadableAnswer, match="nothing"):
        self_consistency(chain, 1).invoke("?")
    with pytest.raises(UsageError, match="samples = 0 cannot be"):
        self_consistency(chain, 0)


def test_every_sample_has_a_seed_of_its_own() -> None:
    scripted = ScriptedModel(["a"] * 3)
    model = as_runnable(scripted, temperature=0.8)
    self_consistency(lambda seed: PromptTemplate("{q}") | model.bind(seed=seed), 3, same=id).invoke(
        {"q": "?"}
    )
    assert sorted(request.seed or 0 for request in scripted.requests) == [0, 1, 2]


def test_documents_chunks_hits_and_text_are_mapped_over() -> None:
    def words(values: Mapping[str, Any]) -> int:
        return len(values["text"].split())

    chain = map_documents(Lambda(lambda text: {"text": text}) | words)
    assert chain.invoke([Document("d", "a b"), hit("a b c"), hit("a").chunk, "a b"]) == [2, 3, 1, 2]
    wrong: Any = [3]
    with pytest.raises(UsageError, match="a text is a str, Document, Chunk or Hit; found int"):
        chain.invoke(wrong)


def test_an_enum_is_parsed_in_a_chain() -> None:
    from enum import Enum

    class Colour(Enum):
        RED = "red"

    assert llm_chain("Which?", saying("Red."), EnumParser(Colour)).invoke({}) is Colour.RED
