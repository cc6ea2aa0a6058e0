"""Tools, documents, retrievers, stores, steps and agents, both ways."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document as TheirDocument
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import ToolException
from langchain_core.tools import tool as their_tool
from langchain_core.vectorstores import InMemoryVectorStore

from agentkit import (
    Effect,
    Lambda,
    PromptTemplate,
    ScriptedModel,
    ToolCall,
    ToolFault,
    Transform,
    UserMessage,
    as_runnable,
    tool,
)
from agentkit.bridges.langchain import (
    AgentkitVectorStore,
    ChatAgentkit,
    agent_runnable,
    documents_from_langchain,
    documents_to_langchain,
    embeddings_from_langchain,
    embeddings_to_langchain,
    from_langchain,
    retriever_from_langchain,
    store_from_langchain,
    to_langchain,
    tool_from_langchain,
    tool_to_langchain,
)
from agentkit.chains import question_answering
from agentkit.core.documents import Document
from agentkit.core.errors import UsageError
from agentkit.retrieval.index import Index
from agentkit.tooling.schema import InvalidArguments


@their_tool("add")
def add_theirs(a: int, b: int) -> int:
    """Add two numbers."""
    if a == b == 0:
        raise ToolException("nothing to add")
    return a + b


@tool(effect=Effect.PURE)
def add_ours(a: int, b: int) -> int:
    """Add two numbers."""
    if a == b == 0:
        raise ToolFault("nothing to add")
    return a + b


async def test_tools_go_both_ways_with_their_faults() -> None:
    ours = tool_from_langchain(add_theirs, effect=Effect.PURE)
    assert (ours.name, ours.description, ours.idempotent, ours.untrusted) == (
        "add",
        "Add two numbers.",
        True,
        True,
    )
    assert ours.signature.json_schema["properties"]["a"]["type"] == "integer"
    context: Any = None
    assert await ours.run(context, ours.check({"a": 1, "b": 2})) == "3"
    with pytest.raises(InvalidArguments, match="argument b: Field required"):
        ours.check({"a": 1})
    with pytest.raises(ToolFault, match="nothing to add"):
        await ours.run(context, {"a": 0, "b": 0})
    assert tool_from_langchain(add_theirs).effect is Effect.IRREVERSIBLE
    there = tool_to_langchain(add_ours)
    assert await there.ainvoke({"a": 1, "b": 2}) == "3"
    assert await there.ainvoke({"a": 0, "b": 0}) == "nothing to add"
    assert "argument b is missing" in await there.ainvoke({"a": 1})


def test_a_tool_of_files_works_in_the_folder_that_it_is_given(tmp_path: Path) -> None:
    from agentkit.tooling.discovery import installed_tools

    write = tool_to_langchain(installed_tools()["write_file"], tmp_path)
    write.invoke({"path": "a.txt", "content": "hi"})
    assert (tmp_path / "a.txt").read_text() == "hi"
    assert "outside" in write.invoke({"path": "../b.txt", "content": "hi"})
    with pytest.raises(UsageError, match="workspace="):
        tool_to_langchain(installed_tools()["write_file"])


class Loader(BaseLoader):
    def lazy_load(self) -> Iterator[TheirDocument]:
        yield TheirDocument(
            "The boat is red.", metadata={"source": "a.md", "page": 2, "tags": ["x"], "none": None}
        )
        yield TheirDocument("Taxes are due.", id="tax")


def test_their_loaders_feed_our_indexes(tmp_path: Path) -> None:
    first, second = documents_from_langchain(Loader().lazy_load())
    assert (first.source, first.metadata, second.id) == ("a.md", {"page": 2, "tags": "['x']"}, "tax")
    assert next(documents_from_langchain(Loader().lazy_load())).id == first.id
    assert next(documents_to_langchain([second])) == TheirDocument("Taxes are due.", id="tax")
    with Index.open(tmp_path / "i.db") as index:
        store = AgentkitVectorStore(index)
        store.add_documents(list(Loader().lazy_load()))
        found = question_answering(as_runnable(ScriptedModel(['Red [1: "boat is red"].'])), index).invoke(
            "boat?"
        )
        assert [one.verified for one in found["citations"]] == [True]
        assert store.similarity_search("boat", filter={"page": 2})[0].metadata["page"] == 2
        assert store.similarity_search("boat", filter={"page": 3}) == []


FAKE = DeterministicFakeEmbedding(size=8)


async def test_their_store_and_retriever_serve_our_chains(tmp_path: Path) -> None:
    def filter_of(where: Any) -> Any:
        return lambda document: all(document.metadata.get(name) == value for name, value in where.items())

    store = store_from_langchain(InMemoryVectorStore(FAKE), filter_of=filter_of)
    await store.put([Document("d1", "The boat is red.", "a.md", metadata={"n": 1}), Document("d2", "Taxes.")])
    hits = await store.retrieve("The boat is red.", limit=2)
    assert (hits[0].chunk.document, hits[0].chunk.source, hits[0].chunk.metadata) == ("d1", "a.md", {"n": 1})
    assert [one.chunk.document for one in await store.retrieve("Taxes.", where={"n": 1})] == ["d1"]
    await store.remove(["d1"])
    assert [one.chunk.document for one in await store.retrieve("The boat is red.")] == ["d2"]
    retriever = retriever_from_langchain(store.store.as_retriever())
    assert [one.chunk.text for one in await retriever.retrieve("Taxes.", limit=1)] == ["Taxes."]
    with pytest.raises(UsageError, match="looks for no facts"):
        await retriever.retrieve("?", where={"n": 1})
    # as a leg of an index beside its own words
    with Index.open(tmp_path / "i.db") as index:
        index.legs["theirs"] = store
        assert [hit.chunk.text for hit in await index.retrieve("Taxes")] == ["Taxes."]


async def test_embeddings_go_both_ways() -> None:
    ours = embeddings_from_langchain(FAKE, name="fake", window=9)
    (vector,) = await ours.embed_documents(["a"])
    assert sum(one * one for one in vector) == pytest.approx(1)
    assert (ours.name, ours.window, ours.count("abc")) == ("fake", 9, 1)
    there = embeddings_to_langchain(ours)
    assert await there.aembed_query("a") == pytest.approx(list(await ours.embed_query("a")))


async def test_steps_stream_both_ways_and_are_cancelled() -> None:
    async def upper(pieces: AsyncIterator[str]) -> Any:
        async for piece in pieces:
            yield piece.upper()

    rest = asyncio.Event()

    async def held(_: str) -> AsyncIterator[str]:
        yield "a"
        await rest.wait()
        yield "b"

    there = to_langchain(Transform(upper))
    back = from_langchain(RunnableLambda(held) | there)
    async with aclosing(back.astream("?")) as pieces:
        assert await anext(pieces) == "A"
        rest.set()
        assert [piece async for piece in pieces] == ["B"]
    ended: list[str] = []

    async def one_word(pieces: AsyncIterator[str]) -> Any:
        try:
            async for piece in pieces:
                yield piece
                await asyncio.Event().wait()
        finally:
            ended.append("closed")

    async with aclosing(to_langchain(Transform(one_word)).astream("?")) as pieces:
        assert await anext(pieces) == "?"
    assert ended.pop() == "closed"

    async def forever(_: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")
        return ""

    task = asyncio.create_task((to_langchain(Lambda(forever)) | there).ainvoke("?"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["yes"]
    assert await to_langchain(PromptTemplate("Say {what}")).ainvoke({"what": "hi"}) == "Say hi"
    assert there.batch(["a", "b"]) == ["A", "B"]


def test_the_plain_ways_of_a_bridged_step_work() -> None:
    async def upper(pieces: AsyncIterator[str]) -> Any:
        async for piece in pieces:
            yield piece.upper()

    there = to_langchain(Transform(upper))
    assert there.invoke("a") == "A"
    assert list(there.stream("a")) == ["A"]
    model = ChatAgentkit(model=ScriptedModel(["It is fine."]))
    assert list((model | StrOutputParser() | there).stream("?")) == ["IT", " IS", " FINE.", ""]


def test_our_agent_is_a_step_of_theirs(tmp_path: Path) -> None:
    model = ScriptedModel([[ToolCall("1", "list_files", {})], "Nothing is there.", "It is done."])
    agent = agent_runnable(model=model, workspace=tmp_path, journal=tmp_path.parent / f"{tmp_path.name}.db")
    answer = agent.invoke({"messages": [HumanMessage("What is there?"), AIMessage("…")]})
    assert (answer.text, answer.response_metadata["ending"]) == ("Nothing is there.", "finished")
    assert answer.response_metadata["steps"] == 2
    with pytest.raises(UsageError, match="no message of a person"):
        agent.invoke({"messages": []})


def test_what_has_no_counterpart_is_refused() -> None:
    parts: Sequence[Any] = [UserMessage("a"), Document("d", "t"), add_ours, ScriptedModel([])]
    assert [type(one).__name__ for one in to_langchain(parts)] == [
        "HumanMessage", "Document", "StructuredTool", "ChatAgentkit"
    ]  # fmt: skip
    back = from_langchain(
        [HumanMessage("a"), TheirDocument("t"), add_theirs, GenericFakeChatModel(messages=iter([]))]
    )
    assert [type(one).__name__ for one in back] == ["UserMessage", "Document", "Tool", "LangChainModel"]
    for odd in (7, object()):
        with pytest.raises(UsageError, match="is not a model, retriever"):
            to_langchain(odd)
        with pytest.raises(UsageError, match="is not a model, retriever"):
            from_langchain(odd)


def test_without_langchain_the_extra_is_named() -> None:
    program = "import sys; sys.modules['langchain_core'] = None; import agentkit.bridges.langchain"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "install agentkit[langchain]" in done.stderr
