"""What the chains are tested with: models that are held up, and an index of a few passages."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from agentkit import ScriptedModel, as_runnable
from agentkit.core.documents import Chunk, Facts, Hit
from agentkit.core.messages import Asked, messages_of
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import gathered
from agentkit.models.runnable import ModelText
from agentkit.models.scripted import Scripted


def saying(*answers: Scripted) -> ModelText:
    """A model that plays these answers."""
    return as_runnable(ScriptedModel(answers))


def asked(model: ModelText) -> list[str]:
    """What the person said in each request."""
    scripted = model.model
    assert isinstance(scripted, ScriptedModel)
    return [request.messages[-1].text for request in scripted.requests]


class Answering(Runnable[Asked, str]):
    """A model that answers by what it is asked; streamed, all but the first word waits for `rest`.

    So does the whole answer to what `waits` is true of.
    """

    def __init__(self, answer: Callable[[str], str], waits: Callable[[str], bool] = lambda _: False) -> None:
        self.answer = answer
        self.waits = waits
        self.rest = asyncio.Event()

    async def ainvoke(self, value: Asked) -> str:
        if self.waits(told(value)):
            await self.rest.wait()
        return self.answer(told(value))

    async def transform(self, pieces: AsyncIterator[Asked]) -> AsyncGenerator[str, None]:
        first, *others = self.answer(told(await gathered(pieces))).split(" ")
        yield first
        await self.rest.wait()
        for word in others:
            yield f" {word}"


class Held(Runnable[Asked, str]):
    """A model that never answers, from the question on that `holds` is true of; who waits is counted."""

    def __init__(self, answer: Callable[[str], str], holds: Callable[[str], bool]) -> None:
        self.answer = answer
        self.holds = holds
        self.inside = 0
        self.begun = asyncio.Event()

    async def ainvoke(self, value: Asked) -> str:
        if not self.holds(told(value)):
            return self.answer(told(value))
        self.inside += 1
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.inside -= 1
        return ""

    async def transform(self, pieces: AsyncIterator[Asked]) -> AsyncGenerator[str, None]:
        yield await self.ainvoke(await gathered(pieces))


def told(value: Asked) -> str:
    return "\n".join(message.text for message in messages_of(value))


class Passages:
    """Finds the same passages for every question, and keeps what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.hits = [hit(text, number) for number, text in enumerate(texts, 1)]
        self.asked: list[str] = []

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        self.asked.append(query)
        return self.hits[:limit]


def hit(text: str, number: int = 1) -> Hit:
    """The passage stands a hundred characters into its document."""
    return Hit(Chunk(f"d{number}", 100, 100 + len(text), text, source=f"{number}.md"), 1 / number)


class Letters:
    """Embeddings of texts by how often they hold a few words."""

    name = "letters"
    window = 100
    words = ("boat", "tax", "rain")

    def __init__(self) -> None:
        self.embedded = 0

    def count(self, text: str) -> int:
        return len(text.split())

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.embedded += len(texts)
        return [_vector(text, self.words) for text in texts]

    async def embed_query(self, text: str) -> Sequence[float]:
        return _vector(text, self.words)


def _vector(text: str, words: Sequence[str]) -> Sequence[float]:
    counts = [float(text.lower().count(word)) for word in words]
    length = sum(one * one for one in counts) ** 0.5
    return [one / length for one in counts] if length else counts
