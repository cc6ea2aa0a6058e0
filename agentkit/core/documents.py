"""Texts that are searched: what they are, where a piece of one stands, and who finds it."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

Fact: TypeAlias = str | int | float | bool
Facts: TypeAlias = Mapping[str, Fact]


class Document(Struct, frozen=True):
    """One text with what is known of it."""

    id: str
    """Its name in an index: the same text of the same source has it again."""
    text: str
    source: str = ""
    """Where it comes from: a path or an address."""
    media_type: str = "text/plain"
    metadata: dict[str, Fact] = {}


class Chunk(Struct, frozen=True):
    """A piece of a document that is found as one."""

    document: str
    """The id of the document."""
    start: int
    """In characters of the document's text."""
    end: int
    """After the last character."""
    text: str
    """Exactly the document's text from start to end."""
    headings: tuple[str, ...] = ()
    """The titles that it stands under, outermost first."""
    source: str = ""
    metadata: dict[str, Fact] = {}


class Hit(Struct, frozen=True):
    """A chunk that was found."""

    chunk: Chunk
    score: float
    """The more, the better; of one search only, and not to be compared with another's."""


class Citation(Struct, frozen=True):
    """A quote and the place that it is said to stand at."""

    document: str
    start: int
    end: int
    quote: str
    verified: bool
    """Whether the document has just these words at this place."""
    source: str = ""


class Embeddings(Protocol):
    """Turns texts into vectors whose angle tells how near their meanings are."""

    @property
    def name(self) -> str:
        """The model's name: vectors of different names are never compared."""
        ...

    @property
    def window(self) -> int:
        """How many tokens of a text it reads; the rest would be lost."""
        ...

    def count(self, text: str) -> int:
        """How many of its tokens the text has."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in order, all of one size and of length 1."""
        ...

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question."""
        ...


MOST_UNKNOWN = 0.1
"""The part of a text's tokens that a model of vectors may not know: above that it is blind for the text."""


@runtime_checkable
class TellsUnknown(Protocol):
    """A model of vectors that says what it cannot read."""

    def unknown(self, text: str) -> float:
        """The part of the text's tokens that stand for nothing it knows, from 0 to 1."""
        ...


class Retriever(Protocol):
    """Finds what answers a question."""

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        """The best first, at most `limit`; with `where` only what has all these facts."""
        ...


class Findings(Struct, frozen=True):
    """What was found, and what could not be asked for it."""

    hits: tuple[Hit, ...]
    failed: Mapping[str, str] = {}
    """The ways to search that failed, by name, with the reason: what only they find is not here."""


@runtime_checkable
class TellsFailures(Protocol):
    """A retriever that goes on with what works, and says what did not."""

    async def find(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Findings:
        """As a `Retriever` does it, with what failed."""
        ...
