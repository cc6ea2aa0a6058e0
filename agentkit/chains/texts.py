"""Texts as chains are given them, and a chain done to each of several."""

from collections.abc import Iterable
from typing import TypeAlias, TypeVar

from agentkit.chains.words import Count
from agentkit.core.documents import Chunk, Document, Hit
from agentkit.core.errors import UsageError
from agentkit.core.runnable import Lambda, Runnable
from agentkit.documents.split import split

Out = TypeVar("Out")

Text: TypeAlias = str | Document | Chunk | Hit
"""Text, or something of an index that has one."""


def text_of(given: Text) -> str:
    """The text.

    Raises:
        UsageError: it has none.
    """
    match given:
        case str():
            return given
        case Document() | Chunk():
            return given.text
        case Hit():
            return given.chunk.text
        case _:
            raise UsageError(f"a text is a str, Document, Chunk or Hit; found {type(given).__name__}")


def split_text(given: Text, room: int, count: Count) -> list[str]:
    """The text in parts of at most `room` tokens, cut where it is cut least; one that fits is one part."""
    text = text_of(given)
    if count(text) <= room:
        return [text]
    document = given if isinstance(given, Document) else Document("", text)
    return [chunk.text for chunk in split(document, room, count)]


def map_documents(
    step: Runnable[str, Out], *, max_concurrency: int = 4
) -> Runnable[Iterable[Text], list[Out]]:
    """`step` done to the text of every document, in order; streamed, each answer as soon as it is there.

    Args:
        step: What is done to a text. A prompt takes one as `(lambda text: {"text": text}) | prompt | model`.
        max_concurrency: Documents that are worked on at once.
    """

    def texts(given: Iterable[Text]) -> list[str]:
        return [text_of(one) for one in given]

    return Lambda(texts) | step.map(max_concurrency=max_concurrency)
