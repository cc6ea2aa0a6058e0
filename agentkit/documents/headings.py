"""Where the parts of a text begin, and what they are called."""

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

LONGEST_TITLE = 200
"""Characters of a title that are kept."""


class Heading(Struct, frozen=True):
    """Where a part begins, how deep it lies (1 is outermost), and its title."""

    start: int
    level: int
    title: str


FENCE = re.compile(
    r"^ {0,3}(`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
"""A fenced piece of code in Markdown (CommonMark 4.5)."""
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*")
_NO_TITLE = re.compile(r"\s*(?:[-*+>#|]|$)")


def markdown_headings(text: str) -> Iterator[Heading]:
    """The headings of Markdown, marked or underlined, that do not stand in code."""
    code = iter([*(found.span() for found in FENCE.finditer(text)), (len(text), len(text))])
    fence = next(code)
    before = (0, "")
    for start, line in lines_of(text):
        while start >= fence[1] and fence[0] < len(text):
            fence = next(code)
        if fence[0] <= start < fence[1]:
            before = (start, "")
            continue
        if found := _ATX.fullmatch(line):
            yield Heading(start, len(found[1]), found[2].strip().rstrip("#").rstrip()[:LONGEST_TITLE])
        elif (found := _UNDERLINE.fullmatch(line)) and not _NO_TITLE.match(before[1]):
            yield Heading(before[0], 1 if found[1][0] == "=" else 2, before[1].strip()[:LONGEST_TITLE])
        before = (start, line)


_HTML = re.compile(r"<h([1-6])\b[^<>]{0,500}>(.{0,2000}?)</h\1\s*>", re.IGNORECASE | re.DOTALL)


def html_headings(text: str) -> Iterator[Heading]:
    """The elements h1 to h6 of a page's source."""
    for found in _HTML.finditer(text):
        title = " ".join(re.sub(r"<[^<>]*>", " ", found[2]).split())
        yield Heading(found.start(), int(found[1]), title[:LONGEST_TITLE])


_WORDS = (
    "def|class|func|fn|function|struct|enum|union|trait|impl|interface|module|namespace|object|record|protocol"
    "|extension|sub|proc|macro_rules!|defmodule|defp|contract|service|message|rpc"
)
_MODIFIERS = (
    "export|default|declare|public|private|protected|internal|static|final|abstract|sealed|open|async|pub"
    "|unsafe|extern|const|inline|override|virtual|data|case|companion|local|partial|typedef"
)
_NAMED = re.compile(rf"[ \t]*(?:(?:{_MODIFIERS})(?:\(\w+\))?[ \t]+)*(?:{_WORDS})\b.*")
_TYPED = re.compile(
    r"[ \t]{0,4}(?!(?:if|for|while|switch|else|return|catch|do)\b)"
    r"[A-Za-z_][^(){};=\"']*[ \t*&][\w:~]+\([^;{}]*\{"
)
"""A type before the name and a brace at the end, as C and Java write functions."""
_BELONGS = re.compile(r"[ \t]*(?:@|#\[|//|/\*|\*|#(?!!|include|define|if|endif)|--|\[)")
_LONGEST_LINE = 300
"""Characters of a line that may begin a definition: longer ones were written by no person."""


def definitions(text: str) -> Iterator[Heading]:
    """Where each function and class of a program begins, with the decorators and comments right above it."""
    above: int | None = None
    for start, line in lines_of(text):
        if len(line) <= _LONGEST_LINE and (_NAMED.fullmatch(line) or _is_typed(line)):
            level = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip()) + 1
            title = " ".join(line.split()).rstrip(" {:(,")
            yield Heading(start if above is None else above, level, title[:LONGEST_TITLE])
            above = None
        elif _BELONGS.match(line):
            above = start if above is None else above
        else:
            above = None


def _is_typed(line: str) -> bool:
    line = line.rstrip()
    return line.endswith("{") and "(" in line and bool(_TYPED.fullmatch(line))


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Where each line begins, and the line without its end."""
    ends = (found.start() for found in re.finditer(r"\n", text))
    for before, end in pairwise([-1, *ends, len(text)]):
        yield before + 1, text[before + 1 : end]
