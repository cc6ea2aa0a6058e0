"""Text as it was set on paper made to flow again: no line ends within paragraphs, no running heads."""

import re
from collections import Counter
from collections.abc import Sequence

EDGE = 3
"""Lines at the top and the bottom of a page among which running heads and page numbers are looked for."""
REPEATED = 0.5
"""The share of pages on which a line stands that belongs to the paper rather than to the text."""
OUTERMOST = 0.1
"""The same for a page's first or last line: it may name the chapter."""
FEWEST = 3
"""Pages from which on something is seen to repeat."""

_ENDS = re.compile(r"[.!?:;。！？：；…][\"'”’)\]」』）】]*$")
_BEGINS = re.compile(
    r"[-*•·–]\s|\(?\d{1,3}[.)、]\s?|[(（]?[一二三四五六七八九十]{1,3}[)）、]|第.{1,4}[章节條条]"
)
_HAN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


def flowing(pages: Sequence[str]) -> str:
    """The text of pages, a form feed between two, lines joined to paragraphs where they go on."""
    lines = [_lines(page) for page in pages]
    running = _running(lines)
    return "\f".join(_joined(_without(page, running)) for page in lines)


def _lines(page: str) -> list[str]:
    text = page.replace("\r\n", "\n").replace("\r", "\n")
    # PDFium writes U+FFFE, or U+0002, for a hyphen and the line end after it
    text = text.replace("\ufffe", "\u00ad\n").replace("\x02", "\u00ad\n")
    return [" ".join(line.replace("\f", " ").split()) for line in text.split("\n")]


def _running(pages: Sequence[list[str]]) -> set[str]:
    """The lines that stand at the edge of many pages, their numbers aside."""
    if len(pages) < FEWEST:
        return set()
    near, outermost = Counter[str](), Counter[str]()
    for page in pages:
        edges = [_shape(line) for line in _edges(page)]
        near.update(set(edges))
        outermost.update({*edges[:1], *edges[-1:]})
    return {
        line
        for seen, share in ((near, REPEATED), (outermost, OUTERMOST))
        for line, count in seen.items()
        if count >= max(FEWEST, share * len(pages))
    }


def _edges(page: Sequence[str]) -> list[str]:
    lines = [line for line in page if line]
    return lines[:EDGE] + lines[-EDGE:] if len(lines) > 2 * EDGE else lines


_NUMBERS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"[-–—\s]*\d{1,5}(?:\s*/\s*\d{1,5})?[-–—\s]*")


def _shape(line: str) -> str:
    """The line with its page number taken out; rows of figures stay as they are."""
    counts = len(_NUMBERS.findall(line)) <= 2 and any(map(str.isalpha, line))
    return _NUMBERS.sub("0", line) if counts or _PAGE_NUMBER.fullmatch(line) else line


def _without(page: Sequence[str], running: set[str]) -> list[str]:
    if not running:
        return list(page)
    edges = set(_edges(page))
    return [line for line in page if not (line in edges and _shape(line) in running)]


def _joined(lines: Sequence[str]) -> str:
    """The lines of a page as paragraphs."""
    lengths = sorted(len(line) for line in lines if line)
    # not the longest: a heading or a table may be far wider than the text
    usual = lengths[len(lengths) * 4 // 5] if lengths else 0
    text = ""
    for before, line in zip(["", *lines], lines, strict=False):
        if not line:
            text = text.rstrip("\n") + "\n\n" if text else ""
        elif not before or not text:
            text += line
        elif text.endswith("\u00ad") or (text.endswith("-") and text[-2:-1].isalpha() and line[0].islower()):
            text = text[:-1] + line
        # a line that stops early, or after a full stop, ends its paragraph
        elif (
            len(before) < 0.7 * usual
            or _BEGINS.match(line)
            or (_ENDS.search(before) and len(before) < 0.9 * usual)
        ):
            text += "\n" + line
        elif _HAN.match(text[-1]) and _HAN.match(line):
            text += line
        else:
            text += " " + line
    return text.strip().replace("\u00ad", "")
