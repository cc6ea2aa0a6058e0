"""Quotes with the place that they stand at, looked up and never believed."""

from agentkit.core.documents import Citation, Document


def cited(document: Document, start: int, end: int) -> Citation:
    """What a document says from start to end, as a citation."""
    return Citation(document.id, start, end, document.text[start:end], True, document.source)


def checked(citation: Citation, document: Document | None) -> Citation:
    """The citation, verified if the document says just this at just this place."""
    holds = (
        document is not None
        and document.id == citation.document
        and 0 <= citation.start < citation.end <= len(document.text)
        and document.text[citation.start : citation.end] == citation.quote
    )
    return Citation(citation.document, citation.start, citation.end, citation.quote, holds, citation.source)


def lines_of(text: str, start: int, end: int) -> tuple[int, int]:
    r"""The first and the last line that a part of a text stands in, from 1.

    >>> lines_of("one\ntwo\nthree", 4, 13)
    (2, 3)
    """
    first = text.count("\n", 0, start) + 1
    return first, first + text[start:end].rstrip("\n").count("\n")
