"""Messages and models, both ways: what comes through, and what is refused by name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import messages as theirs
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate as TheirPrompt
from langchain_core.tools import tool as their_tool
from pydantic import BaseModel, Field

from agentkit import (
    AssistantMessage,
    ModelRequest,
    ScriptedModel,
    SystemMessage,
    ToolCall,
    ToolMessage,
    ToolSpec,
    UserMessage,
    as_runnable,
    run,
)
from agentkit.bridges.langchain import (
    ChatAgentkit,
    messages_from_langchain,
    messages_to_langchain,
    model_from_langchain,
)
from agentkit.chains import llm_chain
from agentkit.core import errors
from agentkit.core.errors import BadRequest, ModelError, ProviderDown, RateLimited, UsageError
from agentkit.core.messages import MalformedCall
from agentkit.core.protocols import Answer, StreamRestarted, TextDelta

texts = st.text(max_size=20)
calls = st.builds(
    ToolCall, texts.filter(bool), texts.filter(bool), st.dictionaries(texts, st.integers() | texts)
)
spoken = (
    st.builds(SystemMessage, texts)
    | st.builds(UserMessage, texts)
    | st.builds(ToolMessage, texts, texts, texts, st.booleans())
    | st.builds(
        AssistantMessage,
        texts,
        st.lists(calls, max_size=2).map(tuple),
        st.lists(
            st.builds(MalformedCall, texts.filter(bool), texts, texts, texts.filter(bool)), max_size=2
        ).map(tuple),
        texts,
        st.booleans(),
    )
)


@given(st.lists(spoken, max_size=4))
def test_messages_come_back_as_they_were(messages: list[Any]) -> None:
    assert messages_from_langchain(messages_to_langchain(messages)) == tuple(messages)


def test_blocks_of_text_are_joined_and_pictures_are_refused() -> None:
    blocks: Any = [
        {"type": "text", "text": "a"},
        "b",
        {"type": "tool_use", "id": "1", "name": "n", "input": {}},
    ]
    said = AIMessage(content=[{"type": "thinking", "thinking": "hm"}, *blocks])
    assert messages_from_langchain([said]) == (AssistantMessage("ab", reasoning="hm"),)
    picture: Any = [{"type": "image", "url": "https://a.example/b.png"}]
    with pytest.raises(UsageError, match="a HumanMessage holds a block of type 'image'; only text"):
        messages_from_langchain([HumanMessage(content=picture)])
    with pytest.raises(UsageError, match="a RemoveMessage cannot be taken over"):
        messages_from_langchain([theirs.RemoveMessage(id="1")])


class Theirs(BaseChatModel):
    """A model of LangChain's that plays chunks, and keeps what it was asked."""

    chunks: list[Any]
    asked: list[Any] = Field(default_factory=list[Any])

    @property
    def _llm_type(self) -> str:
        return "played"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("whole"))])

    async def _astream(
        self,
        messages: list[Any],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self.asked.append((messages, stop, kwargs))
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield ChatGenerationChunk(
                message=chunk if isinstance(chunk, AIMessageChunk) else AIMessageChunk(chunk)
            )

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)


async def streamed(model: Any, request: ModelRequest) -> list[Any]:
    return [part async for part in model.stream(request)]


async def test_their_model_streams_and_calls_tools_for_ours() -> None:
    call: Any = {"name": "look", "args": '{"path": "a"}', "id": "1", "index": 0, "type": "tool_call_chunk"}
    usage: Any = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    last = AIMessageChunk(
        "", tool_call_chunks=[call], usage_metadata=usage, response_metadata={"finish_reason": "tool_calls"}
    )
    model = Theirs(chunks=["I ", "look", last])
    ours = model_from_langchain(model)
    spec = ToolSpec(
        "look", "Look.", {"type": "object", "properties": {"path": {"type": "string"}}}, {"path": ("a",)}
    )
    request = ModelRequest((UserMessage("Look"),), (spec,), must_call=True, stop=("x",), seed=3)
    first, second, answer = await streamed(ours, request)
    assert (first, second) == (TextDelta("I "), TextDelta("look"))
    assert answer.message == AssistantMessage("I look", (ToolCall("1", "look", {"path": "a"}),))
    assert (answer.usage.total, answer.finish, ours.name) == (10, "calls", "langchain:played")
    messages, stop, settings = model.asked[0]
    assert (messages[0].text, stop, settings["seed"], settings["tool_choice"]) == ("Look", ["x"], 3, "any")
    assert settings["tools"][0]["function"]["parameters"]["properties"]["path"]["enum"] == ["a"]


