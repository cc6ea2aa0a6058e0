"""Bytes to text: which encoding a page or a file is in.

What is said of it is believed only as far as the bytes bear it out, in this order: a byte order mark,
the header, the page's own `<meta>`, UTF-8, and last what the bytes look like. Browsers read `gb2312` and
`gbk` as gb18030 and `big5` with Hong Kong's additions (WHATWG Encoding Standard); so does this.
"""

import codecs
import re

from agentkit.documents.boms import BOMS
from agentkit.documents.guessing import guessed

MOST_BROKEN = 0.01
"""The share of characters beyond ASCII that may be broken in what is still taken for UTF-8."""
HEAD = 2048
"""Bytes in which a page says its encoding."""

_META = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
# Python also has codecs that are no writing system's, such as rot13 and unicode_escape
_OF_PAGES = re.compile(
    r"utf-(8|16|32)|iso(8859|2022)|cp\d|koi8|gb|big5|euc_|shift_jis|mac|hz|johab|tis|ascii"
)
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
"""What text of the left name is written in where it has characters that the name has not."""


def decode(data: bytes, header_charset: str | None = None) -> str:
    """The text of a page or file; never an error, for what cannot be read becomes U+FFFD.

    Args:
        data: As it came.
        header_charset: What was said of it from outside, such as a `Content-Type` header.

    >>> decode("编码".encode("gbk"), "iso-8859-1")
    '编码'
    """
    for mark, name in BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    return data.decode(charset_of(data, header_charset), "replace")


def charset_of(data: bytes, header_charset: str | None = None) -> str:
    """Python's name of the encoding that bytes without a byte order mark are read in."""
    if data.isascii():
        # a double-byte encoding in seven bits, which only its name tells
        return "iso2022_jp" if b"\x1b$" in data or b"\x1b(J" in data else "utf-8"
    declared = _META.search(data[:HEAD])
    # a page that can be read so far is not in two or four bytes a character, whatever it says
    in_page = _known(declared[1].decode("ascii")) if declared else ""
    for name in (_known(header_charset or ""), "" if in_page.startswith(("utf-16", "utf-32")) else in_page):
        # servers say latin-1 of everything, and it fits everything
        if name and name != "cp1252" and _fits(data, name):
            return name
    if _is_utf8(data):
        return "utf-8"
    return guessed(data)


def _known(said: str) -> str:
    """Python's name for a charset as it is said, in its wider form; nothing for one that it has not."""
    try:
        name = codecs.lookup(said.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return ""
    return _WIDER.get(name, name) if _OF_PAGES.match(name) else ""


def _fits(data: bytes, name: str) -> bool:
    if name == "utf-8":
        return _is_utf8(data)
    try:
        data.decode(name)
    except UnicodeError:
        return _broken_share(data, name) <= MOST_BROKEN
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        # a page cut in the middle of a character, or with one wrong byte, is UTF-8 all the same
        return _broken_share(data, "utf-8") <= MOST_BROKEN
    return True


def _broken_share(data: bytes, name: str) -> float:
    beyond = re.sub(r"[\x00-\x7f]+", "", data.decode(name, "replace"))
    return beyond.count("\ufffd") / max(1, len(beyond))
