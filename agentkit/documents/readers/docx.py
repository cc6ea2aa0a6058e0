"""Word documents as Markdown, from the XML in their archive; hostile ones are refused.

What is read is WordprocessingML (ECMA-376 part 1): paragraphs, runs, headings by their style or outline
level, lists, tables. Deleted text of tracked changes is left out, and of two forms of one drawing the newer.
"""

import io
import re
import zipfile
import zlib
from typing import Any
from xml.parsers import expat

from agentkit.core.documents import Fact
from agentkit.core.errors import DocumentError
from agentkit.documents.media_types import MARKDOWN
from agentkit.documents.readers.reading import Read

LARGEST_PART = 64 << 20
"""Bytes of one unpacked file in the archive. A page of text takes about 10,000."""
DEEPEST = 256
"""Elements in each other; Word itself writes some twenty."""

_NOTES = ("word/footnotes.xml", "word/endnotes.xml")


def read_docx(data: bytes, _charset: str = "") -> Read:
    """The text of a document with its headings, lists, tables and notes.

    Raises:
        DocumentError: it is no Word document, is damaged, or unpacks to more than text would.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "word/document.xml" not in names:
                raise DocumentError("it is no Word document: word/document.xml is missing")
            styles = _Styles()
            if "word/styles.xml" in names:
                styles.read(_part(archive, "word/styles.xml"))
            body = _Body(styles.levels, styles.lists)
            body.read(_part(archive, "word/document.xml"))
            for name in _NOTES:
                if name in names:
                    body.read(_part(archive, name))
            core = _Core()
            if "docProps/core.xml" in names:
                core.read(_part(archive, "docProps/core.xml"))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        OSError,
        ValueError,
    ) as error:
        raise DocumentError(f"it is no Word document that can be read: {error}") from error
    title = " ".join(core.title.split())
    facts: dict[str, Fact] = {"title": title} if title else {}
    return Read(body.text(), MARKDOWN, facts)


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        # the size that the archive claims is not believed
        data = file.read(LARGEST_PART + 1)
    if len(data) > LARGEST_PART:
        raise DocumentError(f"{name} unpacks to more than {LARGEST_PART:,} bytes, which no text needs")
    return data


class _Reader:
    """Goes through a part element by element, with the prefix of names taken off."""

    def __init__(self) -> None:
        self.depth = 0

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._enter
        parser.EndElementHandler = self._leave
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.buffer_text = True
        self.depth = 0
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise DocumentError(f"its XML is damaged: {error}") from error

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise DocumentError(f"its XML has more than {DEEPEST} elements in each other")
        self.enter(_local(name), {_local(key): value for key, value in attributes.items()})

    def _leave(self, name: str) -> None:
        self.depth -= 1
        self.leave(_local(name))

    def _refuse(self, *_: Any) -> None:
        # entities that double each other would unpack to gigabytes, and others name files
        raise DocumentError("its XML has a document type declaration, which Word writes none of")

    def enter(self, name: str, attributes: dict[str, str]) -> None: ...

    def leave(self, name: str) -> None: ...

    def characters(self, data: str) -> None: ...


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


class _Core(_Reader):
    """What a document says of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self._in_title = False

    def enter(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002
        self._in_title = name == "title"

    def leave(self, name: str) -> None:  # noqa: ARG002
        self._in_title = False

    def characters(self, data: str) -> None:
        if self._in_title:
            self.title += data


class _Styles(_Reader):
    """Which styles are headings or items of a list: Word keeps their English names, whatever it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: dict[str, int] = {}
        self.lists: set[str] = set()
        self._style = ""

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        value = attributes.get("val", "")
        if name == "style":
            self._style = attributes.get("styleId", "")
        elif name == "name" and self._style:
            if found := re.fullmatch(r"heading ([1-9])", value, re.IGNORECASE):
                self.levels[self._style] = int(found[1])
            elif value.lower() == "title":
                self.levels[self._style] = 1
            elif value.lower().startswith("list"):
                self.lists.add(self._style)
        elif name == "outlineLvl" and self._style and value.isdigit() and int(value) < 9:
            self.levels.setdefault(self._style, int(value) + 1)

    def leave(self, name: str) -> None:
        if name == "style":
            self._style = ""


class _Body(_Reader):
    """The paragraphs and tables in their order."""

    def __init__(self, levels: dict[str, int], lists: set[str]) -> None:
        super().__init__()
        self._levels, self._lists = levels, lists
        self._lines: list[str] = []
        self._paragraph = ""
        self._level = 0
        self._in_list = False
        self._in_text = False
        self._hidden = 0
        self._tables: list[list[list[str]]] = []
        """Of tables in each other, the rows so far."""

    def text(self) -> str:
        """All of it, as Markdown."""
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        if self._hidden or name in ("Fallback", "del", "moveFrom"):
            self._hidden += 1
            return
        value = attributes.get("val", "")
        match name:
            case "pStyle":
                self._level = self._levels.get(value, 0)
                self._in_list = self._in_list or value in self._lists
            case "outlineLvl" if value.isdigit() and int(value) < 9:
                self._level = int(value) + 1
            case "numPr":
                self._in_list = True
            case "t":
                self._in_text = True
            case "tab":
                self._paragraph += " " if self._paragraph else ""
            case "br" | "cr":
                self._paragraph += "\n"
            case "noBreakHyphen":
                self._paragraph += "-"
            case "tbl":
                self._tables.append([])
            case "tr" if self._tables:
                self._tables[-1].append([])
            case "tc" if self._tables and self._tables[-1]:
                self._tables[-1][-1].append("")
            case _:
                pass

    def leave(self, name: str) -> None:
        if self._hidden:
            self._hidden -= 1
            return
        if name == "t":
            self._in_text = False
        elif name == "p":
            self._end_paragraph()
        elif name == "tbl" and self._tables:
            self._end_table(self._tables.pop())

    def characters(self, data: str) -> None:
        if self._in_text and not self._hidden:
            self._paragraph += data

    def _end_paragraph(self) -> None:
        text, self._paragraph = self._paragraph.strip(), ""
        level, self._level = self._level, 0
        in_list, self._in_list = self._in_list, False
        if not text:
            return
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            row = self._tables[-1][-1]
            row[-1] = f"{row[-1]} {' '.join(text.split())}".strip()
        elif level:
            self._lines += ["", f"{'#' * min(level, 6)} {' '.join(text.split())}", ""]
        elif in_list:
            self._lines.append(f"- {text}")
        else:
            self._lines += ["", text, ""]

    def _end_table(self, rows: list[list[str]]) -> None:
        rows = [row for row in rows if any(row)]
        cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        lines = [f"| {' | '.join(row)} |" for row in cells]
        if not lines:
            return
        lines.insert(1, f"|{' --- |' * len(rows[0])}")
        if self._tables and self._tables[-1] and self._tables[-1][-1]:
            # a table in a cell: its words are kept, in the cell
            self._tables[-1][-1][-1] += " " + " ".join(cell for row in rows for cell in row)
        else:
            self._lines += ["", *lines, ""]