class Endless(Theirs):
    """Speaks one word and never the next; notes when nobody listens any more."""

    ended: list[str] = Field(default_factory=list[str])

    async def _astream(self, messages: Any, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            yield ChatGenerationChunk(message=AIMessageChunk("one"))
            await asyncio.Event().wait()
        finally:
            self.ended.append("here")


async def test_their_stream_has_ended_when_ours_is_closed() -> None:
    model = Endless(chunks=[])
    async with aclosing(as_runnable(model_from_langchain(model)).astream("?")) as pieces:
        assert await anext(pieces) == "one"
    assert model.ended == ["here"]


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status_code = status


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Refused(401), errors.AuthenticationFailed),
        (Refused(429), RateLimited),
        (Refused(503), ProviderDown),
        (Refused(400), BadRequest),
        (ConnectionResetError("gone"), ProviderDown),
        (ValueError("odd"), ModelError),
    ],
)
async def test_their_errors_are_ours(fault: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"langchain:played: {type(fault).__name__}"):
        await streamed(model_from_langchain(Theirs(chunks=["a", fault])), ModelRequest((UserMessage("?"),)))


def test_their_model_works_in_our_chains_and_our_agent(tmp_path: Path) -> None:
    fake = GenericFakeChatModel(messages=iter([AIMessage("Hello there"), AIMessage('{"port": 80}')]))
    model = as_runnable(model_from_langchain(fake))
    assert list(llm_chain("Greet {who}", model).stream({"who": "Ada"})) == ["Hello", " ", "there"]

    class Server(BaseModel):
        port: int

    # it is held to no schema, so it is asked in words
    assert model.structured(Server).invoke("Which port?") == Server(port=80)
    called = AIMessage(
        "", tool_calls=[{"name": "write_file", "args": {"path": "a.txt", "content": "hi"}, "id": "1"}]
    )
    (tmp_path / "work").mkdir()
    outcome = run(
        "Write hi to a.txt",
        model=model_from_langchain(Theirs(chunks=[]).model_copy(update={"chunks": [_chunk_of(called)]})),
        workspace=tmp_path / "work", journal=tmp_path / "j.db", approve="all", max_steps=1,
    )  # fmt: skip
    assert (tmp_path / "work/a.txt").read_text() == "hi"
    assert outcome.steps == 1


def _chunk_of(message: AIMessage) -> AIMessageChunk:
    call: Any = {"index": 0, "type": "tool_call_chunk", "id": "1", "name": "write_file"}
    arguments = '{"path": "a.txt", "content": "hi"}'
    return AIMessageChunk(message.text, tool_call_chunks=[{**call, "args": arguments}])


def test_our_model_works_in_their_chains() -> None:
    model = ChatAgentkit(model=ScriptedModel(["It is fine.", AssistantMessage("", reasoning="hm")]))
    chain = TheirPrompt.from_messages([("user", "How is {what}?")]) | model | StrOutputParser()
    assert list(chain.stream({"what": "it"})) == ["It", " is", " fine.", ""]
    assert model.invoke("?").additional_kwargs == {"reasoning_content": "hm"}


@their_tool("add")
def add_theirs(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="temprature"):
        ChatAgentkit(model=ScriptedModel([]), temprature=1)  # pyright: ignore[reportCallIssue]
    with pytest.raises(UsageError, match="a call has no setting colour"):
        ChatAgentkit(model=ScriptedModel(["a"])).invoke("?", colour="red")
    with pytest.raises(UsageError, match="tool_choice = 'sing' is the name of no tool; the tools: add"):
        ChatAgentkit(model=ScriptedModel([])).bind_tools([add_theirs], tool_choice="sing")
    with pytest.raises(UsageError, match="method = 'magic' cannot be"):
        ChatAgentkit(model=ScriptedModel([])).with_structured_output({"title": "a"}, method="magic")


def test_each_setting_of_our_model_reaches_the_request() -> None:
    scripted = ScriptedModel(["a", "b"])
    model = ChatAgentkit(model=scripted, temperature=0.5, max_tokens=7, stop=["x"], top_p=0.9, seed=3)
    model.invoke("?")
    model.invoke("?", temperature=0.1, stop=["y"])
    first, second = scripted.requests
    assert (first.temperature, first.max_tokens, first.stop, first.top_p, first.seed) == (
        0.5,
        7,
        ("x",),
        0.9,
        3,
    )
    assert (second.temperature, second.stop) == (0.1, ("y",))


class Restarting(ScriptedModel):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        yield TextDelta("half")
        yield StreamRestarted("it broke off")
        yield TextDelta("whole")
        yield Answer(AssistantMessage("whole"))


def test_a_stream_that_begins_anew_says_nothing_twice() -> None:
    model = ChatAgentkit(model=Restarting([]))
    assert model.invoke("?").text == "whole"
    with pytest.raises(errors.StreamCut, match="began its answer anew"):
        list(model.stream("?"))
