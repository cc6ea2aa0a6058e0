"""Prompts as steps: every place gets a value, every value has a place, and whatever is wrong is named."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from agentkit.core.errors import PromptError
from agentkit.core.messages import AssistantMessage, SystemMessage, UserMessage
from agentkit.core.runnable import Lambda
from agentkit.core.template import Template
from agentkit.prompts.chat import ChatPromptTemplate, Placeholder
from agentkit.prompts.few_shot import FewShot, FewShotPromptTemplate, First, Fitting, Nearest
from agentkit.prompts.imported import from_fstring, from_mustache
from agentkit.prompts.text import PromptTemplate

EXAMPLES = [
    {"q": "cat", "a": "animal"},
    {"q": "oak", "a": "tree"},
    {"q": "dog", "a": "animal"},
]
CHAT = ChatPromptTemplate(
    ("system", "You are {what}"),
    Placeholder("history", optional=True),
    AssistantMessage("{as it is}"),
    ("user", "{q}"),
)


def test_a_prompt_is_a_step() -> None:
    chain = {"name": Lambda(str.title)} | PromptTemplate("Dear {name}") | len
    assert chain.invoke("ada") == len("Dear Ada")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"nmae": "x", "n": 1}, "needs name and was not given it; it has no place for nmae"),
        ({"name": ["x"], "n": 1}, "name is of type list, and a place holds text or a number"),
        ({"name": "x", "n": 1, "day": "Monday"}, "day was given before"),
    ],
)
def test_values_that_do_not_fit_are_named(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint):
        PromptTemplate("{name} {n} {day}").partial(day="Friday").invoke(values)


def test_what_is_known_before_can_be_given_before() -> None:
    count = itertools.count(1)
    prompt = PromptTemplate("{who} {n}").partial(n=lambda: str(next(count))).bind(who="I")
    assert prompt.variables == frozenset()
    assert [prompt.invoke({}), prompt.invoke({})] == ["I 1", "I 2"]
    with pytest.raises(PromptError, match=r"no place for when; its places: n, who"):
        prompt.partial(when="now")


def test_a_few_shot_prompt_keeps_what_was_given_before() -> None:
    prompt = FewShotPromptTemplate([{"x": "a"}], "{x}!", "Now {y} {z}").partial(z="end")
    assert prompt.variables == {"y"}
    assert prompt.invoke({"y": "to the"}) == "a!\n\nNow to the end"
    assert prompt.bind(y="at").invoke({}) == "a!\n\nNow at end"
    with pytest.raises(PromptError, match="was given before"):
        prompt.invoke({"y": "", "z": ""})
    with pytest.raises(PromptError, match="no place for w"):
        prompt.partial(w="x")


def test_a_chat_is_its_parts_in_order() -> None:
    history = [UserMessage("hi"), AssistantMessage("hello {q}")]
    assert CHAT.partial(what="kind").invoke({"history": history, "q": 7}) == (
        SystemMessage("You are kind"),
        *history,
        AssistantMessage("{as it is}"),
        UserMessage("7"),
    )


def test_a_history_can_be_given_before_as_it_is_or_asked_for_each_time() -> None:
    chat = ChatPromptTemplate(Placeholder("history"), ("user", "{q}"))
    said = [UserMessage("hi")]
    asked = UserMessage("why?")
    assert chat.partial(history=said).invoke({"q": "why?"}) == (*said, asked)
    growing = chat.partial(history=lambda: tuple(said))
    assert growing.invoke({"q": "why?"}) == (*said, asked)
    said.append(UserMessage("well"))
    assert growing.invoke({"q": "why?"}) == (*said, asked)
    with pytest.raises(PromptError, match="history is of type str; it must be a list of messages"):
        chat.partial(history="hi").invoke({"q": "why?"})


def test_only_an_optional_placeholder_can_be_left_out() -> None:
    assert CHAT.variables == {"what", "q"}
    assert len(CHAT.invoke({"what": "kind", "q": "x"})) == 3
    with pytest.raises(PromptError, match="needs history"):
        ChatPromptTemplate(Placeholder("history")).invoke({})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"q": "x"}, "needs what and"),
        ({"what": "x", "q": "x", "more": 1}, "no place for more; its places: q, what"),
        ({"what": "x", "q": "x", "history": "hi"}, "history is of type str; it must be a list"),
        (
            {"what": "x", "q": "x", "history": ["hi"]},
            r"history\[0\] is 'hi'; it must be one of SystemMessage",
        ),
        ({"what": {}, "q": "x"}, "what is of type dict"),
    ],
)
def test_values_that_do_not_fit_a_chat_are_named(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint):
        CHAT.invoke(values)


def test_a_part_that_cannot_be_is_shown_with_those_that_can() -> None:
    with pytest.raises(PromptError, match=r"\('human', 'x'\) is no part.*system, user, assistant"):
        ChatPromptTemplate(("human", "x"))  # pyright: ignore[reportArgumentType]


def test_examples_stand_in_a_chat_as_turns() -> None:
    chat = ChatPromptTemplate(
        FewShot(EXAMPLES, Template("{q}?"), Template("{a}."), First(1)), ("user", "{q}?")
    )
    assert chat.invoke({"q": "elm"}) == (
        UserMessage("cat?"), AssistantMessage("animal."), UserMessage("elm?"),
    )  # fmt: skip


def shown(select: Any, **values: str) -> list[str]:
    prompt = FewShotPromptTemplate(EXAMPLES, "{q}{a}", "{q}", select=select, separator="|")
    *examples, last = prompt.invoke(values).split("|")
    assert last == values["q"]
    return examples


def test_examples_are_chosen_by_number_and_by_length() -> None:
    assert shown(None, q="elm") == ["catanimal", "oaktree", "doganimal"]
    assert shown(First(2), q="elm") == ["catanimal", "oaktree"]
    assert shown(Fitting(16), q="elm") == ["catanimal", "oaktree"]
    assert shown(Fitting(15), q="elm") == ["catanimal"]
    assert shown(Fitting(4, length=lambda _: 1), q="elm") == ["catanimal", "oaktree"]


def test_what_a_section_repeats_is_measured_as_json() -> None:
    examples = [{"q": ["ä", 1]}, {"q": "oak"}]
    lines = from_mustache("{{#q}}{{.}}{{/q}}")
    for most, expected in ((11, "ä1|oak|end"), (10, "ä1|end"), (8, "ä1|end"), (7, "end")):
        prompt = FewShotPromptTemplate(examples, lines, "end", select=Fitting(most), separator="|")
        assert prompt.invoke({}) == expected


@pytest.mark.parametrize("asynchronous", [False, True])
def test_examples_are_chosen_by_meaning_and_embedded_once(asynchronous: bool) -> None:
    meanings = {"cat": (1.0, 0.1), "dog": (1.0, 0.3), "oak": (0.0, 1.0), "elm": (0.1, 2.0), "nil": (0.0, 0.0)}
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> list[tuple[float, float]]:
        asked.extend(texts)
        return [meanings[text] for text in texts]

    async def aembed(texts: Sequence[str]) -> list[tuple[float, float]]:
        return embed(texts)

    select = Nearest(2, aembed if asynchronous else embed, "q")
    assert shown(select, q="elm") == ["doganimal", "oaktree"]
    assert shown(select, q="nil") == ["oaktree", "catanimal"]
    assert asked == ["cat", "oak", "dog", "elm", "nil"]


class Embeddings:
    """Where a word stands in the alphabet; a question is looked for from the other end."""

    def embed_documents(self, texts: Sequence[str]) -> list[tuple[float, float]]:
        return [(ord(text[0]) - 96.0, 10.0) for text in texts]

    def embed_query(self, text: str) -> tuple[float, float]:
        return (27.0 - (ord(text[0]) - 96.0), 10.0)


class AsyncEmbeddings(Embeddings):
    async def embed_documents(self, texts: Sequence[str]) -> list[tuple[float, float]]:
        return super().embed_documents(texts)

    async def embed_query(self, text: str) -> tuple[float, float]:
        return super().embed_query(text)


@pytest.mark.parametrize("embeddings", [Embeddings(), AsyncEmbeddings()])
def test_embeddings_choose_and_embed_a_question_as_one(embeddings: Embeddings) -> None:
    select = Nearest(1, embeddings, "q")
    # w is the fourth from the end, as d is from the beginning
    assert shown(select, q="web") == ["doganimal"]
    assert shown(select, q="elm") == ["oaktree"]
    assert set(select.vectors) == {"cat", "oak", "dog"}


def test_vectors_that_cannot_be_are_refused() -> None:
    with pytest.raises(PromptError, match="given 4 texts and returned 1 vectors"):
        shown(Nearest(1, lambda _: [(1.0,)], "q"), q="elm")
    with pytest.raises(PromptError, match="different sizes: 1 and 2"):
        shown(Nearest(1, lambda _: [(1.0,), (1.0, 2.0)] * 2, "q"), q="elm")


def test_an_example_that_does_not_fit_is_counted_and_shown() -> None:
    with pytest.raises(PromptError, match="example 2 has the fields b; the templates want q"):
        FewShotPromptTemplate([{"q": "x"}, {"b": "x"}], "{q}", "")


@settings(deadline=None)
@drawn(st.text(), st.text(), st.text())
def test_an_fstring_template_says_the_same_here(before: str, after: str, value: str) -> None:
    escaped = [part.replace("{", "{{").replace("}", "}}") for part in (before, after)]
    text = f"{escaped[0]}{{name}}{escaped[1]}"
    assert from_fstring(text).render({"name": value}) == text.format(name=value) == before + value + after


@settings(deadline=None)
@drawn(st.text(), st.text(), st.text())
def test_a_mustache_template_says_the_same_here(before: str, after: str, value: str) -> None:
    before, after = (re.sub(r"[{}]{2,}|^[{}]|[{}]$", "", part) for part in (before, after))
    text = f"{before}{{{{ name }}}}{after}"
    assert from_mustache(text).render({"name": value}) == before + value + after


def test_mustache_has_raw_names_and_comments() -> None:
    text = "a\n  {{! gone }}\n{{{x}}}{{& x}}{{!}}b"
    assert from_mustache(text).render({"x": "<"}) == "a\n<<b"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", r"\{\} cannot be taken over"),
        ("{0}", r"\{0\} cannot"),
        ("{a.b}", r"\{a.b\} cannot"),
        ("{a[0]}", r"\{a\[0\]\} cannot"),
        ("{a!r:>3}", r"\{a!r:>3\} cannot"),
        ("{a", "cannot be read: expected '}'"),
        ("a}", "cannot be read: Single '}'"),
    ],
)
def test_what_an_fstring_template_can_do_more_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint):
        from_fstring(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{> part}}", r"\{\{> part\}\} is a partial"),
        ("{{#list}}x", r"\{\{#list\}\} opens a section that nothing closes; \{\{/list\}\} does"),
        ("{{#a}}{{#b}}{{/a}}{{/b}}", r"\{\{/a\}\} closes a section, and \{\{#b\}\} is open"),
        ("x{{/a}}", "none is open"),
        ("{{=<%=}}", "does not name two delimiters"),
        ("{{.}}", "what a section is about, and is in none"),
        ("{{#.}}x{{/.}}", "what a section is about, and is in none"),
        ("{{a b}}", r"\{\{a b\}\} cannot be taken over"),
        ("{{}}", "a place is a name"),
        ("\n{{{a}}", r"a \{\{ that no \}\}\} ends; it stands in line 2"),
        ("{{a", r"has a \{\{ that no \}\} ends"),
    ],
)
def test_what_a_mustache_template_can_do_more_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint):
        from_mustache(text)
