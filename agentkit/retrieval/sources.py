"""Where documents come from: whatever lists them, tells when one is another, and reads it."""

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from agentkit.core.documents import Document
from agentkit.core.errors import DocumentError
from agentkit.documents.load import LARGEST

LEFT_OUT = frozenset({"node_modules", "__pycache__", "venv", "build", "dist", "target", "site-packages"})
"""Folders that hold what was made from something else; hidden ones are left out as well."""


class Item(Struct, frozen=True):
    """A document that a source has."""

    id: str
    """Of the document, in whatever source it is met."""
    digest: Callable[[], bytes]
    """What is another when the document is; it is asked for at every sync.

    Raises:
        DocumentError: it cannot be read now.
    """
    read: Callable[[], tuple[Document, bytes]]
    """The document, and the digest of just what was read.

    Raises:
        DocumentError: it cannot be read now.
    """


class Source(Protocol):
    """Documents that belong together: what one of them is not among any more is gone."""

    @property
    def name(self) -> str:
        """What the index calls it."""
        ...

    def items(self) -> Iterator[Item]:
        """Every document that it has now.

        Raises:
            DocumentError: it cannot be looked at as a whole.
        """
        ...


class Documents:
    """Documents that are at hand, as a source of that name."""

    def __init__(self, name: str, documents: list[Document]) -> None:
        self.name = name
        self._documents = documents

    def items(self) -> Iterator[Item]:
        """Each of them."""
        for document in self._documents:
            yield Item(document.id, partial(digest_of_document, document), partial(_at_hand, document))


class Folder:
    """The files of a folder and of all below it, or a single file.

    Hidden ones and what is made from others are left out, and so are links, which could lead anywhere.
    """

    def __init__(
        self, path: Path, load: Callable[[bytes, str], Document], reads: Callable[[str], bool]
    ) -> None:
        """A folder as a source.

        Args:
            path: The folder, or a file.
            load: Makes a document of a file's bytes and path.
            reads: Whether a file of this name is one that can be read.

        Raises:
            DocumentError: there is nothing at that path.
        """
        self.path = path.resolve()
        if not self.path.exists():
            raise DocumentError(f"{path} is not there; name a folder or a file")
        self.name = str(self.path)
        self.skipped: dict[str, int] = {}
        """After `items`: how many files of each suffix were of no kind that is read."""
        self._load = load
        self._reads = reads

    def items(self) -> Iterator[Item]:
        """Each file that can be read, in the order of their paths.

        Raises:
            DocumentError: a folder cannot be listed: what is in it would seem to be gone.
        """
        self.skipped = {}
        for path in self._files():
            if self._reads(path.name) or path == self.path:
                yield Item(_named(path), partial(_digest, path), partial(self._read, path))
            else:
                suffix = path.suffix.lower() or "no suffix"
                self.skipped[suffix] = self.skipped.get(suffix, 0) + 1

    def _files(self) -> Iterator[Path]:
        if self.path.is_file():
            yield self.path
            return

        def refuse(error: OSError) -> None:
            raise DocumentError(f"{error.filename} cannot be listed: {error.strerror}") from error

        for folder, folders, names in os.walk(self.path, onerror=refuse):
            folders[:] = sorted(name for name in folders if not _hidden(name) and name not in LEFT_OUT)
            for name in sorted(names):
                path = Path(folder, name)
                if not _hidden(name) and path.is_file() and not path.is_symlink():
                    yield path

    def _read(self, path: Path) -> tuple[Document, bytes]:
        content = _bytes(path)
        return self._load(content, _named(path)), digest_of(content)


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _digest(path: Path) -> bytes:
    return digest_of(_bytes(path))


def _named(path: Path) -> str:
    """The path as text; what in it is no text is written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _bytes(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DocumentError(f"{_named(path)} has {size:,} bytes; {LARGEST:,} are the most")
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{_named(path)} cannot be read: {error.strerror or error}") from error


def digest_of(content: bytes) -> bytes:
    """What tells that a file is another one."""
    return hashlib.blake2b(content, digest_size=16).digest()


def digest_of_document(document: Document) -> bytes:
    """The same for one that is at hand."""
    facts = repr((document.source, document.media_type, sorted(document.metadata.items())))
    return digest_of(f"{facts}\n{document.text}".encode("utf-8", "surrogatepass"))


def _at_hand(document: Document) -> tuple[Document, bytes]:
    return document, digest_of_document(document)
