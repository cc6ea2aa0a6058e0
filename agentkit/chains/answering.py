"""Answers to questions from passages that were found, with what they cite.

`stuff` shows the model all passages at once. `map_reduce` asks each passage alone what it says to the
question and then answers from that. `refine` goes from passage to passage and betters its answer.
"""

from collections.abc import Sequence
from contextlib import aclosing
from itertools import accumulate
from typing import Any, TypeAlias, TypedDict, cast

from agentkit.chains.citing import cited, shown
from agentkit.chains.course import Course, Run
from agentkit.chains.words import (
    Count,
    How,
    ModelStep,
    Words,
    count_tokens,
    files_in,
    prompted,
    require_how,
    room_of,
)
from agentkit.core.documents import Citation, Facts, Hit, Retriever
from agentkit.core.errors import UsageError
from agentkit.core.runnable import Lambda, Runnable
from agentkit.core.runnable.pieces import Pieces
from agentkit.prompts.text import Values

NOTHING_FOUND = "Nothing was found that answers this."
NO_USE = "NOTHING"
"""What a model says of a passage that has no bearing on the question."""


class Sought(TypedDict):
    """A question and the passages it is answered from."""

    question: str
    hits: Sequence[Hit]


class Answered(TypedDict):
    """An answer, what it cites, and the passages that the model was shown; each piece of a stream has one of
    these: first the passages, then the answer as it is written, then what it cites."""  # noqa: D205, D209

    hits: list[Hit]
    answer: str
    citations: list[Citation]


def question_answering(
    model: ModelStep,
    retriever: Retriever,
    *,
    how: How = "stuff",
    limit: int = 5,
    where: Facts | None = None,
    room: int | None = None,
    count: Count = count_tokens,
    max_concurrency: int = 4,
    prompt: Words | None = None,
) -> Runnable[str, Answered]:
    """A question in, an answer with its sources out.

    Args:
        model: Who answers.
        retriever: Who finds the passages.
        how: `stuff`, `map_reduce` or `refine`, as this module says.
        limit: The most passages that are looked for.
        where: Facts that a passage must have.
        room: Tokens of passages that one question to the model holds; by itself what its window leaves,
            3,000 at most.
        count: How many tokens a text has; an upper estimate by itself.
        max_concurrency: Passages that are asked at once, with `map_reduce`.
        prompt: In the place of ours for the answer, with the places `question` and `passages`.

    Raises:
        UsageError: `how` is none of these, or a number cannot be.
    """
    if limit < 1:
        raise UsageError(f"limit = {limit} cannot be; it must be 1 or more passages")

    async def found(question: str) -> Sought:
        return Sought(question=question, hits=await retriever.retrieve(question, limit=limit, where=where))

    from_passages = answering(
        model, how=how, room=room, count=count, max_concurrency=max_concurrency, prompt=prompt
    )
    return Lambda(found) | from_passages


def answering(
    model: ModelStep,
    *,
    how: How = "stuff",
    room: int | None = None,
    count: Count = count_tokens,
    max_concurrency: int = 4,
    prompt: Words | None = None,
) -> "Answering":
    """A question and its passages in, an answer with its sources out; nothing is searched."""
    return Answering(model, how, room, count, max_concurrency, prompt)


class Answering(Course[Sought, Answered]):
    """What `answering` makes."""

    def __init__(
        self, model: ModelStep, how: How, room: int | None, count: Count, most: int, prompt: Words | None
    ) -> None:
        require_how(how)
        self.how: How = how
        self.room = room_of(model, room)
        self.count = count
        self.most = most
        self._answer = prompted(prompt, "chains/answer") | model
        self._note = prompted(files_in(prompt), "chains/answer-note") | model
        self._better = prompted(files_in(prompt), "chains/answer-refine") | model

    async def course(self, value: Sought, run: Run) -> Pieces[Answered]:
        """The passages, the pieces of the answer, and what it cites.

        Raises:
            UsageError: not even one passage has room.
        """
        question, hits = value["question"], list(value["hits"])
        passages = fitting(
            [shown(n, hit) for n, hit in enumerate(hits, 1)],
            hits,
            self.room,
            self.count,
            together=self.how == "stuff",
        )
        hits = hits[: len(passages)]
        yield piece_of(hits=hits)
        last = await self._last(question, passages) if passages else None
        if last is None:
            yield piece_of(answer=NOTHING_FOUND, citations=[])
            return
        text = ""
        async with aclosing(run(*last)) as pieces:
            async for piece in pieces:
                text += piece
                yield piece_of(answer=piece)
        yield piece_of(citations=cited(text, hits))

    async def _last(self, question: str, passages: list[str]) -> "Question | None":
        """The question whose answer is the answer; those before it are asked here."""
        match self.how:
            case "stuff":
                return self._answer, {"question": question, "passages": "\n\n".join(passages)}
            case "map_reduce":
                return await self._from_notes(question, passages)
            case "refine":
                return await self._bettered(question, passages)

    async def _from_notes(self, question: str, passages: list[str]) -> "Question | None":
        """What each passage says to the question is asked first; `None` when none says anything."""
        asked = [{"question": question, "passage": passage} for passage in passages]
        notes = await self._note.abatch(asked, max_concurrency=self.most)
        useful = [f"[{n}] {note.strip()}" for n, note in enumerate(notes, 1) if _says_something(note)]
        kept = useful[: max(1, _many_in(useful, self.room, self.count))]
        return (self._answer, {"question": question, "passages": "\n\n".join(kept)}) if kept else None

    async def _bettered(self, question: str, passages: list[str]) -> "Question":
        """The answer from the first passage is bettered by each of the others."""
        last: Question = self._answer, {"question": question, "passages": passages[0]}
        for passage in passages[1:]:
            step, values = last
            before = await step.ainvoke(values)
            last = self._better, {"question": question, "passage": passage, "answer": before}
        return last


def fitting(
    passages: list[str], hits: Sequence[Hit], room: int, count: Count, *, together: bool = True
) -> list[str]:
    """The passages that are asked about: when they are shown together, the best that have room.

    Raises:
        UsageError: one that has to be shown has no room.
    """
    for passage, hit in list(zip(passages, hits, strict=True))[: 1 if together else None]:
        if (needed := count(passage)) > room:
            raise UsageError(
                f"a passage of {hit.chunk.source or hit.chunk.document} has {needed} tokens and the room "
                f"is {room}; give more room= or split the documents into smaller pieces"
            )
    return passages[: _many_in(passages, room, count)] if together else passages


Question: TypeAlias = tuple[Runnable[Values, str], dict[str, str]]


def _many_in(texts: list[str], room: int, count: Count) -> int:
    """How many of the texts, from the first on, have room together."""
    used = list(accumulate(map(count, texts)))
    return sum(1 for total in used if total <= room)


def _says_something(note: str) -> bool:
    return bool(plain := note.strip().strip(".\"'*[]").strip()) and plain.upper() != NO_USE


def piece_of(**part: Any) -> Answered:
    """A piece of an answer, which holds a part of it."""
    return cast("Answered", part)
