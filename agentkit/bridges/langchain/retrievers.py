"""Retrievers, both ways."""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document as Theirs
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from agentkit.bridges.langchain.documents import hit_from_langchain, hit_to_langchain
from agentkit.core.documents import Facts, Hit, Retriever
from agentkit.core.errors import UsageError
from agentkit.core.runnable.facade import waited


def retriever_to_langchain(retriever: Retriever, *, k: int = 10, where: Facts | None = None) -> BaseRetriever:
    """A retriever of ours, for LangChain; `k` passages at most, with these facts."""
    return AgentkitRetriever(retriever=retriever, k=k, where=where)


def retriever_from_langchain(retriever: BaseRetriever) -> Retriever:
    """One of LangChain's retrievers, for our chains."""
    return LangChainRetriever(retriever)


class AgentkitRetriever(BaseRetriever):
    """What `retriever_to_langchain` makes."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    retriever: Any = Field(description="a retriever of agentkit")
    k: int = Field(default=10, ge=1)
    where: Any = None

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
        where: Facts | None = None,
    ) -> list[Theirs]:
        return waited(lambda: self._found(query, k, where))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
        where: Facts | None = None,
    ) -> list[Theirs]:
        return await self._found(query, k, where)

    async def _found(self, query: str, k: int | None, where: Facts | None) -> list[Theirs]:
        hits = await self.retriever.retrieve(query, limit=k or self.k, where=where or self.where)
        return [hit_to_langchain(hit) for hit in hits]


class LangChainRetriever:
    """What `retriever_from_langchain` makes."""

    def __init__(self, retriever: BaseRetriever) -> None:
        self.retriever = retriever

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        """What theirs finds, the first `limit` of it.

        Raises:
            UsageError: facts are asked for, which their retrievers have no common way to look for.
        """
        if where:
            raise UsageError(
                "a retriever of LangChain looks for no facts; set its own filter, as "
                "store.as_retriever(search_kwargs={'filter': …})"
            )
        found = await self.retriever.ainvoke(query)
        return [hit_from_langchain(one, place) for place, one in enumerate(found[:limit], 1)]
