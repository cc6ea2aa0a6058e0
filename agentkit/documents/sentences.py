"""Where sentences end, in English and Chinese alike."""

import re
from collections.abc import Iterator

ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st mt vs etc al cf fig figs eq eqs sec ch vol no nos pp ed eds rev gen"
    " col lt sgt capt gov sen rep dept univ inc ltd co corp approx est jan feb mar apr jun jul aug sep"
    " sept oct nov dec e.g i.e u.s u.k a.m p.m ph.d".split()
)
"""Words whose full stop ends no sentence, as a rule."""

_CLOSERS = r"[\"'”’»)\]」』）】》〉]*"
_END = re.compile(
    rf"(?:[。！？；]|…+|⋯+|[.．]{{3,}}){_CLOSERS}\s*"
    rf"|(?<![.!?])[.!?]++{_CLOSERS}(?=\s)\s+"
    # a list's next item, and a row of a table
    r"|\n+(?=[ \t]*(?:[-*+•·|]|\d{1,3}[.)、]|[(（]?[一二三四五六七八九十\d]{1,3}[)）、])\s*)"
    r"|\n[ \t]*\n\s*"
)
_BEFORE = re.compile(r"(?:^|[\s(\[\"'“‘])((?:[A-Za-z]\.)*[A-Za-z]+)\.$")
_GOES_ON = re.compile(r"[a-z,;:)]")


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends; together they are the whole text, white space and all.

    >>> [text[a:b] for text in ["Dr. Li came. She said：“好。”然后走了。"] for a, b in sentences(text)]
    ['Dr. Li came. ', 'She said：“好。”', '然后走了。']
    """
    end = len(text) if end is None else end
    at = start
    for found in _END.finditer(text, start, end):
        if found.end() > at and not _is_inside(text, at, found, end):
            yield at, found.end()
            at = found.end()
    if at < end:
        yield at, end


def _is_inside(text: str, at: int, found: re.Match[str], end: int) -> bool:
    """Whether what looks like an end stands in the middle of a sentence."""
    if not text[at : found.end()].strip():
        return True
    mark = found[0].rstrip()
    if found.end() >= end or "\n\n" in found[0]:
        return False
    if mark.startswith("...") or mark[:1] in ("…", "⋯"):
        return bool(_GOES_ON.match(text, found.end()))
    if not mark.startswith("."):
        return False
    if _GOES_ON.match(text, found.end()):
        return True
    word = _BEFORE.search(text[max(at, found.start() - 24) : found.start() + 1])
    # an initial: J. R. Smith
    return bool(word) and (word[1].lower() in ABBREVIATIONS or (len(word[1]) == 1 and word[1] != "I"))
