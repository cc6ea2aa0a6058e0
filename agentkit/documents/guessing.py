"""What encoding bytes look like of which nobody said it: the East Asian ones told from each other.

Each of these standards puts its common characters in rows of their own, so the share of pairs of bytes
that lie in those rows tells them apart: GB 2312 orders its everyday characters by sound over the rows
0xB0 to 0xD7, Big5 by strokes over 0xA4 to 0xC6, KS X 1001 has all Hangul in 0xB0 to 0xC8, and Shift JIS
writes kana with 0x82 and 0x83.
"""

import re

SEEN = 1 << 16
"""Bytes that are looked at."""
ENOUGH = 0.6
"""The share of common characters from which a text is taken for one of the encoding's language."""
ALONG = 0.4
"""The same where words of letters with accents are out of the question."""
KOREAN = 0.95
"""Chinese spreads over twice the rows of Hangul: about six tenths of it fall into them."""

JAPANESE = 0.35
"""Half of Japanese is kana, which are the common characters here: Han are hardly told from Chinese."""
FEWEST = 10
"""Characters from which on that is no chance."""


def guessed(data: bytes) -> str:
    """Python's name of the encoding: gb18030, big5hkscs, cp932, cp949, euc_jp or cp1252.

    >>> guessed("這是繁體中文的網頁".encode("big5"))
    'big5hkscs'
    """
    data = data[:SEEN]
    found = {name: _share(data, name) for name in _RULES}
    if found["euc_jp"] >= JAPANESE and found["gb18030"] < ENOUGH:
        return "euc_jp"
    if found["cp949"] >= KOREAN and len(re.findall(rb"[\x80-\xff]{2}", data)) >= FEWEST:
        return "cp949"
    if found["cp932"] >= JAPANESE:
        return "cp932"
    best = max(("gb18030", "big5hkscs"), key=lambda name: found[name])
    if found[best] >= (ALONG if _in_runs(data) else ENOUGH):
        return best
    return "cp1252"


def _in_runs(data: bytes) -> bool:
    """Whether bytes beyond ASCII mostly stand beside each other, as in no language with accents."""
    runs: list[bytes] = re.findall(rb"[\x80-\xff]+", data)
    return sum(len(run) for run in runs if len(run) > 2) >= ENOUGH * sum(map(len, runs))


_RULES = {
    # how a pair of bytes is formed, and which of them are common
    "gb18030": (
        rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x81-\xfe][0-9][\x81-\xfe][0-9]",
        rb"[\xa3\xb0-\xd7][\xa1-\xfe]|\xa1[\xa1-\xbf]",
    ),
    "big5hkscs": (
        rb"[\x87-\xfe][\x40-\x7e\xa1-\xfe]",
        rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e]",
    ),
    "cp932": (
        rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\xa1-\xdf]",
        rb"[\x82\x83].|\x81[\x40-\x5b]",
    ),
    "cp949": (rb"[\x81-\xfe][\x41-\x5a\x61-\x7a\x81-\xfe]", rb"[\xb0-\xc8][\xa1-\xfe]"),
    "euc_jp": (
        rb"[\xa1-\xfe][\xa1-\xfe]|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe][\xa1-\xfe]",
        rb"[\xa4\xa5][\xa1-\xf6]|\xa1[\xa1-\xbc]",
    ),
}


_PATTERNS = {
    name: re.compile(rb"(%s)|(?:%s)|([\x80-\xff])" % (common, formed), re.DOTALL)
    for name, (formed, common) in _RULES.items()
}


def _share(data: bytes, name: str) -> float:
    """How many of the characters beyond ASCII are common ones; 0 where the bytes form no such text."""
    found: list[tuple[bytes, bytes]] = _PATTERNS[name].findall(data)
    single = sum(1 for _, alone in found if alone)
    if not found or single > len(found) // 100 + 1:
        return 0.0
    return sum(1 for common, _ in found if common) / len(found)
