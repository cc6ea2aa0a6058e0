from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.protocols import ModelRequest
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import estimated_tokens
from agentkit.models.estimate import estimated_input, estimated_output


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one, two):
    assert (
        estimated_tokens(one) <= estimated_tokens(one + two) <= estimated_tokens(one) + estimated_tokens(two)
    )


def test_everything_that_is_sent_counts():
    text = "x" * 300
    parts = [
        SystemMessage(text),
        UserMessage(text),
        ToolMessage("a", "look", text),
        AssistantMessage(text),
        AssistantMessage(calls=(ToolCall("a", "look", {"t": text}),)),
        AssistantMessage(malformed=(MalformedCall("a", "look", text, "cut"),)),
    ]
    for message in parts:
        assert estimated_input(ModelRequest((message,))) > 100
    assert estimated_input(ModelRequest((), (ToolSpec("look", "", {"description": text}),))) > 100
    assert estimated_output(AssistantMessage(reasoning=text)) > 100


TEXTS = st.lists(st.text(max_size=20), max_size=6)


@given(TEXTS, TEXTS, TEXTS)
def test_a_conversation_that_grew_or_was_cut_is_counted_as_if_it_were_new(one, two, three):
    """What is remembered of a conversation's beginning changes no sum."""
    first = SystemMessage("always the same object")
    for texts in (one, one + two, one + two + three, two, one + three, one):
        messages = (first, *map(UserMessage, texts))
        fresh = (SystemMessage("always the same object"), *map(UserMessage, texts))
        assert estimated_input(ModelRequest(messages)) == estimated_input(ModelRequest(fresh))
