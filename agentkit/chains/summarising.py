"""Summaries of texts of any length.

`stuff` reads everything at once. `map_reduce` sums up each part and then the summaries, as often as it
takes for them to have room together. `refine` goes from part to part and betters its summary.
"""

from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Literal, TypeAlias

from msgspec import Struct

from agentkit.chains.course import Course, Run
from agentkit.chains.texts import Text, split_text, text_of
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
from agentkit.core.errors import UsageError
from agentkit.core.runnable import Lambda, Runnable
from agentkit.core.runnable.pieces import Pieces
from agentkit.prompts.text import Values

Texts: TypeAlias = Text | Iterable[Text]
"""One text, or several that are summed up as one."""

_Last: TypeAlias = tuple[Runnable[Values, str], dict[str, str]]
"""The question whose answer is the summary."""


class Progress(Struct, frozen=True):
    """How far a summary of a long text is."""

    stage: Literal["parts", "summaries", "refining"]
    """What is read: parts of the text, summaries of parts, or part after part by `refine`."""
    done: int
    total: int
    """Questions of this stage; the last one of all, whose answer is the summary, is not counted."""


def summarise(
    model: ModelStep,
    *,
    how: How = "map_reduce",
    room: int | None = None,
    count: Count = count_tokens,
    max_concurrency: int = 4,
    on_progress: Callable[[Progress], object] | None = None,
    prompt: Words | None = None,
) -> "Summarise":
    """Texts in, their summary out; what has room at once is summed up with one question, however it is asked.

    Args:
        model: Who sums up.
        how: `stuff`, `map_reduce` or `refine`, as this module says.
        room: Tokens of text that one question to the model holds; by itself what its window leaves, 3,000 at
            most.
        count: How many tokens a text has; an upper estimate by itself.
        max_concurrency: Parts that are read at once, with `map_reduce`.
        on_progress: Told after each question of a long text.
        prompt: In the place of ours for a summary, with the place `text`.

    Raises:
        UsageError: `how` is none of these, or `room` is less than one.
    """
    require_how(how)
    return Summarise(model, how, room_of(model, room), count, max_concurrency, on_progress or _nobody, prompt)


class Summarise(Course[Texts, str]):
    """What `summarise` makes."""

    def __init__(
        self,
        model: ModelStep,
        how: How,
        room: int,
        count: Count,
        most: int,
        on_progress: Callable[[Progress], object],
        prompt: Words | None,
    ) -> None:
        self.how: How = how
        self.room = room
        self.count = count
        self.most = most
        self.on_progress = on_progress
        self._sum_up = prompted(prompt, "chains/summarise") | model
        self._combine = prompted(files_in(prompt), "chains/summarise-combine") | model
        self._refine = prompted(files_in(prompt), "chains/summarise-refine") | model

    async def course(self, value: Texts, run: Run) -> Pieces[str]:
        """The pieces of the summary.

        Raises:
            UsageError: there is no text, or with `stuff` no room for all of it.
        """
        async with aclosing(run(*await self._last(_listed(value)))) as pieces:
            async for piece in pieces:
                yield piece

    async def _last(self, texts: list[Text]) -> _Last:
        everything = "\n\n".join(text for one in texts if (text := text_of(one).strip()))
        if not everything:
            raise UsageError("there is no text to sum up; found nothing but white space")
        size = self.count(everything)
        if size <= self.room:
            return self._sum_up, {"text": everything}
        if self.how == "stuff":
            raise UsageError(
                f"the text has {size} tokens and the room is {self.room}; "
                "give how='map_reduce' or 'refine', or more room="
            )
        parts = [part for one in texts for part in split_text(one, self.room, self.count)]
        return await (self._reduced(parts) if self.how == "map_reduce" else self._refined(parts))

    async def _reduced(self, parts: list[str]) -> _Last:
        summaries = await self._each(self._sum_up, [{"text": part} for part in parts], "parts")
        while len(groups := self._grouped(summaries)) > 1:
            if len(groups) == len(summaries):
                raise UsageError(
                    f"the summaries do not become shorter than the room of {self.room} tokens; "
                    "give more room= or a model with smaller max_tokens"
                )
            summaries = await self._each(self._combine, [{"summaries": one} for one in groups], "summaries")
        return self._combine, {"summaries": groups[0]}

    async def _refined(self, parts: list[str]) -> _Last:
        last: _Last = self._sum_up, {"text": parts[0]}
        for done, part in enumerate(parts[1:], 1):
            step, values = last
            summary = await step.ainvoke(values)
            self.on_progress(Progress("refining", done, len(parts) - 1))
            last = self._refine, {"summary": summary, "text": part}
        return last

    async def _each(
        self,
        step: Runnable[Values, str],
        values: list[dict[str, str]],
        stage: Literal["parts", "summaries"],
    ) -> list[str]:
        done = 0

        async def told(one: dict[str, str]) -> str:
            nonlocal done
            answer = await step.ainvoke(one)
            done += 1
            self.on_progress(Progress(stage, done, len(values)))
            return answer

        return await Lambda(told).abatch(values, max_concurrency=self.most)

    def _grouped(self, summaries: list[str]) -> list[str]:
        """Neighbouring summaries put together, as many as have room."""
        groups: list[str] = []
        for one in summaries:
            longer = f"{groups[-1]}\n\n{one.strip()}" if groups else ""
            if groups and self.count(longer) <= self.room:
                groups[-1] = longer
            else:
                groups.append(one.strip())
        return groups


def _listed(texts: Texts) -> list[Text]:
    if isinstance(texts, Iterable) and not isinstance(texts, str):
        return list(texts)
    return [texts]


def _nobody(progress: Progress) -> None:
    """Nobody watches."""
