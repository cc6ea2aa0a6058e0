"""What a model wrote becomes a value, or an error that says what was wrong with it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agentkit.core.errors import UnreadableAnswer, UsageError
from agentkit.core.messages import SystemMessage
from agentkit.core.runnable import Lambda, Runnable
from agentkit.core.runnable.pieces import gathered
from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel
from agentkit.prompts.parsers import EnumParser, JsonParser, ListParser, Parser, PydanticParser, TextParser
from agentkit.prompts.text import PromptTemplate


class Server(BaseModel):
    host: str
    port: int


class Weather(Enum):
    FINE = "fine"
    WET = "it rains"


def streamed(step: Runnable[str, Any], pieces: list[str]) -> Any:
    async def given() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    async def run() -> Any:
        return await gathered(step.transform(given()))

    return asyncio.run(run())


@settings(deadline=None)
@drawn(st.lists(st.text(" \nab"), min_size=1))
def test_text_is_stripped_in_any_chunking(pieces: list[str]) -> None:
    assert streamed(TextParser(), pieces) == "".join(pieces).strip()


@settings(deadline=None)
@drawn(st.lists(st.text("ab1.- \n"), min_size=1), st.sampled_from(["\n", ".", "ab"]))
def test_a_list_is_the_same_in_any_chunking(pieces: list[str], separator: str) -> None:
    parser = ListParser(separator)
    try:
        items = parser.invoke("".join(pieces))
    except UnreadableAnswer:
        with pytest.raises(UnreadableAnswer):
            streamed(parser, pieces)
    else:
        assert streamed(parser, pieces) == items


def test_an_item_is_given_on_when_it_is_whole() -> None:
    parser = Lambda(lambda text: iter(str(text))) | ListParser(",")
    assert next(parser.stream("tea,bread")) == ["tea"]


def test_a_list_without_items_or_separator_is_refused() -> None:
    with pytest.raises(UnreadableAnswer, match=r"no items; found '\\n'; wanted: Write one item a line"):
        ListParser().invoke("\n")
    with pytest.raises(UsageError, match="separator = ''"):
        ListParser("")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@drawn(JSON)
def test_json_is_read_as_it_is_and_out_of_a_fence(value: Any) -> None:
    text = json.dumps(value)
    assert JsonParser().invoke(text) == value
    assert JsonParser().invoke(f"Here:\n```json\n{text}\n```\n") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('It is {"a": [1]}.', {"a": [1]}),
        ("[1] holds", [1]),
        ("see [1]: {}", None),
        ("none", None),
        ("{'a': 1}", None),
    ],
)
def test_words_around_json_are_left_out_and_nothing_is_guessed(text: str, value: Any) -> None:
    if value is not None:
        assert JsonParser().invoke(text) == value
        return
    with pytest.raises(UnreadableAnswer) as caught:
        JsonParser().invoke(text)
    assert str(caught.value).startswith("the answer is no JSON: ")
    assert str(caught.value).endswith(f"found {text!r}; Answer with one JSON value and nothing else.")


def test_a_long_answer_is_quoted_in_part() -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        JsonParser().invoke("x" * 1000)
    assert "x…'" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_model_of_pydantic_is_filled_or_every_fault_is_named() -> None:
    parser = PydanticParser(Server)
    assert parser.invoke('{"host": "a", "port": 1}') == Server(host="a", port=1)
    with pytest.raises(UnreadableAnswer) as caught:
        parser.invoke('{"port": "x"}')
    fault = str(caught.value)
    assert "is no Server: host: Field required" in fault
    assert "port: Input should be a valid integer" in fault
    assert "(found 'x')" in fault
    assert '"port"' in parser.form


@pytest.mark.parametrize("given", [dict, "Server"])
def test_what_is_no_class_of_pydantic_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match=r"subclass of pydantic.BaseModel; found .*(dict|Server)"):
        PydanticParser(given)


def test_pydantic_is_loaded_only_for_its_models() -> None:
    program = (
        "import sys; from agentkit.prompts.parsers import JsonParser; JsonParser().invoke('1'); "
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("text", ["fine", " 'Fine'.\n", "FINE", "**fine**"])
def test_a_choice_is_read_however_it_is_dressed(text: str) -> None:
    assert EnumParser(Weather).invoke(text) is Weather.FINE


def test_a_choice_goes_by_value_before_name() -> None:
    class Crossed(Enum):
        A = "b"
        B = "a"

    assert EnumParser(Crossed).invoke("a") is Crossed.B
    assert EnumParser(Weather).invoke("wet") is Weather.WET


def test_what_is_no_choice_is_told_what_is() -> None:
    with pytest.raises(UnreadableAnswer, match=r"found 'snow'; wanted: .*: fine, it rains\."):
        EnumParser(Weather).invoke("snow")


def test_an_unreadable_answer_goes_back_once_with_what_was_wrong() -> None:
    model = ScriptedModel(["port 80", '{"host": "a", "port": 80}'])
    step = as_runnable(model)
    parser = PydanticParser(Server)
    assert (PromptTemplate("{q}") | step | parser.repaired_by(step)).invoke({"q": "?"}).port == 80
    system, question = model.requests[1].messages
    assert isinstance(system, SystemMessage)
    assert "port 80" in question.text
    assert "is no JSON" in question.text
    assert parser.form in question.text


def test_a_readable_answer_asks_nobody() -> None:
    model = ScriptedModel([])
    assert JsonParser().repaired_by(as_runnable(model)).invoke("1") == 1
    assert model.requests == []


def test_a_second_unreadable_answer_is_the_end() -> None:
    model = ScriptedModel(["still {bad", "[]"])
    with pytest.raises(UnreadableAnswer, match="still") as caught:
        JsonParser().repaired_by(as_runnable(model)).invoke("oh")
    assert "found 'oh'" in caught.value.__notes__[0]
    assert len(model.requests) == 1


@pytest.mark.parametrize("answer", ["[" * 100_000, '{"host": ' + "[" * 100_000, '"\ud800"'])
@pytest.mark.parametrize("parser", [JsonParser(), PydanticParser(Server)])
def test_an_answer_that_no_reader_of_json_bears_can_be_repaired_like_any(
    parser: Runnable[str, Any], answer: str
) -> None:
    with pytest.raises(UnreadableAnswer, match="the answer is no JSON: "):
        parser.invoke(answer)


def test_a_parser_that_can_be_mended_gives_on_what_it_has_read() -> None:
    said: list[str] = []

    def writing(text: str) -> Iterator[str]:
        for letter in text:
            said.append(letter)
            yield letter

    model = ScriptedModel([])
    stream = (Lambda(writing) | ListParser(",").repaired_by(as_runnable(model))).stream("tea,bread")
    assert next(stream) == ["tea"]
    assert "".join(said) == "tea,"
    assert list(stream) == [["bread"]]
    assert model.requests == []


@pytest.mark.parametrize("parser", [ListParser(","), JsonParser()])
def test_a_streamed_answer_of_which_nothing_could_be_read_goes_back_once(
    parser: Parser[object],
) -> None:
    model = ScriptedModel(['["tea"]'])
    assert streamed(parser.repaired_by(as_runnable(model)), [" ", ",", " "]) in (['["tea"]'], ["tea"])
    assert "\n , \n" in model.requests[0].messages[-1].text


async def test_a_step_before_that_could_not_read_is_not_mended_here() -> None:
    async def unread() -> AsyncIterator[str]:
        yield "1"
        raise UnreadableAnswer("of the step before")

    model = ScriptedModel(["2"])
    with pytest.raises(UnreadableAnswer, match="of the step before"):
        [piece async for piece in JsonParser().repaired_by(as_runnable(model)).transform(unread())]
    assert model.requests == []
