"""LangChain's parts in agentkit, and agentkit's in LangChain (`docs/langchain.md`).

`to_langchain` and `from_langchain` take whatever has a counterpart; what each part is made of is said by
the function that makes it.
"""

try:
    import langchain_core as _langchain_core
except ImportError as error:
    from agentkit.core.errors import UsageError

    raise UsageError(
        "the bridge needs langchain-core, which is not installed; install agentkit[langchain]"
    ) from error

from agentkit.bridges.langchain.agents import agent_node, agent_runnable
from agentkit.bridges.langchain.documents import documents_from_langchain, documents_to_langchain
from agentkit.bridges.langchain.embeddings import embeddings_from_langchain, embeddings_to_langchain
from agentkit.bridges.langchain.messages import messages_from_langchain, messages_to_langchain
from agentkit.bridges.langchain.models_in import LangChainModel, model_from_langchain
from agentkit.bridges.langchain.models_out import ChatAgentkit
from agentkit.bridges.langchain.parts import from_langchain, to_langchain
from agentkit.bridges.langchain.retrievers import retriever_from_langchain, retriever_to_langchain
from agentkit.bridges.langchain.runnables import runnable_from_langchain, runnable_to_langchain
from agentkit.bridges.langchain.stores import AgentkitVectorStore, LangChainStore, store_from_langchain
from agentkit.bridges.langchain.tools import tool_from_langchain, tool_to_langchain
from agentkit.bridges.langchain.vectors import LangChainVectors, vectors_from_langchain

__all__ = [
    "AgentkitVectorStore",
    "ChatAgentkit",
    "LangChainModel",
    "LangChainStore",
    "LangChainVectors",
    "agent_node",
    "agent_runnable",
    "documents_from_langchain",
    "documents_to_langchain",
    "embeddings_from_langchain",
    "embeddings_to_langchain",
    "from_langchain",
    "messages_from_langchain",
    "messages_to_langchain",
    "model_from_langchain",
    "retriever_from_langchain",
    "retriever_to_langchain",
    "runnable_from_langchain",
    "runnable_to_langchain",
    "store_from_langchain",
    "to_langchain",
    "tool_from_langchain",
    "tool_to_langchain",
    "vectors_from_langchain",
]

del _langchain_core
