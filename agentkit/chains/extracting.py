"""What a text says, as values of a type: one of it, all of it, or a mark out of several."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from agentkit.chains.texts import Text, split_text, text_of
from agentkit.chains.words import (
    Count,
    ModelStep,
    Words,
    as_objects,
    count_tokens,
    prompted,
    room_of,
)
from agentkit.core.runnable import Lambda, Runnable, Transform
from agentkit.core.runnable.pieces import Pieces
from agentkit.prompts.library import Library

if TYPE_CHECKING:
    from pydantic import BaseModel

Kind = TypeVar("Kind", bound="BaseModel")
Mark = TypeVar("Mark", bound=Enum)


def extraction(model: ModelStep, kind: type[Kind], *, prompt: Words | None = None) -> Runnable[Text, Kind]:
    """A text in, what it says as one `kind` out.

    Args:
        model: Who reads. It is held to the schema where it can be.
        kind: A pydantic model; what its fields describe is told to the model.
        prompt: In the place of ours, with the place `text`.
    """
    return Lambda(_as_values) | prompted(prompt, "chains/extract") | as_objects(model, kind, prompt)


def extraction_of_all(
    model: ModelStep,
    kind: type[Kind],
    *,
    room: int | None = None,
    count: Count = count_tokens,
    max_concurrency: int = 4,
    prompt: Words | None = None,
) -> Runnable[Text, list[Kind]]:
    """A text of any length in, every `kind` that it speaks of out, in order and each once.

    A text that is longer than `room` tokens is read in parts; streamed, those of a part come when it and
    the parts before it are read.

    Args:
        model: Who reads.
        kind: A pydantic model.
        room: Tokens of text that one question to the model holds; by itself what its window leaves, 3,000 at
            most.
        count: How many tokens a text has; an upper estimate by itself.
        max_concurrency: Parts that are read at once.
        prompt: In the place of ours, with the place `text`.

    Raises:
        UsageError: `room` or `max_concurrency` is less than one.
    """
    from pydantic import create_model

    listed: Any = list[kind]
    # small models end a list called "found" before it begins, and fill one that is called so
    several = create_model(f"{kind.__name__}List", all_of_them=(listed, ...))
    named = {"kind": kind.__name__} if prompt is None or isinstance(prompt, Library) else {}

    def found(answer: "BaseModel") -> list[Kind]:
        return cast("list[Kind]", getattr(answer, "all_of_them"))  # noqa: B009 - a field that was made above

    def asked(text: str) -> dict[str, str]:
        return {"text": text, **named}

    held = room_of(model, room)

    def parts(text: Text) -> list[str]:
        return split_text(text, held, count)

    ask = Lambda(asked) | prompted(prompt, "chains/extract-all") | as_objects(model, several, prompt) | found
    several_at_once = Lambda(parts) | ask.map(max_concurrency=max_concurrency)
    each_once: Runnable[list[list[Kind]], list[Kind]] = Transform(_each_once)
    return several_at_once | each_once


@overload
def tagging(model: ModelStep, kind: type[Mark], *, prompt: Words | None = None) -> Runnable[Text, Mark]: ...
@overload
def tagging(model: ModelStep, kind: type[Kind], *, prompt: Words | None = None) -> Runnable[Text, Kind]: ...
def tagging(model: ModelStep, kind: type[Any], *, prompt: Words | None = None) -> Runnable[Text, Any]:
    """A text in, its mark out: a member of an enumeration, or a pydantic model with a field for each mark.

    Args:
        model: Who judges. It is held to the marks where it can be.
        kind: An `Enum`, or a pydantic model whose fields are enumerations, literals, numbers or truths.
        prompt: In the place of ours, with the place `text`.
    """
    from pydantic import create_model

    ask = Lambda(_as_values) | prompted(prompt, "chains/tag")
    if not issubclass(kind, Enum):
        return ask | as_objects(model, kind, prompt)
    marked = create_model("Tagged", tag=(kind, ...))

    def tag(answer: "BaseModel") -> Any:
        return getattr(answer, "tag")  # noqa: B009 - a field that was made above

    return ask | as_objects(model, marked, prompt) | tag


def _as_values(text: Text) -> dict[str, str]:
    return {"text": text_of(text)}


async def _each_once(pieces: AsyncIterator[list[list[Kind]]]) -> Pieces[list[Kind]]:
    """What several parts hold, as one list; what two parts share is told once."""
    told: list[Kind] = []
    async for parts in pieces:
        new: list[Kind] = []
        for one in (one for part in parts for one in part):
            if one not in told and one not in new:
                new.append(one)
        told += new
        yield new
