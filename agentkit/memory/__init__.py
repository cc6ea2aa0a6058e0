"""What is kept of conversations, what is known from them, and what a model is shown of both.

`Memory` opens a file, `Memory.of` is one person's part of it; the rest is found from there. What is named
here is loaded when it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentkit.memory.conversation import Conversation, Kept
    from agentkit.memory.entities import Tagger
    from agentkit.memory.fact import Fact, Origin, Written
    from agentkit.memory.forgetting import Receipt
    from agentkit.memory.langchain_messages import history_from_langchain, history_to_langchain
    from agentkit.memory.names.entity import Entity
    from agentkit.memory.presets import (
        ChainMemory,
        CombinedMemory,
        ConversationBufferMemory,
        ConversationBufferWindowMemory,
        ConversationEntityMemory,
        ConversationMemory,
        ConversationSummaryBufferMemory,
        ConversationSummaryMemory,
        ConversationTokenBufferMemory,
        EntityMemory,
        VectorStoreRetrieverMemory,
    )
    from agentkit.memory.scope import Scope
    from agentkit.memory.steps import with_history, with_memory
    from agentkit.memory.store import Memory
    from agentkit.memory.summary import summarised_by
    from agentkit.memory.view import Shape, Summary, View, size_of

_PLACES = {
    "conversation": ("Conversation", "Kept"),
    "entities": ("Tagger",),
    "fact": ("Fact", "Origin", "Written"),
    "forgetting": ("Receipt",),
    "langchain_messages": ("history_from_langchain", "history_to_langchain"),
    "names.entity": ("Entity",),
    "presets": (
        "ChainMemory",
        "CombinedMemory",
        "ConversationBufferMemory",
        "ConversationBufferWindowMemory",
        "ConversationEntityMemory",
        "ConversationMemory",
        "ConversationSummaryBufferMemory",
        "ConversationSummaryMemory",
        "ConversationTokenBufferMemory",
        "EntityMemory",
        "VectorStoreRetrieverMemory",
    ),
    "scope": ("Scope",),
    "steps": ("with_history", "with_memory"),
    "store": ("Memory",),
    "summary": ("summarised_by",),
    "view": ("Shape", "Summary", "View", "size_of"),
}
_LATE = {name: f"agentkit.memory.{place}" for place, names in _PLACES.items() for name in names}

__all__ = [
    "ChainMemory",
    "CombinedMemory",
    "Conversation",
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationEntityMemory",
    "ConversationMemory",
    "ConversationSummaryBufferMemory",
    "ConversationSummaryMemory",
    "ConversationTokenBufferMemory",
    "Entity",
    "EntityMemory",
    "Fact",
    "Kept",
    "Memory",
    "Origin",
    "Receipt",
    "Scope",
    "Shape",
    "Summary",
    "Tagger",
    "VectorStoreRetrieverMemory",
    "View",
    "Written",
    "history_from_langchain",
    "history_to_langchain",
    "size_of",
    "summarised_by",
    "with_history",
    "with_memory",
]


def __getattr__(name: str) -> Any:
    """Load what is named."""
    if name not in _LATE:
        raise AttributeError(f"module 'agentkit.memory' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)
