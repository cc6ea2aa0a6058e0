"""The words that a text is found by: one way for English, Chinese, and what stands between them.

English words are stemmed and the commonest left out. Scripts that write no spaces give every character and
every pair of neighbours, so no dictionary is needed. Everything is lower case, without accents, and
full-width forms are as good as narrow ones.
"""

import re
import unicodedata

from agentkit.documents.stemming import stem

STOP_WORDS = frozenset(
    # words that stand in every text
    "a an and are as at be but by for from if in into is it no not of on or such that the their then there"
    " these they this to was will with"
    # and in every question; may, might and must are also months and nouns, and stay
    " what when where which who whom whose why how do does did done has have had were been am could would"
    " should shall".split()
)

REMEMBERED = 1 << 17
"""Words whose terms are remembered."""
LONGEST = 64
"""Characters of a word that count: what is longer is a key, or a picture written in letters."""

_SPACELESS = (
    "\u3041-\u30ff\u31f0-\u31ff"  # kana
    "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7af\u1100-\u11ff"  # Hangul: spaces, but words with endings
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0edf\u1000-\u109f\u1780-\u17d3"  # Thai, Lao, Myanmar, Khmer
)
_ENGLISH = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_SPACED = str.maketrans({chr(n): chr(n).lower() if chr(n).isalnum() else " " for n in range(128)})
"""Makes the words of `_ENGLISH` of a text without apostrophes, in a third of the time."""
_ANY = re.compile(rf"[{_SPACELESS}]+|[^\W_{_SPACELESS}]+(?:'[^\W\d_{_SPACELESS}]+)?")
_FIRST = re.compile(rf"[{_SPACELESS}]")
_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "＇": "'"})
_SEPARATE = re.compile(r"(?<=[^\W\d_])[\u0300-\u036f]+")


def terms(text: str) -> list[str]:
    """The terms of a text in their order, as often as they stand in it.

    >>> terms("The ponies' hooves, 机器学习")
    ['poni', 'hoov', '机', '机器', '器', '器学', '学', '学习', '习']
    """
    if text.isascii():
        words = _ENGLISH.findall(text.lower()) if "'" in text else text.translate(_SPACED).split()
        return [term for word in words if (term := _TERMS[word])]
    found: list[str] = []
    for run in _ANY.findall(folded(text)):
        if not _FIRST.match(run):
            if term := _TERMS[run]:
                found.append(term)
            continue
        last = len(run) - 1
        for at in range(last):
            found += (run[at], run[at : at + 2])
        found.append(run[last])
    return found


def folded(text: str) -> str:
    """The text in lower case, narrow where it was full-width, without the accents of letters.

    >>> folded("Ｃａｆé №１")
    'cafe no1'
    """
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    if _may_have_accents(text):
        text = unicodedata.normalize("NFC", _SEPARATE.sub("", unicodedata.normalize("NFD", text)))
    return text


def _may_have_accents(text: str) -> bool:
    return bool(_ACCENTED.search(text))


_ACCENTED = re.compile(r"[\u00c0-\u024f\u0300-\u036f\u0370-\u03ff\u1e00-\u1fff]")


class _Terms(dict[str, str]):
    """What each word is found by, which is nothing for one that is left out.

    Most of the time of taking a text in went into the call of a function that remembers; to look a word up
    takes a third of that.
    """

    def __missing__(self, word: str) -> str:
        short = word[:LONGEST]
        term = "" if short in STOP_WORDS else stem(short)
        if len(self) >= REMEMBERED:
            self.clear()
        if len(word) <= LONGEST:  # a longer one is hardly met again
            self[word] = term
        return term


_TERMS = _Terms()
