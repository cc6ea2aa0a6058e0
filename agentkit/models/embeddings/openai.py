"""`openai:NAME`: embeddings of OpenAI, and of every server that speaks its protocol."""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Unpack

import msgspec
from msgspec import Struct

from agentkit.core.errors import BadRequest, ContextOverflow, MalformedStream, ModelError
from agentkit.core.usage import estimated_tokens
from agentkit.models.embeddings.vectors import Vector, unit
from agentkit.models.openai_faults import quoted
from agentkit.models.server_model import HowAsked, ServerModel

MOST_TEXTS = 64
"""Texts in one request; a server that takes fewer is asked again with half of them."""
MOST_TOKENS = 60_000
"""Tokens in one request; OpenAI takes 300,000."""
WINDOWS = {"text-embedding-": 8191}
"""Tokens that models read whose names begin so."""
USUAL_WINDOW = 512
"""Of a model that nothing is known of: what encoders of the BERT family read."""
_TOO_MANY = re.compile(r"batch|too many|at most|at once|max(imum)?\b.*\b(inputs?|texts?)", re.IGNORECASE)


class _Item(Struct):
    index: int
    embedding: list[float]


class _Answer(Struct):
    data: list[_Item]


class OpenAIEmbeddings(ServerModel):
    """Embeddings behind a server; safe to use from several tasks at once.

    Args:
        name: The model as its server knows it.
        window: Tokens that the model reads; `None` takes what is known of its name, else 512.
        asking: How the server is asked; see `ServerModel`.

    Raises:
        MissingKey: the server needs a key and none is given.
        UsageError: the address is none.
    """

    def __init__(self, name: str, *, window: int | None = None, **asking: Unpack[HowAsked]) -> None:
        super().__init__(name, **asking)
        known = next((size for start, size in WINDOWS.items() if name.startswith(start)), USUAL_WINDOW)
        self._window = window or known
        self._most_texts = MOST_TEXTS

    @property
    def window(self) -> int:
        """Tokens that a text may have."""
        return self._window

    def count(self, text: str) -> int:
        """How many tokens the text has at most, judged from its bytes: the server's tokenizer is not here."""
        return estimated_tokens(text)

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector of length 1 for each text, in order.

        Raises:
            ContextOverflow: a text may be over the window; many servers would cut it in silence.
            ModelError: what went wrong, in the server's words, once no retry is left or would help.
        """
        for place, text in enumerate(texts):
            if (size := self.count(text)) > self._window:
                error = ContextOverflow(
                    f"text {place} has about {size} tokens, and {self.name} reads {self._window}; "
                    f"split it first: {text[:60]!r}…"
                )
                error.window = self._window
                raise error
        found: list[Vector] = []
        for start, end in self._batches(texts):
            found += await self._embedded(texts[start:end])
        return found

    async def embed_query(self, text: str) -> Vector:
        """The vector of a question.

        Raises:
            ContextOverflow: it may be over the window.
            ModelError: the server could not answer.
        """
        [vector] = await self.embed_documents([text])
        return vector

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[int, int]]:
        start, tokens = 0, 0
        for place, text in enumerate(texts):
            size = self.count(text)
            if place > start and (place - start >= self._most_texts or tokens + size > MOST_TOKENS):
                yield start, place
                start, tokens = place, 0
            tokens += size
        if start < len(texts):
            yield start, len(texts)

    async def _embedded(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of one batch, which is halved where the server finds it too large."""
        try:
            return await self._asked(texts)
        except BadRequest as error:
            many = isinstance(error, ContextOverflow) or _TOO_MANY.search(str(error))
            if len(texts) == 1 or not many:
                raise
        half = (len(texts) + 1) // 2
        self._most_texts = min(self._most_texts, half)
        return [*await self._embedded(texts[:half]), *await self._embedded(texts[half:])]

    async def _asked(self, texts: Sequence[str]) -> list[Vector]:
        # an empty text is an error to OpenAI, and a blank is as good
        sent = {"model": self._model, "input": [text or " " for text in texts], "encoding_format": "float"}
        attempt = 1
        while True:
            try:
                return _vectors(await self._server.embedded(sent), len(texts), self._server.safe)
            except ModelError as error:
                failure = self._server.censored(error)
            await self._wait(attempt, failure)
            attempt += 1


def _vectors(body: str, count: int, safe: Callable[[str], str]) -> list[Vector]:
    """The vectors in an answer, in the order of the texts.

    Raises:
        MalformedStream: it holds others than were asked for.
    """
    try:
        items = msgspec.json.decode(body, type=_Answer).data
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedStream(f"the server sent no embeddings ({error}): {quoted(safe(body))}") from None
    if sorted(item.index for item in items) != list(range(count)):
        raise MalformedStream(f"the server was asked for {count} embeddings and sent {len(items)} others")
    ordered = sorted(items, key=lambda item: item.index)
    if len({len(item.embedding) for item in items}) > 1:
        raise MalformedStream("the server sent embeddings of different sizes")
    try:
        return [unit(array("f", item.embedding)) for item in ordered]
    except ValueError as error:
        raise MalformedStream(f"the server sent an embedding that has no direction: {error}") from None
