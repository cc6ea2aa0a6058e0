"""Files as text: which encoding and line ends a file has, and how to keep them."""

import re
from dataclasses import dataclass, replace

from agentkit.core.counting import counted as counted
from agentkit.core.errors import ToolFault
from agentkit.documents.boms import BOMS

# tab, line ends, form feed and escape occur in text; other control characters hardly do
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROL = 0.02


@dataclass(frozen=True, slots=True)
class Text:
    """A file's characters with what it takes to write them back as they were."""

    raw: str
    """The characters, line ends as they are in the file."""
    encoding: str = "utf-8"
    bom: bytes = b""

    @property
    def shown(self) -> str:
        """The characters with every line end as a plain newline."""
        return self.raw.replace("\r\n", "\n")

    @property
    def newline(self) -> str:
        """The line end that most of the file's lines have."""
        crlf = self.raw.count("\r\n")
        return "\r\n" if crlf > self.raw.count("\n") - crlf else "\n"

    @property
    def note(self) -> str:
        """A word on the encoding where it is not plain UTF-8, else nothing."""
        if self.encoding == "utf-8":
            return ""
        return f"[the file is encoded in {self.encoding}]"

    def with_raw(self, raw: str) -> "Text":
        """The same file with other characters."""
        return replace(self, raw=raw)

    def in_its_lines(self, text: str) -> str:
        """`text` with the line ends of this file."""
        return text.replace("\r\n", "\n").replace("\n", self.newline)

    def to_bytes(self) -> bytes:
        """The bytes of the file.

        Raises:
            ToolFault: the file's encoding lacks a character.
        """
        return self.bom + encoded(self.raw, self.encoding)


def encoded(text: str, encoding: str = "utf-8") -> bytes:
    """`text` as bytes, or a fault that names the character that cannot be written."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        character = text[error.start]
        if encoding == "utf-8":
            raise ToolFault(
                f"the text holds {character!r}, half a character, which cannot be written"
            ) from None
        raise ToolFault(
            f"the file is encoded in {encoding}, which has no {character!r}; "
            "write the whole file again with write_file to turn it into UTF-8"
        ) from None


def decoded(data: bytes, path: str) -> Text:
    """A file's bytes as text.

    By its mark if it has one, else UTF-8, else cp1252, else latin-1, which can read anything.

    Raises:
        ToolFault: these bytes are no text.
    """
    for bom, encoding in BOMS:
        if data.startswith(bom):
            try:
                return Text(data[len(bom) :].decode(encoding), encoding, bom)
            except UnicodeDecodeError:
                break
    encodings = ("utf-8",) if _looks_random(data) else ("utf-8", "cp1252", "latin-1")
    for encoding in encodings if b"\0" not in data else ():
        try:
            return Text(data.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
    raise ToolFault(
        f'"{path}" is no text: a binary file of {len(data):,} bytes; look into it with run_python, '
        f"opening it with open({path!r}, 'rb')"
    )


def _looks_random(data: bytes) -> bool:
    """Whether bytes that are no UTF-8 have more control characters than any text."""
    start = data[:65536]
    return len(_CONTROL.findall(start)) > _MOST_CONTROL * len(start)


def lines_of(text: str) -> list[str]:
    r"""The lines of a text without their ends; a last newline begins no line.

    >>> lines_of("a\nb\n"), lines_of("")
    (['a', 'b'], [])
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines
