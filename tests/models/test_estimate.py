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
from agentkit.models.estimate import estimated_input, estimated_output, estimated_tokens


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
