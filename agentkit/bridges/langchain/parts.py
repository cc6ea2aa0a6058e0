"""Either way by the kind of what is given, for what needs no more to be said of it."""

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable as TheirRunnable
from langchain_core.tools import BaseTool

from agentkit.bridges.langchain.documents import document_from_langchain, documents_to_langchain
from agentkit.bridges.langchain.messages import messages_from_langchain, messages_to_langchain
from agentkit.bridges.langchain.models_in import model_from_langchain
from agentkit.bridges.langchain.models_out import ChatAgentkit
from agentkit.bridges.langchain.retrievers import retriever_from_langchain, retriever_to_langchain
from agentkit.bridges.langchain.runnables import runnable_from_langchain, runnable_to_langchain
from agentkit.bridges.langchain.tools import tool_from_langchain, tool_to_langchain
from agentkit.core.documents import Document
from agentkit.core.errors import UsageError
from agentkit.core.messages import Message
from agentkit.core.runnable import Runnable
from agentkit.tooling.tool import Tool

_ONE_BY_ONE = "a model, retriever, runnable, tool, message or document"


def to_langchain(ours: Any) -> Any:
    """The counterpart of a part of ours: model, retriever, runnable, tool, message, document, or a list.

    Embeddings have a function of their own, as have agents and stores.

    Raises:
        UsageError: it has none, or a function of its own makes it.
    """
    match ours:
        case Runnable():
            return runnable_to_langchain(cast("Runnable[Any, Any]", ours))
        case Tool():
            return tool_to_langchain(ours)
        case Document():
            return next(documents_to_langchain([ours]))
        case list() | tuple():
            return [to_langchain(one) for one in cast("Sequence[Any]", ours)]
        case _ if isinstance(ours, Message):
            return messages_to_langchain([ours])[0]
        case _ if hasattr(ours, "stream") and hasattr(ours, "profile"):
            return ChatAgentkit(model=ours)
        case _ if hasattr(ours, "retrieve"):
            return retriever_to_langchain(ours)
        case _:
            raise UsageError(f"{ours!r} is not {_ONE_BY_ONE} of agentkit")


def from_langchain(theirs: Any) -> Any:
    """The counterpart of a part of LangChain's: model, retriever, runnable, tool, message, document, list.

    Raises:
        UsageError: it has none, or a function of its own makes it.
    """
    from langchain_core.documents import Document as TheirDocument

    match theirs:
        case BaseChatModel():
            return model_from_langchain(theirs)
        case BaseRetriever():
            return retriever_from_langchain(theirs)
        case BaseTool():
            return tool_from_langchain(theirs)
        case TheirRunnable():
            return runnable_from_langchain(cast("TheirRunnable[Any, Any]", theirs))
        case BaseMessage():
            return messages_from_langchain([theirs])[0]
        case TheirDocument():
            return document_from_langchain(theirs)
        case list() | tuple():
            return [from_langchain(one) for one in cast("Sequence[Any]", theirs)]
        case _:
            raise UsageError(f"{theirs!r} is not {_ONE_BY_ONE} of LangChain")
