"""What a page has beside its text: where it leads, its tables, and whether it is more than a shell."""

from urllib.parse import urldefrag, urljoin, urlsplit

from msgspec import Struct

from agentkit.documents.readers.markup import Markup

SHELL = 200
"""Characters: a page that shows less, and has scripts, is made by them."""


class Link(Struct, frozen=True):
    """Where a page leads."""

    url: str
    text: str


class Beside(Struct, frozen=True):
    """What a page has beside its text."""

    links: tuple[Link, ...] = ()
    """Each address once, in their order."""
    tables: tuple[tuple[tuple[str, ...], ...], ...] = ()
    """Rows of cells."""
    scripts: int = 0


def beside(source: str, url: str) -> Beside:
    """The links and tables of a page at an address.

    >>> beside('<a href="/b#c">on</a><a href="mailto:x@y">mail</a>', "https://a.example/").links
    (Link(url='https://a.example/b', text='on'),)
    """
    reader = _Reader(url)
    reader.take(source)
    first = {one.url: one for one in reversed(reader.links)}
    links = tuple(dict.fromkeys(one for one in reader.links if first[one.url] is one))
    tables = tuple(
        tuple(tuple(" ".join("".join(cell).split()) for cell in row) for row in rows)
        for rows in reader.tables
        if len(rows) > 1
    )
    return Beside(links, tables, reader.scripts)


class _Reader(Markup):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.tables: list[list[list[list[str]]]] = []
        """Of each its rows, of each row its cells, of each cell the pieces of its text."""
        self.scripts = 0
        self._base = url
        self._link: str | None = None
        self._words: list[str] = []
        self._open: list[list[list[list[str]]]] = []
        """The tables that are not closed yet, the innermost last."""
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        match tag:
            case "base" if given.get("href"):
                self._base = _joined(self._base, given["href"] or "") or self._base
            case "script":
                self.scripts += 1
            case "a":
                self._end_link()
                self._link = _joined(self._base, given.get("href") or "") if given.get("href") else None
            case "table":
                self._open.append([])
                self.tables.append(self._open[-1])
            case "tr" if self._open:
                self._open[-1].append([])
            case "td" | "th" if self._open:
                if not self._open[-1]:
                    self._open[-1].append([])
                self._open[-1][-1].append([])
                self._in_cell = True
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag == "table" and self._open:
            self._open.pop()
            self._in_cell = bool(self._open)
        elif tag in ("td", "th", "tr"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self._words.append(data)
        if self._in_cell and self._open and self._open[-1] and self._open[-1][-1]:
            self._open[-1][-1][-1].append(data)

    def close(self) -> None:
        super().close()
        self._end_link()

    def _end_link(self) -> None:
        if self._link:
            self.links.append(Link(self._link, " ".join("".join(self._words).split())))
        self._link = None
        self._words = []


def _joined(base: str, href: str) -> str:
    """The address that is meant, without the place in the page; nothing where it is none of the web."""
    try:
        url = urldefrag(urljoin(base, href.strip())).url
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""
