"""What a person's words may name."""

import pytest

from agentkit.tooling.naming import MOST_CHARACTERS, MOST_NAMES, names_in


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("trash folder brush", "brush"),
        ("trash folder db", "db"),
        ("Delete a/b-c.txt.", "a/b-c.txt"),
        ("What does (a.txt) say?", "a.txt"),
        ("What is in a.txt's first line?", "a.txt"),
        ("is it **a.txt**…", "a.txt"),
        ("a.txt,b.txt", "b.txt"),
        ("a.txt->b.txt", "a.txt"),
        ("Move “old things” away", "old things"),
        ("Move „old things“ away", "old things"),
        ("Move 'old things' away", "old things"),
        ('Move " old things", please', "old things"),
        ("Move `old things`!", "old things"),
        ("Move «old things»: now", "old things"),
        ("How many lines has sister 38.log?", "sister 38.log"),
        ("copy .env, then stop", ".env"),
        ("Read notes/ and answer", "notes/"),
        ("löschen: grüße.txt", "grüße.txt"),
    ],
)
def test_a_name_is_found_as_it_is_meant(text: str, name: str) -> None:
    assert name in names_in(text)


def test_what_is_in_quotes_comes_first_then_what_looks_like_a_file_and_each_name_once() -> None:
    names = names_in("copy a.txt to 'b c' and a.txt again")
    assert names[:2] == ("b c", "a.txt")
    assert len(set(names)) == len(names)


def test_an_apostrophe_is_no_quote() -> None:
    assert not [name for name in names_in("don't touch bob's old file") if "touch " in name]


def test_of_two_files_beside_each_other_none_is_the_others_first_word() -> None:
    assert "a.txt b.txt" not in names_in("join a.txt b.txt")


def test_of_a_long_text_files_are_kept_and_what_was_said_last() -> None:
    words = " ".join(f"word{'x' * number}" for number in range(MOST_NAMES * 2))
    names = names_in(f"a.txt {words} brush")
    assert names[:2] == ("a.txt", "brush")
    assert len(names) == MOST_NAMES
    assert names_in("x" * (MOST_CHARACTERS + 1)) == ()


@pytest.mark.parametrize("text", ["", " \n\t", "?! …", 'a b c " "', "go to it"])
def test_where_nothing_is_named_nothing_is_found(text: str) -> None:
    assert names_in(text) == ()


def test_many_quotes_that_never_close_take_no_time() -> None:
    assert names_in("“" * 200_000 + " brush") == ("brush",)
