"""Questions in a conversation: made to stand alone, then answered like any other."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import TypedDict, TypeVar

from agentkit.chains.course import Course, Run
from agentkit.chains.words import ModelStep, Words, prompted
from agentkit.core.messages import AssistantMessage, Message, UserMessage
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces

Out = TypeVar("Out", covariant=True)


class Turn(TypedDict):
    """A question and what was said before it, the oldest first."""

    question: str
    history: Sequence[Message]


def conversational(
    model: ModelStep, answer: Runnable[str, Out], *, prompt: Words | None = None
) -> "Conversational[Out]":
    """A turn of a conversation in, what `answer` makes of its question out.

    A question that follows others is first written anew by `model`, so that it is understood without them.

    Args:
        model: Who writes the question anew.
        answer: Any chain that takes a question, as `question_answering` makes one.
        prompt: In the place of ours, with the places `history` and `question`.
    """
    return Conversational(prompted(prompt, "chains/condense") | model, answer)


class Conversational(Course[Turn, Out]):
    """What `conversational` makes."""

    def __init__(self, condense: Runnable[dict[str, str], str], answer: Runnable[str, Out]) -> None:
        self.condense = condense
        self.answer = answer

    async def standing_alone(self, turn: Turn) -> str:
        """The question as it is looked up: as it was asked when nothing was said before it."""
        said = _retold(turn["history"])
        if not said:
            return turn["question"]
        anew = await self.condense.ainvoke({"history": said, "question": turn["question"]})
        # a model that has nothing to say leaves the question as it is
        return anew.strip() or turn["question"]

    async def course(self, value: Turn, run: Run) -> Pieces[Out]:
        """The pieces of the answer."""
        async with aclosing(run(self.answer, await self.standing_alone(value))) as pieces:
            async for piece in pieces:
                yield piece


def _retold(history: Sequence[Message]) -> str:
    """What the person and the model said to each other."""
    who = {UserMessage: "Person", AssistantMessage: "Assistant"}
    return "\n".join(
        f"{who[type(one)]}: {one.text}"
        for one in history
        if isinstance(one, UserMessage | AssistantMessage) and one.text
    )
