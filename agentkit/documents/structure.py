"""What a text consists of: sections under headings, and in them blocks that belong together."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from agentkit.documents import media_types as kinds
from agentkit.documents.headings import FENCE, Heading, definitions, html_headings, markdown_headings

Span: TypeAlias = tuple[int, int]
Cut: TypeAlias = Callable[[str, int, int], Iterator[Span]]
"""Where the blocks between two places of a text begin and end; together they are all of it."""


class Section(Struct, frozen=True):
    """A part of a text under one heading, its heading line included."""

    start: int
    end: int
    headings: tuple[str, ...]
    """Outermost first."""
    cut: Cut
    in_lines: bool = False
    """Whether its smallest parts are lines rather than sentences."""

    def blocks(self, text: str) -> Iterator[Span]:
        """Where each block begins and ends; together they are the section."""
        return self.cut(text, self.start, self.end)


def sections(text: str, media_type: str) -> list[Section]:
    """The sections of a text of this type, which together are the whole of it."""
    if media_type in kinds.TABLES:
        return _table(text)
    if media_type in kinds.PROGRAMS:
        return _under(text, definitions(text), paragraphs, in_lines=True)
    if media_type == kinds.HTML:
        return _under(text, html_headings(text), html_blocks)
    if media_type == kinds.JSON:
        return [Section(0, len(text), (), json_blocks, in_lines=True)]
    if media_type == kinds.JSON_LINES:
        return [Section(0, len(text), (), each_line, in_lines=True)]
    if media_type == kinds.MARKDOWN:
        return _under(text, markdown_headings(text), markdown_blocks)
    return [Section(0, len(text), (), paragraphs)]


def _under(text: str, headings: Iterator[Heading], cut: Cut, *, in_lines: bool = False) -> list[Section]:
    """The parts from each heading to the next, with the titles of those that they stand under."""
    found: list[Section] = []
    above: list[Heading] = []
    for heading, after in pairwise([Heading(0, 0, ""), *headings, Heading(len(text), 0, "")]):
        above = [*(other for other in above if other.level < heading.level), heading]
        if heading.start < after.start:
            titles = tuple(other.title for other in above if other.level)
            found.append(Section(heading.start, after.start, titles, cut, in_lines))
    return found


_BLANK = re.compile(r"\n(?:[ \t]*\n)+|\f\s*")


def paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    """What blank lines and the ends of pages part."""
    return _after(_BLANK, text, start, end)


def markdown_blocks(text: str, start: int, end: int) -> Iterator[Span]:
    """Paragraphs, but a fenced piece of code is one block."""
    for found in FENCE.finditer(text, start, end):
        yield from paragraphs(text, start, found.start())
        start = found.end()
        yield found.span()
    yield from paragraphs(text, start, end)


_BLOCK = re.compile(
    r"</(?:p|div|section|article|ul|ol|li|table|tr|pre|blockquote|dl|dd|figure|form|h[1-6])\s*>\s*",
    re.IGNORECASE,
)


def html_blocks(text: str, start: int, end: int) -> Iterator[Span]:
    """What the ends of elements part that stand in lines of their own."""
    return _after(_BLOCK, text, start, end)


_LINE = re.compile(r"\n")


def each_line(text: str, start: int, end: int) -> Iterator[Span]:
    """Every line by itself."""
    return _after(_LINE, text, start, end)


def _after(ending: re.Pattern[str], text: str, start: int, end: int) -> Iterator[Span]:
    """What lies between the matches of a pattern, each with the match that ends it."""
    for found in ending.finditer(text, start, end):
        yield start, found.end()
        start = found.end()
    if start < end:
        yield start, end


def _table(text: str) -> list[Section]:
    """Rows, under the names of the columns."""
    first = next(csv_rows(text, 0, len(text)), (0, 0))[1]
    names = " ".join(text[:first].split())[:300]
    parts = [(0, first, ()), (first, len(text), (names,))]
    return [Section(a, b, titles, csv_rows, in_lines=True) for a, b, titles in parts if a < b]


_ROW = re.compile(r'(?:[^"\n]++|"(?:[^"]++|"")*+"?)*+(?:\n|\Z)')


def csv_rows(text: str, start: int, end: int) -> Iterator[Span]:
    """The rows of a table (RFC 4180): a line end in quotes ends none."""
    while start < end:
        found = _ROW.match(text, start, end)
        after = found.end() if found else end
        yield start, after
        start = after


_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


def json_blocks(text: str, start: int, end: int) -> Iterator[Span]:
    """The values of the outermost array or object, each with its comma; of broken JSON too."""
    depth = 0
    for found in _MARK.finditer(text, start, end):
        mark = found[0]
        depth += (mark in "[{") - (mark in "]}")
        if mark == "," and depth <= 1:
            after = min(found.end() + (text[found.end() : found.end() + 1] == "\n"), end)
            yield start, after
            start = after
    if start < end:
        yield start, end
