"""Answers whose quotes come beside them in a form, which even a small model can be held to.

`agentkit.chains.answering` lets a model write its citations into the answer, so that it can be streamed; what
is shown to the model, what comes out and when a quote is verified is the same for both.
"""

from pydantic import BaseModel, Field

from agentkit.chains.answering import NOTHING_FOUND, Answered, Sought, fitting, piece_of
from agentkit.chains.citing import looked_up, shown
from agentkit.chains.course import Course, Run
from agentkit.chains.words import Count, ModelStep, Words, as_objects, count_tokens, prompted, room_of
from agentkit.core.runnable.pieces import Pieces

MOST_QUOTES = 8
LONGEST_ANSWER = 1_000
"""Characters. A small model that is held to the form knows no end of its own, and says the same for ever."""
LONGEST_QUOTE = 300


class Quote(BaseModel):
    """Words of a passage."""

    # bounds of the form, and none of what is read: a longer quote is looked up like any other
    passage: int = Field(
        description="the number of the passage", json_schema_extra={"minimum": 1, "maximum": 999}
    )
    quote: str = Field(
        description="words of the passage, exactly as they stand there",
        json_schema_extra={"maxLength": LONGEST_QUOTE},
    )


class Quoted(BaseModel):
    """What a model answers."""

    answer: str = Field(
        description="the answer, shortly",
        json_schema_extra={"maxLength": LONGEST_ANSWER},
    )
    quotes: list[Quote] = Field(
        description="what in the passages shows that the answer is right", max_length=MOST_QUOTES
    )


def quoting(
    model: ModelStep, *, room: int | None = None, count: Count = count_tokens, prompt: Words | None = None
) -> "Quoting":
    """A question and its passages in, an answer with its sources out.

    A quote that stands in another of the passages than the one it is said to be of is verified there.

    Args:
        model: Who answers. It is held to the form where it can be.
        room: Tokens of passages that the question holds; by itself what the model's window leaves, 3,000 at
            most.
        count: How many tokens a text has; an upper estimate by itself.
        prompt: In the place of ours, with the places `question` and `passages`.
    """
    return Quoting(model, room, count, prompt)


class Quoting(Course[Sought, Answered]):
    """What `quoting` makes."""

    def __init__(self, model: ModelStep, room: int | None, count: Count, prompt: Words | None) -> None:
        self.room = room_of(model, room)
        self.count = count
        self._answer = prompted(prompt, "chains/answer-quoting") | as_objects(model, Quoted, prompt)

    async def course(self, value: Sought, run: Run) -> Pieces[Answered]:  # noqa: ARG002 - a form is whole or nothing
        """The passages, the answer, and what it quotes.

        Raises:
            ModelError: the model could not answer, or not in the form.
            UsageError: not even one passage has room.
        """
        question, hits = value["question"], list(value["hits"])
        passages = fitting([shown(n, hit) for n, hit in enumerate(hits, 1)], hits, self.room, self.count)
        hits = hits[: len(passages)]
        yield piece_of(hits=hits)
        if not passages:
            yield piece_of(answer=NOTHING_FOUND, citations=[])
            return
        said = await self._answer.ainvoke({"question": question, "passages": "\n\n".join(passages)})
        yield piece_of(answer=said.answer.strip())
        yield piece_of(citations=looked_up([(one.passage, one.quote) for one in said.quotes], hits))
