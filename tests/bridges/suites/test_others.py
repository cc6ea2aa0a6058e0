"""LangChain's own suites for embeddings, vector stores, retrievers and tools, run on ours."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    ToolsIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests, ToolsUnitTests

from agentkit import Effect, tool
from agentkit.bridges.langchain import AgentkitVectorStore, embeddings_from_langchain, tool_to_langchain
from agentkit.bridges.langchain.embeddings import AgentkitEmbeddings
from agentkit.bridges.langchain.retrievers import AgentkitRetriever
from agentkit.core.documents import Document
from agentkit.retrieval.index import Index
from agentkit.retrieval.writing import Entry

pytestmark = pytest.mark.langchain

OURS = embeddings_from_langchain(DeterministicFakeEmbedding(size=16), name="fake")
"""Embeddings of ours; what they are made of does not matter here."""


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return AgentkitEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"embeddings": OURS}


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return AgentkitEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"embeddings": OURS}


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:  # type: ignore[override]
        with Index.open(tmp_path / "index.db", _ours(self.get_embeddings())) as index:
            yield AgentkitVectorStore(index)


def _ours(theirs: Embeddings) -> Any:
    return embeddings_from_langchain(theirs, name="suite")


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def index(self, tmp_path: Path) -> Iterator[None]:
        with Index.open(tmp_path / "index.db") as index:
            index.store.make(index.how.making)
            documents = [Document(f"d{n}", f"Boat number {n} is red.") for n in range(9)]
            index.store.put([Entry(one, index.how.pieces(one)) for one in documents])
            self.searched = index
            yield

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return AgentkitRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self.searched}

    @property
    def retriever_query_example(self) -> str:
        return "red boat"


@tool(effect=Effect.PURE)
def count_words(text: str, words: Sequence[str] = ()) -> int:
    """Count words.

    Args:
        text: Where.
        words: Which; all when there are none.
    """
    return sum(not words or word in words for word in text.split())


EXAMPLE = {"text": "to be or not to be", "words": ["be", "not"]}


class TestToolUnit(ToolsUnitTests):
    @property
    def tool_constructor(self) -> BaseTool:
        return tool_to_langchain(count_words)

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return EXAMPLE


class TestTool(ToolsIntegrationTests):
    @property
    def tool_constructor(self) -> BaseTool:
        return tool_to_langchain(count_words)

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return EXAMPLE
