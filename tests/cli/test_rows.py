"""Rows above a line editor: what was said stands there once and whole, however it arrived."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentkit.cli.repl.rows import Rows
from agentkit.cli.words import folded, printable
from agentkit.core.events import Ending

TEXTS = st.text(alphabet="ab \n\t日é", max_size=80)


def written(pieces: list[str], width: int) -> list[str]:
    rows: list[str] = []
    screen = Rows(rows.append, lambda: width, lambda: None, colour=False)
    for piece in pieces:
        screen.words(piece)
        assert len(screen.tail) <= width
    screen.end_words("".join(pieces))
    assert screen.tail == ""
    return rows


@given(TEXTS, st.lists(st.integers(0, 80), max_size=8), st.integers(8, 30))
def test_an_answer_reads_the_same_in_whatever_pieces_it_came(text: str, cuts: list[int], width: int) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[one:two] for one, two in pairwise(places)]
    words = "".join("\n".join(written(pieces, width)).split())
    assert words == "".join(printable(text).split())


@given(TEXTS.map(lambda text: text.replace("\n", "")), st.integers(4, 30))
def test_no_row_is_wider_than_the_terminal(line: str, width: int) -> None:
    rows = folded(line, width)
    assert all(sum(2 if char == "日" else 1 for char in row) <= width for row in rows)
    assert "".join("".join(rows).split()) == "".join(line.split())


@given(st.sampled_from(["", "because", *Ending]), TEXTS, st.integers(20, 40))
def test_no_labelled_row_is_wider_than_the_terminal(label: str, text: str, width: int) -> None:
    rows: list[str] = []
    Rows(rows.append, lambda: width, lambda: None, colour=False).line(label, printable(text))
    assert all(sum(2 if char == "日" else 1 for char in row) <= width for row in rows)


def test_an_answer_that_was_not_streamed_is_written_whole() -> None:
    rows: list[str] = []
    screen = Rows(rows.append, lambda: 40, lambda: None, colour=False)
    screen.end_words("one\ntwo")
    assert rows == ["one", "two"]


def test_of_what_a_tool_prints_the_last_line_is_shown_while_it_runs() -> None:
    rows: list[str] = []
    screen = Rows(rows.append, lambda: 40, lambda: None, colour=False)
    screen.output("one\ntw")
    assert screen.tail == "tw"
    screen.output("o\n")
    assert screen.tail == "two"
    screen.result("one\ntwo")
    assert (screen.tail, rows) == ("", ["           one", "           two"])
