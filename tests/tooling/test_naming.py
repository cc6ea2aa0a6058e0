"""What a person's words may name."""

import pytest

from agentkit.tooling.naming import MOST_CHARACTERS, MOST_NAMES, names_in


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("trash folder brush", "brush"),
        ("Delete a/b-c.txt.", "a/b-c.txt"),
        ("What does (a.txt) say?", "a.txt"),
        ("What is in a.txt's first line?", "a.txt"),
        ("Move “old things” away", "old things"),
        ("Move 'old things' away", "old things"),
        ('Move "old things", please', "old things"),
        ("Move `old things`!", "old things"),
        ("Move «old things»: now", "old things"),
        ("How many lines has sister 38.log?", "sister 38.log"),
        ("copy .env, then stop", ".env"),
        ("Read notes/ and answer", "notes/"),
        ("löschen: grüße.txt", "grüße.txt"),
        ("don't touch bob's file old.csv", "old.csv"),
    ],
)
def test_a_name_is_found_as_it_is_meant(text: str, name: str) -> None:
    assert name in names_in(text)


def test_what_is_in_quotes_comes_first_and_each_name_once() -> None:
    assert names_in("copy a.txt to 'b c' and a.txt again")[0] == "b c"
    assert names_in("a.txt a.txt").count("a.txt") == 1


def test_a_long_text_names_no_more_than_helps() -> None:
    words = " ".join(f"word{number}" for number in range(MOST_NAMES * 2))
    assert names_in(words) == tuple(words.split()[:MOST_NAMES])
    assert names_in("x" * (MOST_CHARACTERS + 1)) == ()


@pytest.mark.parametrize("text", ["", " \n\t", "?! … --", "a b c"])
def test_where_nothing_is_named_nothing_is_found(text: str) -> None:
    assert names_in(text) == ()
