"""What outlives a run: what the tools of an agent ask of its memory."""

from typing import NoReturn, Protocol

from agentkit.core.errors import ToolFault

RECALL = "recall"
RECALL_UNTRUSTED = "recall_untrusted"
"""The tools whose results come out of memory, so that nothing is remembered because of them."""
PACK = "memory"
"""The pack of tools that a run with a memory has, and no other."""


class Remembers(Protocol):
    """The memory of the person that an agent works for."""

    def known(self, task: str, most: int) -> str:
        """What an agent is told of the person before a task, in at most so many characters; or nothing."""
        ...

    def remember(self, subject: str, attribute: str, value: str, quote: str, *, beside: bool) -> str:
        """Remember a fact, and say what came of it.

        Raises:
            ToolFault: nobody said the quote, or the fact came out of memory.
        """
        ...

    async def recall(self, question: str, *, untrusted: bool) -> str:
        """What bears on the question, in words.

        Args:
            question: In any words.
            untrusted: Whether what anybody may have written is told too; else only that there is some.
        """
        ...

    def forget(self, fact: int) -> str:
        """Forget a fact for good.

        Raises:
            ToolFault: there is none of that number.
        """
        ...


class NoMemory:
    """The memory of a run that has none."""

    def known(self, task: str, most: int) -> str:  # noqa: ARG002 - whatever the task
        """Nothing."""
        return ""

    def remember(self, subject: str, attribute: str, value: str, quote: str, *, beside: bool) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise ToolFault(_NONE)

    async def recall(self, question: str, *, untrusted: bool) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise ToolFault(_NONE)

    def forget(self, fact: int) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise ToolFault(_NONE)


_NONE = "this run has no memory; the person can give it one with --memory NAME"
