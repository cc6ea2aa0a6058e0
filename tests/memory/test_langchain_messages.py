"""Histories of LangChain come in and go out as they are, and what cannot be read is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.messages import SystemMessage as TheirSystem
from langchain_core.messages import ToolMessage as TheirTool

from agentkit.core.errors import UsageError
from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.memory.langchain_messages import history_from_langchain, history_to_langchain

THEIRS = [
    TheirSystem("be kind"),
    HumanMessage("看 the shelf"),
    AIMessage(
        "I look", tool_calls=[{"name": "look", "args": {"deep": [1]}, "id": "c1", "type": "tool_call"}]
    ),
    TheirTool("empty", tool_call_id="c1", name="look", status="error"),
    AIMessage([{"type": "text", "text": "It is "}, {"type": "text", "text": "empty"}]),
]
OURS = (
    SystemMessage("be kind"),
    UserMessage("看 the shelf"),
    AssistantMessage("I look", calls=(ToolCall("c1", "look", {"deep": [1]}),)),
    ToolMessage("c1", "look", "empty", failed=True),
    AssistantMessage("It is empty"),
)


def test_a_history_is_read_in_both_forms() -> None:
    assert history_from_langchain(json.dumps(messages_to_dict(THEIRS))) == OURS
    assert history_from_langchain(dumps(THEIRS)) == OURS
    assert history_from_langchain(json.dumps({"messages": messages_to_dict(THEIRS)})) == OURS


def test_what_we_write_langchain_reads() -> None:
    theirs = messages_from_dict(json.loads(history_to_langchain(OURS)))
    assert [(one.type, one.text if isinstance(one.text, str) else one.text()) for one in theirs] == [
        ("system", "be kind"),
        ("human", "看 the shelf"),
        ("ai", "I look"),
        ("tool", "empty"),
        ("ai", "It is empty"),
    ]
    assert theirs[2].tool_calls == THEIRS[2].tool_calls
    assert theirs[3].status == "error"


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ARGUMENTS = st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-9, 9) | TEXT, max_size=3)
MESSAGES = st.one_of(
    st.builds(UserMessage, TEXT),
    st.builds(SystemMessage, TEXT),
    st.builds(ToolMessage, TEXT.filter(bool), TEXT, TEXT, failed=st.booleans()),
    st.builds(
        AssistantMessage,
        TEXT,
        st.lists(st.builds(ToolCall, TEXT, TEXT, ARGUMENTS), max_size=2).map(tuple),
        st.lists(st.builds(MalformedCall, TEXT, TEXT, TEXT, TEXT), max_size=2).map(tuple),
        TEXT,
    ),
)


@given(st.lists(MESSAGES, max_size=6).map(tuple))
def test_a_history_goes_out_and_comes_back(messages) -> None:
    assert history_from_langchain(history_to_langchain(messages)) == messages


def test_pictures_leave_their_kind_and_thoughts_are_kept_apart() -> None:
    raw = [
        {
            "type": "human",
            "data": {"content": [{"type": "text", "text": "see "}, {"type": "image_url", "image_url": "x"}]},
        },
        {
            "type": "ai",
            "data": {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}]},
        },
        {"type": "chat", "data": {"content": "hi", "role": "assistant"}},
    ]
    assert history_from_langchain(json.dumps(raw)) == (
        UserMessage("see [image_url]"),
        AssistantMessage("ok", reasoning="hm"),
        AssistantMessage("hi"),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("3", "is a int; it must be a list"),
        ("[3]", "message 0 is a int"),
        (
            '[{"type": "human", "data": {"content": "x"}}, {"type": "robot"}]',
            "message 1 is of the kind 'robot'",
        ),
        (
            '[{"type": "ai", "data": {"content": "", "tool_calls": [{"id": "x"}]}}]',
            "message 0 .ai. cannot be read",
        ),
        ('[{"type": "chat", "data": {"content": "", "role": "poet"}}]', "its role is 'poet'"),
        ('[{"type": "human", "data": {"content": 3}}]', "its content is a int"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        history_from_langchain(text)
