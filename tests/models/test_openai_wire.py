import json

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
from agentkit.models.openai_wire import wire_messages

LOOK = ToolCall("a", "look", {"x": "ü"})


def roles(*messages):
    return [message["role"] for message in wire_messages(messages)]


def test_a_call_and_its_result():
    said, told = wire_messages((AssistantMessage(calls=(LOOK,)), ToolMessage("a", "look", "two files")))
    function = {"name": "look", "arguments": json.dumps({"x": "ü"})}
    calls = [{"id": "a", "type": "function", "function": function}]
    assert said == {"role": "assistant", "content": None, "tool_calls": calls}
    assert told == {"role": "tool", "tool_call_id": "a", "content": "two files"}


def test_a_failure_is_marked():
    assert wire_messages((AssistantMessage(calls=(LOOK,)), ToolMessage("a", "look", "no", True)))[1][
        "content"
    ] == ("Error: no")


def test_an_unreadable_call_goes_back_inside_valid_json():
    malformed = MalformedCall("a", "", '{"x": ', "cut")
    said, told = wire_messages((AssistantMessage(malformed=(malformed,)), ToolMessage("a", "", "unreadable")))
    function = said["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"unreadable": '{"x": '}
    assert function["name"] == "unnamed"
    assert told["tool_call_id"] == "a"


def test_a_name_the_model_made_up_is_made_sendable():
    call = ToolCall("a", "notes.read file", {})
    said, _ = wire_messages((AssistantMessage(calls=(call,)),))
    assert said["tool_calls"][0]["function"]["name"] == "notes_read_file"


def test_a_call_without_a_result_is_answered():
    assert (
        wire_messages((AssistantMessage(calls=(LOOK,)),))[1]["content"]
        == "Error: no result of this call is known"
    )


def test_a_result_moves_to_its_call():
    messages = (AssistantMessage(calls=(LOOK,)), UserMessage("hurry"), ToolMessage("a", "look", "two files"))
    assert roles(*messages) == ["assistant", "tool", "user"]


def test_a_result_whose_call_was_forgotten_is_told_in_words():
    assert wire_messages((ToolMessage("a", "look", "two files"),)) == [
        {"role": "user", "content": "Result of look: two files"}
    ]


def test_neighbouring_words_of_the_user_are_one_message():
    wire = wire_messages((UserMessage("the goal"), UserMessage("plan it"), AssistantMessage("1. go")))
    assert [(one["role"], one["content"]) for one in wire] == [
        ("user", "the goal\n\nplan it"),
        ("assistant", "1. go"),
    ]


def test_an_empty_answer_is_not_sent_empty():
    assert wire_messages((AssistantMessage(),))[0]["content"] == "(empty answer)"


IDS = st.sampled_from("abc")
ASSISTANT = st.builds(
    lambda text, ids: AssistantMessage(
        text,
        tuple(ToolCall(i, "look", {}) for i in ids[:2]),
        tuple(MalformedCall(i, "no such tool", "{", "cut") for i in ids[2:]),
    ),
    st.text(max_size=3),
    st.lists(IDS, unique=True),
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(SystemMessage, st.text(max_size=3)),
        st.builds(UserMessage, st.text(max_size=3)),
        ASSISTANT,
        st.builds(ToolMessage, IDS, st.just("look"), st.text(max_size=3), st.booleans()),
    ),
    max_size=9,
)


@given(MESSAGES)
def test_every_conversation_is_one_that_a_strict_server_takes(openai_server, messages):
    assert openai_server.wrong_with(wire_messages(messages)) is None


@given(MESSAGES)
def test_no_result_is_lost(messages):
    sent = json.dumps(wire_messages(messages))
    for message in messages:
        if isinstance(message, ToolMessage):
            assert json.dumps(message.text)[1:-1] in sent
