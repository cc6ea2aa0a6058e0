"""A chain with a memory: it is shown what was said, and what it is asked and answers is kept."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from agentkit.core.errors import UsageError
from agentkit.core.messages import Asked, UserMessage
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces, gathered, joined, once
from agentkit.memory.presets import ChainMemory
from agentkit.prompts.text import Values

In = TypeVar("In")


def with_memory(step: Runnable[Asked, str], memory: ChainMemory) -> "Runnable[str, str]":
    """A step from the person's words to an answer, of one that answers a conversation, such as a model.

    What was asked and answered is kept once the answer is whole: of one that broke off, nothing is.
    """

    async def asked(question: str) -> Asked:
        return (*await memory.messages(question), UserMessage(question))

    return Remembering(step, memory, lambda question: question, asked)


def with_history(
    step: Runnable[Values, str], memory: ChainMemory, *, question: str = "question", history: str = "history"
) -> "Runnable[Values, str]":
    """A step that is given values, of one that takes what was said before as one more of them.

    Args:
        step: Such as a prompt with a placeholder, joined to a model.
        memory: What was said, and where it is kept.
        question: The value that the person said.
        history: What the messages are given as.
    """

    def said(values: Values) -> str:
        text = values.get(question)
        if not isinstance(text, str):
            found = ", ".join(map(str, values)) or "none"
            raise UsageError(
                f"the values have no text {question!r} to remember; found {found}. Name it with question="
            )
        return text

    async def given(values: Values) -> Mapping[str, Any]:
        return {**values, history: list(await memory.messages(said(values)))}

    return Remembering(step, memory, said, given)


class Remembering(Runnable[In, str], Generic[In]):
    """What `with_memory` and `with_history` make."""

    def __init__(
        self,
        step: Runnable[Any, str],
        memory: ChainMemory,
        said: Callable[[In], str],
        given: Callable[[In], Any],
    ) -> None:
        self.step = step
        self.memory = memory
        self._said = said
        self._given = given

    async def ainvoke(self, value: In) -> str:
        """The answer, of a step that is not streamed: it may begin its answer anew."""
        question, given = self._said(value), await self._given(value)
        answer = await self.step.ainvoke(given)
        self.memory.save(question, answer)
        return answer

    async def transform(self, pieces: AsyncIterator[In]) -> Pieces[str]:
        """The pieces of the answer, as they are made."""
        value = await gathered(pieces)
        question, given = self._said(value), await self._given(value)
        made: list[str] = []
        async with aclosing(self.step.transform(once(given))) as answer:
            async for piece in answer:
                made.append(piece)
                yield piece
        self.memory.save(question, joined(made))
