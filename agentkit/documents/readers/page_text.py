"""What a page shows, as Markdown, by nothing but the standard library."""

import re

from msgspec import Struct

from agentkit.documents.readers.markup import Markup

_UNSEEN = frozenset("script style template noscript svg math iframe object head select textarea".split())
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form"
    " header hr main nav ol p pre section summary table tbody tfoot thead tr ul li".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# an element of these is closed by nothing, and what follows is not in it
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


class PageText(Struct, frozen=True):
    """A page's title and the text that it shows."""

    title: str
    text: str
    most_attributes: int = 0
    """Of one tag."""


def page_text(source: str) -> PageText:
    r"""The title and the text of a page, however broken its markup is.

    Raises:
        DocumentError: it takes too long to read.

    >>> page_text("<title>T</title><h1>Head</h1><p>One<br>two<ul><li>three</ul>").text
    '# Head\n\nOne\ntwo\n\n- three'
    """
    parser = _Page()
    parser.take(source)
    return PageText(" ".join("".join(parser.title).split()), parser.text(), parser.most_attributes)


class _Page(Markup):
    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.most_attributes = 0
        self._lines: list[str] = []
        self._line = ""
        self._unseen: list[str] = []
        self._in_title = False
        self._pre = 0
        self._cells: list[str] | None = None
        self._rows = 0

    def text(self) -> str:
        self._end_row()
        self._end_line()
        whole = "\n".join(self._lines)
        return re.sub(r"\n{3,}", "\n\n", whole).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.most_attributes = max(self.most_attributes, len(attrs))
        if tag == "title" and not self.title:
            self._in_title = True
            return
        if self._unseen or tag in _UNSEEN:
            # a head is often left open, and closed by what cannot be in it
            if tag not in _VOID and tag in (*_UNSEEN, *self._unseen[:1]):
                self._unseen.append(tag)
            if not (tag == "body" or (self._unseen == ["head"] and tag in _BLOCKS | _HEADINGS.keys())):
                return
            self._unseen = []
        if tag == "br":
            self._end_line()
        elif tag in ("td", "th"):
            self._end_cell()
        elif tag in _HEADINGS:
            self._end_block()
            self._line = "#" * _HEADINGS[tag] + " "
        elif tag == "li":
            self._end_line()
            self._line = "- "
        elif tag == "tr":
            self._end_row()
            self._cells = []
        elif tag in _BLOCKS:
            self._end_block()
            self._pre += tag == "pre"
            self._rows = 0 if tag == "table" else self._rows

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif self._unseen:
            if tag in self._unseen:
                del self._unseen[self._unseen.index(tag) :]
        elif tag in ("td", "th"):
            self._end_cell()
        elif tag == "tr":
            self._end_row()
        elif tag == "li":
            self._end_line()
        elif tag in _BLOCKS or tag in _HEADINGS:
            self._end_block()
            self._pre -= tag == "pre" and self._pre > 0

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif self._unseen:
            return
        elif self._pre:
            *lines, self._line = (self._line + data).split("\n")
            self._lines += lines
        else:
            text = re.sub(r"\s+", " ", data)
            if not self._line or self._line.endswith(" "):
                text = text.lstrip()
            self._line += text

    def _end_line(self) -> None:
        if self._cells is not None:
            # a line end in a cell would end the row
            self._line = f"{self._line.rstrip()} " if self._line.strip() else ""
            return
        line = self._line if self._pre else self._line.rstrip()
        if line.strip() not in ("", "-") and not re.fullmatch(r"#+", line.strip()):
            self._lines.append(line)
        self._line = ""

    def _end_block(self) -> None:
        self._end_line()
        if self._cells is None:
            self._lines.append("")

    def _end_cell(self) -> None:
        if self._cells is not None:
            if self._line.strip():
                self._cells.append(self._line.strip().replace("|", "\\|"))
            self._line = ""

    def _end_row(self) -> None:
        self._end_cell()
        cells, self._cells = self._cells, None
        if cells:
            self._lines.append(f"| {' | '.join(cells)} |")
            if not self._rows:
                self._lines.append(f"|{' --- |' * len(cells)}")
            self._rows += 1
