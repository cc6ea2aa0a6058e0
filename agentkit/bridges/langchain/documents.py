"""Documents, both ways; LangChain's loaders give theirs."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, cast

from langchain_core.documents import Document as Theirs

from agentkit.core.documents import Chunk, Document, Fact, Hit

_PLAIN = "text/plain"
_DOCUMENT = "document"
_QDRANT = ("_id", "_collection_name")
"""What Qdrant adds to the metadata of what it finds, in the place of an id."""
_SCORE = "score"
_START = "start_index"
"""Where LangChain's splitters note a piece's place in its document."""


def documents_from_langchain(documents: Iterable[Theirs]) -> Iterator[Document]:
    """LangChain's documents, as `loader.lazy_load()` gives them, for our indexes; one at a time.

    Facts are text, numbers and truths; other metadata is written out as text.
    """
    return (document_from_langchain(one) for one in documents)


def documents_to_langchain(documents: Iterable[Document]) -> Iterator[Theirs]:
    """Our documents, for LangChain's splitters and stores; one at a time."""
    return map(document_to_langchain, documents)


def document_to_langchain(document: Document) -> Theirs:
    """One document; its source and its kind stand in the metadata when they say something."""
    said: dict[str, Any] = dict(document.metadata)
    if document.source:
        said["source"] = document.source
    if document.media_type != _PLAIN:
        said["media_type"] = document.media_type
    return Theirs(page_content=document.text, metadata=said, id=document.id)


def document_from_langchain(given: Theirs) -> Document:
    """One document; without an id it has one of its source and its text."""
    metadata = cast("dict[str, Any]", given.metadata)
    source = str(metadata.get("source", ""))
    media_type = str(metadata.get("media_type", _PLAIN))
    facts = {
        name: _fact(value)
        for name, value in metadata.items()
        if value is not None and name not in ("source", "media_type")
    }
    return Document(
        given.id or _id(source, given.page_content), given.page_content, source, media_type, facts
    )


def hit_to_langchain(hit: Hit) -> Theirs:
    """What was found, with its place, its score and the titles that it stands under."""
    chunk = hit.chunk
    metadata = {
        **chunk.metadata,
        "source": chunk.source,
        _DOCUMENT: chunk.document,
        _START: chunk.start,
        "end_index": chunk.end,
        _SCORE: hit.score,
        **({"headings": " > ".join(chunk.headings)} if chunk.headings else {}),
    }
    return Theirs(page_content=chunk.text, metadata=metadata, id=f"{chunk.document}:{chunk.start}")


def hit_from_langchain(given: Theirs, place: int) -> Hit:
    """What their retriever found.

    Args:
        given: The document; its `start_index` and `score` are taken where it has them.
        place: 1 for the best; the score is one over it where there is none.
    """
    document = document_from_langchain(given)
    metadata = dict(document.metadata)
    theirs = [metadata.pop(name, None) for name in _QDRANT]
    name = document.id if given.id or theirs[0] is None else str(theirs[0])
    start = metadata.pop(_START, 0)
    start = start if isinstance(start, int) else 0
    score = metadata.pop(_SCORE, 1 / place)
    chunk = Chunk(
        str(metadata.pop(_DOCUMENT, name)),
        start,
        start + len(document.text),
        document.text,
        source=document.source,
        metadata=metadata,
    )
    return Hit(chunk, float(score) if isinstance(score, int | float) else 1 / place)


def _fact(value: Any) -> Fact:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _id(source: str, text: str) -> str:
    return hashlib.sha256(f"{source}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
