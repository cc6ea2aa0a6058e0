from pathlib import Path

import pytest
import snowballstemmer
from hypothesis import given
from hypothesis import strategies as st

from agentkit.documents import analyse
from agentkit.documents.analyse import terms
from agentkit.documents.stemming import stem

ORACLE = snowballstemmer.stemmer("english")
ROOT = Path(__file__).parents[2]


def test_words_are_stemmed_and_the_commonest_left_out() -> None:
    assert terms("The engines were running; it's the company's best.") == [
        "engin", "run", "it", "compani", "best",
    ]  # fmt: skip


def test_chinese_is_characters_and_pairs() -> None:
    assert terms("学习Python3。") == ["学", "学习", "习", "python3"]
    assert terms("水") == ["水"]


def test_of_a_word_without_end_the_beginning_counts() -> None:
    assert terms("x1" * 50_000) == ["x1" * 32]
    assert terms("é" + "x1" * 50_000) == ["e" + "x1" * 31 + "x"]


def test_pairs_do_not_cross_a_mark() -> None:
    assert "习，" not in terms("学习，方法")
    assert "习方" not in terms("学习，方法")


@pytest.mark.parametrize(
    ("one", "other"), [("ＡＩ　２０２６", "AI 2026"), ("café", "CAFE"), ("don’t", "don't"), ("ﬁle", "file")]
)
def test_forms_of_one_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


def test_words_of_other_scripts_are_found() -> None:
    assert terms("Москва über 東京タワー 서울은")[:2] == ["москва", "uber"]
    assert {"東京", "タワ", "서울"} <= set(terms("東京タワー 서울은"))


def test_the_stemmer_is_snowballs_on_every_word_of_our_documents() -> None:
    text = " ".join(path.read_text() for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("agentkit/*/*.py")])
    words = {word for word in text.lower().replace("`", " ").split() if word.isalpha() and word.isascii()}
    assert len(words) > 2000
    assert {word: stem(word) for word in words} == {word: ORACLE.stemWord(word) for word in words}


_PARTS = [
    "y",
    "ing",
    "ed",
    "eed",
    "ly",
    "s",
    "ies",
    "ation",
    "ical",
    "ful",
    "ness",
    "ement",
    "ll",
    "e",
    "'s",
    "ogi",
    "at",
    "bl",
]


@given(
    st.lists(st.one_of(st.sampled_from(_PARTS), st.text("abceilmnorstuvwxyz", max_size=4)), max_size=5).map(
        "".join
    )
)
def test_the_stemmer_is_snowballs_on_made_up_words(word: str) -> None:
    assert stem(word) == ORACLE.stemWord(word)


@given(st.text(max_size=80))
def test_terms_of_any_text_are_never_blank(text: str) -> None:
    assert all(term and term == term.strip() for term in terms(text))


@given(st.text(st.characters(max_codepoint=127), max_size=300))
def test_a_text_without_apostrophes_is_read_in_a_quicker_way_to_the_same_terms(text: str) -> None:
    text = text.replace("'", "")
    # an apostrophe of its own is no part of a word, and takes the other way
    assert terms(text) == terms(f"{text} '")


def test_words_beyond_those_remembered_have_their_terms_all_the_same() -> None:
    known = analyse._Terms()
    for number in range(analyse.REMEMBERED + 5):
        known[f"w{number}"]
    assert len(known) == 5
    assert known["ponies"] == "poni"
