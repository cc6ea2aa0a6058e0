"""A model is a step, and text that it took back never reaches the next one twice."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from agentkit.core.errors import ProviderDown, StreamCut, UsageError
from agentkit.core.messages import AssistantMessage, SystemMessage, UserMessage
from agentkit.core.protocols import Answer, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.runnable import Lambda
from agentkit.core.runnable.pieces import joined
from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel

MESSAGES = (SystemMessage("be kind"), UserMessage("hi"))


class Told(ScriptedModel):
    """Streams exactly what it is told."""

    def __init__(self, *parts: TextDelta | StreamRestarted | Answer) -> None:
        super().__init__([])
        self.parts = parts

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        for part in self.parts:
            yield part


def answer(text: str) -> Answer:
    return Answer(AssistantMessage(text))


def test_a_model_is_asked_messages_or_text_and_answers_text() -> None:
    model = ScriptedModel(["hello there", "well"])
    step = as_runnable(model)
    assert step.invoke(MESSAGES) == "hello there"
    assert (Lambda(str.upper) | step).invoke("and?") == "well"
    assert [request.messages for request in model.requests] == [MESSAGES, (UserMessage("AND?"),)]


def test_its_text_streams_as_it_is_made() -> None:
    assert list(as_runnable(ScriptedModel(["hello there"])).stream("hi")) == ["hello", " there"]


@pytest.mark.parametrize("said", ["", "all at once"])
def test_an_answer_that_was_not_streamed_is_one_piece(said: str) -> None:
    assert list(as_runnable(Told(answer(said))).stream("hi")) == [said]


def test_settings_reach_the_request() -> None:
    model = ScriptedModel(["a"])
    as_runnable(model, temperature=1, stop=["x"]).bind(max_tokens=5).invoke("hi")
    asked = model.requests[0]
    assert (asked.temperature, asked.stop, asked.max_tokens) == (1.0, ("x",), 5)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"creativity": 1}, "no setting creativity; known: max_tokens, "),
        ({"max_tokens": "x"}, "Expected `int`"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_once(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        as_runnable(ScriptedModel([]), **settings)


RESTARTED: Sequence[Any] = (TextDelta("one "), StreamRestarted("cut"), TextDelta("two"), answer("two"))


def test_text_that_was_given_on_is_not_doubled_when_the_model_begins_anew() -> None:
    stream = as_runnable(Told(*RESTARTED)).stream("hi")
    assert next(stream) == "one "
    with pytest.raises(StreamCut, match=r"anew \(cut\) when 4 characters.*whole=True"):
        next(stream)


def test_who_waits_for_the_whole_answer_sees_no_new_beginning() -> None:
    assert as_runnable(Told(*RESTARTED)).invoke("hi") == "two"
    assert list(as_runnable(Told(*RESTARTED), whole=True).stream("hi")) == ["two"]
    assert list(as_runnable(Told(*RESTARTED), whole=True).bind(seed=1).stream("hi")) == ["two"]


def test_a_new_beginning_before_any_text_goes_unseen() -> None:
    told = Told(StreamRestarted("cut"), TextDelta("two"), answer("two"))
    assert list(as_runnable(told).stream("hi")) == ["two"]


def test_a_stream_without_an_answer_is_cut() -> None:
    with pytest.raises(StreamCut, match="without an answer"):
        as_runnable(Told()).invoke("hi")
    with pytest.raises(StreamCut, match="without an answer"):
        list(as_runnable(Told(TextDelta("x"))).stream("hi"))


def test_another_model_answers_when_one_is_down() -> None:
    down, other = (
        as_runnable(ScriptedModel([ProviderDown("down")])),
        as_runnable(ScriptedModel(["here I am"])),
    )
    assert joined(list(down.with_fallbacks(other).stream("hi"))) == "here I am"
