"""What a file says of itself at its head: plain values, and one clear error for everything else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import FrontMatterError
from agentkit.front_matter import parted


def test_numbers_and_booleans_are_read_and_everything_else_stays_text() -> None:
    head = "a: 1\nb: 1.5\nc: true\nd: 2024-01-02\ne: 2024-99-99\nf: =\ng: <<\nh: ~\ni: [x, 2]"
    matter, body = parted(f"---\n{head}\n---\n---\nrest", "a.md")
    expected = {"a": 1, "b": 1.5, "c": True, "d": "2024-01-02", "e": "2024-99-99", "f": "=", "g": "<<"}
    assert matter == {**expected, "h": None, "i": ["x", 2]}
    assert body == "---\nrest"


def test_a_file_may_have_none_or_nothing_in_it_or_other_line_ends() -> None:
    assert parted("text", "a.md") == (None, "text")
    assert parted("---\n---\ntext", "a.md") == ({}, "text")
    assert parted("---\r\na: 1\r\n---\r\ntext", "a.md") == ({"a": 1}, "text")
    assert parted("---\na: 1\n---", "a.md") == ({"a": 1}, "")


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("a: [", "not YAML"),
        ("a: &x 1", "anchor or alias 'x'"),
        ("a: *x", "anchor or alias 'x'"),
        ("a: !!binary x", "the tag"),
        (f"a: {'9' * 5000}", "not YAML"),
        (f"a: {'[' * 20_000}", "nested too deeply"),
        ("- a", "not a list of `key: value` lines"),
        ("a: " + "x" * 70_000, "65,536 are the most"),
    ],
)
def test_what_cannot_be_read_is_said_of_the_file(head: str, why: str) -> None:
    with pytest.raises(FrontMatterError, match=r"^a\.md: ") as caught:
        parted(f"---\n{head}\n---\n", "a.md")
    assert why in str(caught.value)


def test_a_few_lines_that_stand_for_gigabytes_cost_nothing() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    began = time.process_time()
    with pytest.raises(FrontMatterError):
        parted("---\n" + "\n".join(lines) + "\n---\n", "a.md")
    assert time.process_time() - began < 1


@given(st.text("ab:-[]{}&*!?#|>'\"\n 019.~<%@`", max_size=60))
def test_whatever_stands_there_is_read_or_refused(head: str) -> None:
    try:
        matter, _ = parted(f"---\n{head}\n---\nbody", "a.md")
    except FrontMatterError:
        return
    assert isinstance(matter, dict)
