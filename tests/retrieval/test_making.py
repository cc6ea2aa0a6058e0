"""What an index was made with is noted by name: whoever changes what the name stands for changes the name."""

import hashlib

from agentkit.core.documents import Document
from agentkit.documents import split, terms
from agentkit.retrieval.reading import ANALYSER, SPLITTER, reading

TEXT = (
    """# Ponies' hooves

Dr. Li ran 3.5 miles… 机器学习，really? Ｃａｆé №１. It's 1,250 euros; the naïve coöperation continued!

## 故宫

故宫位于北京市中心。它建于1420年，明朝永乐年间。里面有九千多间房。

- one
- two
"""
    + "A sentence of its own, and another one that is longer. " * 40
)


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def test_the_name_of_the_analyser_stands_for_these_terms() -> None:
    assert (ANALYSER, digest(terms(TEXT))) == ("terms-1", "09ab7085054f2601"), (
        "documents.terms makes other terms: give retrieval.reading.ANALYSER another name, or indexes that "
        "were made before are searched for what they do not hold"
    )


def test_the_name_of_the_splitter_stands_for_these_pieces() -> None:
    document = Document("a", TEXT, media_type="text/markdown")
    places = [(chunk.start, chunk.end, chunk.headings) for chunk in split(document, 64, overlap=16)]
    assert (SPLITTER, digest(places)) == ("split-1", "cc691c4e12496f96"), (
        "documents.split makes other pieces: give retrieval.reading.SPLITTER another name"
    )


def test_the_name_of_a_making_tells_its_limits() -> None:
    assert reading().making.splitter == f"{SPLITTER}/512/32"
