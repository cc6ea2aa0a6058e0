"""All that is remembered of one person of one tenant."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from agentkit.memory import forgetting
from agentkit.memory.conversation import Conversation
from agentkit.memory.entity import Known, known, names
from agentkit.memory.fact import Origin
from agentkit.memory.facts import Facts
from agentkit.memory.forgetting import Receipt
from agentkit.memory.handle import Handle, checked_name
from agentkit.memory.hygiene import Hygiene, hygiene
from agentkit.memory.recall import Recall, recall


class Talk(Struct, frozen=True):
    """A conversation in a list."""

    name: str
    messages: int
    first: float
    """When it began, in seconds since the epoch."""
    last: float


class Scope:
    """One person's memory. Whatever is asked through it, nothing of anybody else is found."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.facts = Facts(handle)

    def conversation(self, name: str) -> Conversation:
        """The conversation of that name; it begins with its first message.

        Raises:
            UsageError: the name is no line.
        """
        return Conversation(self.handle, checked_name("conversation", name))

    def conversations(self) -> tuple[Talk, ...]:
        """The conversations, in the order in which they began."""
        rows = self.handle.all(
            "SELECT c.name, count(*), min(m.at), max(m.at) FROM conversations c "
            "JOIN messages m ON m.conversation = c.id WHERE c.scope = ? GROUP BY c.id ORDER BY c.id"
        )
        return tuple(Talk(*row) for row in rows)

    async def recall(
        self,
        question: str,
        *,
        limit: int = 5,
        since: float | None = None,
        until: float | None = None,
        without: Sequence[str] = (),
        trusted: bool = False,
    ) -> Recall:
        """The facts and messages that bear most on a question; see `agentkit.memory.recall.recall`."""
        return await recall(
            self.handle, question, limit=limit, since=since, until=until, without=without, trusted=trusted
        )

    async def aclose(self) -> None:
        """Close the model of vectors, where there is one and it is to be closed; the file stays open."""
        close: Any = getattr(self.handle.embeddings, "aclose", None)
        if close is not None:
            await close()

    def about(self, name: str, limit: int = 3) -> Known:
        """What is known of somebody or something, and the newest `limit` messages that name it."""
        return known(self.handle, name, limit)

    def names(self) -> tuple[tuple[str, str, int], ...]:
        """Every name, what it names, and in how many messages; the commonest first."""
        return names(self.handle)

    def forget(
        self,
        *,
        messages: Iterable[int] = (),
        facts: Iterable[int] = (),
        conversation: str | None = None,
        name: str | None = None,
        everything: bool = False,
    ) -> Receipt:
        """Forget what is named, what rests on it, what memory told of it, and its bytes in the files.

        Args:
            messages: Ids; with them go facts that rest on them and summaries that cover them.
            facts: Ids; the messages that they rest on stay, save for those that say nothing else.
            conversation: All messages of it.
            name: All messages that name somebody, all facts about them, and what is written with that name.
            everything: All of this person.

        Raises:
            NotRemembered: an id names nothing here; then nothing is forgotten.
        """
        if everything:
            return forgetting.forget_all(self.handle)
        return forgetting.forget(
            self.handle, messages=messages, facts=facts, conversation=conversation, name=name
        )

    def expire(
        self, *, facts: Mapping[Origin, float] | None = None, messages: float | None = None
    ) -> Receipt:
        """Forget what is older than these seconds; see `agentkit.memory.forgetting.expire`."""
        return forgetting.expire(self.handle, facts=facts, messages=messages)

    def hygiene(self) -> Hygiene:
        """What a person would want to look at, or to forget."""
        return hygiene(self.handle)
