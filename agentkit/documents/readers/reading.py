"""What a reader takes and gives."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from agentkit.core.documents import Fact
from agentkit.core.errors import DocumentError
from agentkit.documents.charset import decode
from agentkit.documents.media_types import PLAIN


class Read(Struct, frozen=True):
    """What a reader got out of a file."""

    text: str
    media_type: str = PLAIN
    """Of the text as it is now: a page becomes Markdown."""
    metadata: dict[str, Fact] = {}


Reader: TypeAlias = Callable[[bytes, str], Read]
"""Takes the bytes, and the charset that was said of them, if any; raises `DocumentError`."""


def text_of(data: bytes, charset: str = "") -> str:
    r"""The text of bytes, its line ends all `\n`.

    Raises:
        DocumentError: they are no text.
    """
    text = decode(data, charset)
    if "\0" in text:
        raise DocumentError("it holds zero bytes, so it is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")
