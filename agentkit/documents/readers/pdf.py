"""PDF as text, a form feed between its pages: by pypdfium2, and what that cannot read by pypdf."""

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from agentkit.core.errors import DocumentError
from agentkit.documents.readers.paper import flowing
from agentkit.documents.readers.reading import Read

MOST_PAGES = 10_000
_NOWHERE = logging.NullHandler()


def read_pdf(data: bytes, _charset: str = "") -> Read:
    """The text of a PDF, lines joined to paragraphs, without what every page repeats at its edges.

    Raises:
        DocumentError: it is damaged or locked, holds no text, or no reader is installed.
    """
    pages = _pages(data)
    if not any(page.strip() for page in pages):
        raise DocumentError(
            f"its {len(pages)} pages hold no text, only pictures; they would have to be read by OCR first"
        )
    return Read(flowing(pages), metadata={"pages": len(pages)})


def _pages(data: bytes) -> list[str]:
    """The text of each page, by the first reader that can read it; the second is slower and more lenient."""
    readers = [read for name, read in (("pypdfium2", _by_pdfium), ("pypdf", _by_pypdf)) if find_spec(name)]
    if not readers:
        raise DocumentError("a PDF needs a reader: pip install 'agentkit[pdf]'")
    refused: DocumentError | None = None
    for read in readers:
        try:
            return list(read(data))
        except DocumentError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _by_pdfium(data: bytes) -> Iterator[str]:
    import pypdfium2

    pdfium: Any = pypdfium2
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise DocumentError(f"it cannot be read as PDF: {error}") from error
    try:
        _check_count(len(document))
        for number in range(len(document)):
            page = document[number]
            text = page.get_textpage()
            yield text.get_text_range()
            text.close()
            page.close()
    except pdfium.PdfiumError as error:
        raise DocumentError(f"it cannot be read as PDF: {error}") from error
    finally:
        document.close()


def _by_pypdf(data: bytes) -> Iterator[str]:
    import io

    import pypdf
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").addHandler(_NOWHERE)  # else what it makes of damage goes to the terminal
    try:
        document = pypdf.PdfReader(io.BytesIO(data))
        if document.is_encrypted and not document.decrypt(""):
            raise DocumentError("it is locked by a password")
        _check_count(len(document.pages))
        for page in document.pages:
            yield page.extract_text()
    except DependencyError as error:
        raise DocumentError(f"it is encrypted: {error}") from error
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        # it raises what its code happens to meet in a damaged file
        raise DocumentError(f"it cannot be read as PDF: {error}") from error


def _check_count(pages: int) -> None:
    if pages > MOST_PAGES:
        raise DocumentError(f"it has {pages:,} pages; {MOST_PAGES:,} are the most")
