"""Memories of a chain, under LangChain's names: each is a shape of the one view, or finds what bears on it.

All of them keep what is said in a conversation of a memory file, whole and for as long as it is not
forgotten; they differ in what of it is shown.
"""

from collections.abc import Sequence
from typing import Protocol

from agentkit.core.documents import Retriever
from agentkit.core.messages import AssistantMessage, Message, UserMessage
from agentkit.memory.conversation import Conversation, Summarise
from agentkit.memory.forgetting import Receipt, forget, together
from agentkit.memory.names.entity import Entity
from agentkit.memory.scope import Scope
from agentkit.memory.view import Shape, Size, View, estimated
from agentkit.memory.words import FOUND, fact_in_words, passage_in_words


class ChainMemory(Protocol):
    """What a chain asks of its memory."""

    async def messages(self, question: str = "") -> tuple[Message, ...]:
        """What is shown before the question."""
        ...

    def save(self, question: str, answer: str) -> None:
        """Keep what was asked and answered, both or neither."""
        ...

    def clear(self) -> Receipt:
        """Forget the conversation."""
        ...


class ConversationMemory:
    """A conversation, of which a shape says how much is shown."""

    def __init__(
        self,
        conversation: Conversation,
        shape: Shape | None = None,
        *,
        size: Size = estimated,
        summarise: Summarise | None = None,
    ) -> None:
        self.conversation = conversation
        self.shape = shape or Shape(goal=False)
        self.size = size
        self.summarise = summarise
        self.last: View | None = None
        """What was shown last, with what had left, and why there was no newer summary."""

    async def messages(self, question: str = "") -> tuple[Message, ...]:  # noqa: ARG002 - whatever is asked
        """What is shown before the question."""
        self.last = await self.conversation.shown(self.shape, self.size, self.summarise)
        return self.last.messages

    def save(self, question: str, answer: str) -> None:
        """Keep what was asked and answered, both or neither."""
        self.conversation.add(UserMessage(question), AssistantMessage(answer))

    def clear(self) -> Receipt:
        """Forget the conversation."""
        return forget(self.conversation.handle, conversation=self.conversation.name)


class ConversationBufferMemory(ConversationMemory):
    """All that was said."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(conversation)


class ConversationBufferWindowMemory(ConversationMemory):
    """The last `k` exchanges."""

    def __init__(self, conversation: Conversation, k: int = 5) -> None:
        super().__init__(conversation, Shape(turns=k, goal=False))


class ConversationTokenBufferMemory(ConversationMemory):
    """The newest of what was said that has no more than `max_token_limit` tokens."""

    def __init__(
        self, conversation: Conversation, max_token_limit: int = 2000, *, size: Size = estimated
    ) -> None:
        super().__init__(conversation, Shape(tokens=max_token_limit, goal=False), size=size)


class ConversationSummaryMemory(ConversationMemory):
    """A summary of all that was said."""

    def __init__(self, conversation: Conversation, summarise: Summarise) -> None:
        super().__init__(conversation, Shape(turns=0, summarise=True, goal=False), summarise=summarise)


class ConversationSummaryBufferMemory(ConversationMemory):
    """A summary and the newest of what was said, with no more than `max_token_limit` tokens together."""

    def __init__(
        self,
        conversation: Conversation,
        summarise: Summarise,
        max_token_limit: int = 2000,
        *,
        size: Size = estimated,
    ) -> None:
        shape = Shape(tokens=max_token_limit, summarise=True, goal=False)
        super().__init__(conversation, shape, size=size, summarise=summarise)


class EntityMemory(ConversationMemory):
    """What is known of those whom the question or the last `k` exchanges name, and these exchanges."""

    def __init__(self, scope: Scope, conversation: Conversation, k: int = 3, sentences: int = 3) -> None:
        super().__init__(conversation, Shape(turns=k, goal=False))
        self.scope = scope
        self.sentences = sentences

    async def messages(self, question: str = "") -> tuple[Message, ...]:
        """What is known, then the exchanges."""
        shown = await super().messages(question)
        texts = [question, *(one.text for one in reversed(shown))]
        tagger = self.scope.handle.tagger
        named: list[Entity] = [one for text in texts for one in tagger.entities(text)]
        seen = {one.text for one in shown}
        lines: dict[str, None] = {}
        for name in dict.fromkeys(one.name for one in named):
            known = self.scope.about(name, self.sentences)
            lines.update(dict.fromkeys(map(fact_in_words, known.facts)))
            lines.update(
                (f"- {one.message.text}", None) for one in known.said if one.message.text not in seen
            )
        return (*_found(list(lines)), *shown)


ConversationEntityMemory = EntityMemory
"""The name that LangChain gives it."""


class VectorStoreRetrieverMemory(ConversationMemory):
    """What was said in any of the person's conversations that bears on the question.

    Words find it, and meanings where the memory file was opened with embeddings; another retriever may take
    their place.
    """

    def __init__(
        self, scope: Scope, conversation: Conversation, k: int = 4, retriever: Retriever | None = None
    ) -> None:
        super().__init__(conversation)
        self.scope = scope
        self.k = k
        self.retriever = retriever

    async def messages(self, question: str = "") -> tuple[Message, ...]:
        """What was found, in one message; none without a question."""
        if not question.strip():
            return ()
        if self.retriever is not None:
            hits = await self.retriever.retrieve(question, limit=self.k)
            return _found([f"- {hit.chunk.text}" for hit in hits])
        recalled = await self.scope.recall(question, limit=self.k)
        return _found([*map(fact_in_words, recalled.facts), *map(passage_in_words, recalled.found)])


class CombinedMemory:
    """What several memories show, one after the other; what two of them show is shown once."""

    def __init__(self, *memories: ChainMemory) -> None:
        self.memories = memories

    async def messages(self, question: str = "") -> tuple[Message, ...]:
        """What is shown before the question."""
        shown = [message for one in self.memories for message in await one.messages(question)]
        return tuple(
            message
            for place, message in enumerate(shown)
            if not isinstance(message, UserMessage)
            or not message.text.startswith(FOUND)
            or message not in shown[:place]
        )

    def save(self, question: str, answer: str) -> None:
        """Keep what was asked and answered in each conversation once."""
        for one in self._each():
            one.save(question, answer)

    def clear(self) -> Receipt:
        """Forget all their conversations."""
        return together([one.clear() for one in self._each()])

    def _each(self) -> Sequence[ChainMemory]:
        """One memory for each conversation."""
        kept: dict[object, ChainMemory] = {}
        for one in self.memories:
            kept.setdefault(_place(one), one)
        return list(kept.values())


def _place(memory: ChainMemory) -> object:
    """What two memories that keep in the same conversation share."""
    if not isinstance(memory, ConversationMemory):
        return id(memory)
    handle = memory.conversation.handle
    return handle.database.path, handle.tenant, handle.person, memory.conversation.name


def _found(lines: list[str]) -> tuple[Message, ...]:
    return (UserMessage("\n".join([FOUND, *lines])),) if lines else ()
