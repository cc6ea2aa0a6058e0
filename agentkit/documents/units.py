"""A text as the smallest pieces that a chunk is made of, and how much of a break each ends with."""

import re
from collections.abc import Callable, Iterator
from enum import IntEnum

from msgspec import Struct

from agentkit.core.errors import DocumentError
from agentkit.documents.sentences import sentences
from agentkit.documents.structure import Section, each_line

Count = Callable[[str], int]
"""How many tokens a text has."""


class Break(IntEnum):
    """What comes to an end with a unit; the more, the better a chunk ends there."""

    WORDS = 0
    SENTENCE = 1
    BLOCK = 2
    SECTION = 3


class Unit(Struct, frozen=True):
    """A piece of a text that is not divided any more."""

    start: int
    end: int
    size: int
    """Tokens beyond those that every text has."""
    ends: Break
    headings: tuple[str, ...]


def units(text: str, sections: list[Section], most: int, count: Count) -> Iterator[Unit]:
    """The units of a text, which together are the whole of it; none has more than `most` tokens.

    Raises:
        DocumentError: one character alone has more.
    """
    for section in sections:
        blocks = list(section.blocks(text))
        for place, (start, end) in enumerate(blocks):
            lines = list(each_line(text, start, end) if section.in_lines else sentences(text, start, end))
            for line, (a, b) in enumerate(lines):
                pieces = list(_pieces(text, a, b, most, count))
                for piece, (c, d, size) in enumerate(pieces):
                    ends = Break.WORDS
                    if piece == len(pieces) - 1:
                        ends = Break.SENTENCE
                        if line == len(lines) - 1:
                            ends = Break.SECTION if place == len(blocks) - 1 else Break.BLOCK
                    yield Unit(c, d, size, ends, section.headings)


def _pieces(text: str, start: int, end: int, most: int, count: Count) -> Iterator[tuple[int, int, int]]:
    """The text between two places, halved at the best place near the middle until no part is too large."""
    # nothing has more than a token for each byte, so what is long enough is not worth counting whole
    size = most + 1 if end - start > 64 * most else count(text[start:end])
    if size <= most:
        yield start, end, size
        return
    if end - start < 2:
        raise DocumentError(
            f"{text[start:end]!r} alone has {size} tokens, and {most} are the most; split into larger pieces"
        )
    at = _middle(text, start, end)
    yield from _pieces(text, start, at, most, count)
    yield from _pieces(text, at, end, most, count)


_CLAUSE = re.compile(r"[，、：；]|[,;:—–](?=\s)\s*|\n")
_SPACE = re.compile(r"\s+")
_JOINED = re.compile(r"[\u0300-\u036f\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
"""Marks and joiners that belong to the character before them."""
_LONGEST_JOINED = 16


def _middle(text: str, start: int, end: int) -> int:
    """A place to divide at: after a clause, else after a word, else between two characters."""
    middle, reach = (start + end) // 2, (end - start) // 4
    for pattern in (_CLAUSE, _SPACE):
        places = [found.end() for found in pattern.finditer(text, middle - reach, middle + reach)]
        if places := [place for place in places if start < place < end]:
            return min(places, key=lambda place: abs(place - middle))
    # not before what belongs to the character before it, unless there is no end of that
    joined = next(
        (at for at in range(middle, min(middle + _LONGEST_JOINED, end)) if not _JOINED.match(text, at)), 0
    )
    return joined or middle
