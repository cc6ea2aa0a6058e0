"""A file or its bytes as a document: one text, whatever it was written with."""

import hashlib
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

from agentkit.core.documents import Document
from agentkit.core.errors import DocumentError
from agentkit.documents import media_types as kinds
from agentkit.documents.readers.reading import Read, Reader, text_of

LARGEST = 256 << 20
"""Bytes of a file that is read; a larger one is no document."""


def load(source: str | PathLike[str] | bytes, media_type: str = "", *, name: str = "") -> Document:
    """The document in a file, or in bytes that came from somewhere.

    Its `media_type` is that of its text, which the splitter goes by. Where the file was of another, as a
    PDF is, that stands in `metadata["format"]`.

    Args:
        source: A path, or the bytes themselves.
        media_type: What it is, as a `Content-Type` header says it; found by the name where it is not given.
        name: Where bytes come from, an address or a path: the document's source and id.

    Raises:
        DocumentError: it cannot be read: not there, too large, damaged, not text, or its reader is not
            installed.
    """
    if isinstance(source, bytes):
        data = source
    else:
        name = name or str(source)
        data = _bytes_of(Path(source))
    if len(data) > LARGEST:
        raise DocumentError(f"{name or 'the document'} has {len(data):,} bytes; {LARGEST:,} are the most")
    kind, charset = kinds.plain_media_type(media_type)
    kind = kind or kinds.media_type_of(name) or _looked_at(data)
    try:
        read = reader_of(kind)(data, charset)
    except DocumentError as error:
        raise DocumentError(f"{name or 'the document'}: {error}") from error
    facts = read.metadata if read.media_type == kind else {"format": kind, **read.metadata}
    digest = hashlib.sha256(data).hexdigest()[:32]
    return Document(name or digest, read.text, name, read.media_type, facts)


def reader_of(kind: str) -> Reader:
    """The reader for files of a media type; every text that has none of its own is read as it stands.

    Raises:
        DocumentError: files of this type hold no text, or nothing here reads them.
    """
    if kind in _READERS:
        return _READERS[kind]()
    if kind.startswith("text/") or kind in _TEXTS:
        return lambda data, charset: Read(text_of(data, charset), kind)
    raise DocumentError(
        f"no text can be read out of {kind}; known are text of every kind and {', '.join(_READERS)}"
    )


def _bytes_of(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise DocumentError(f"{path} is {'no file' if path.exists() else 'not there'}")
        if (size := path.stat().st_size) > LARGEST:
            raise DocumentError(f"{path} has {size:,} bytes; {LARGEST:,} are the most")
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from error


def _looked_at(data: bytes) -> str:
    """The media type of bytes whose name tells nothing."""
    head = data[:1024].lstrip().lower()
    if data.startswith(b"%PDF-"):
        return kinds.PDF
    if data.startswith(b"PK\x03\x04") and b"word/" in data:
        return kinds.DOCX
    if head.startswith((b"<!doctype html", b"<html")):
        return kinds.HTML
    return kinds.PLAIN


def _html() -> Reader:
    from agentkit.documents.readers.html import read_html

    return read_html


def _pdf() -> Reader:
    from agentkit.documents.readers.pdf import read_pdf

    return read_pdf


def _docx() -> Reader:
    from agentkit.documents.readers.docx import read_docx

    return read_docx


def _notebook() -> Reader:
    from agentkit.documents.readers.notebook import read_notebook

    return read_notebook


_TEXTS = frozenset(
    {
        kinds.JSON,
        kinds.JSON_LINES,
        "application/xml",
        "application/x-yaml",
        "application/yaml",
        "application/toml",
        "application/sql",
        "application/x-sh",
    }
)
_READERS: Mapping[str, Callable[[], Reader]] = {
    kinds.HTML: _html,
    kinds.PDF: _pdf,
    kinds.DOCX: _docx,
    kinds.NOTEBOOK: _notebook,
}
