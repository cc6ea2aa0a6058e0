import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.errors import ToolFault
from agentkit_tools import search
from agentkit_tools.outputs import read_output
from agentkit_tools.search import find_text


@pytest.fixture
def library(world):
    world.write("notes.txt", "first\nThe Password is swordfish\n")
    world.write("code/stats.py", "def spread(xs):\n    return max(xs) - min(xs)\n")
    world.write("code/data.bin", b"\0\1password")
    return world


def test_matches_come_with_their_place_their_neighbours_and_a_count(library) -> None:
    assert find_text("password", library.context) == (
        "notes.txt-1- first\n"
        "notes.txt:2: The Password is swordfish\n"
        "[1 match in 1 file; 1 not searched, being binary or too large]"
    )
    assert find_text(r"def \w+", library.context, "code/stats.py") == (
        "code/stats.py:1: def spread(xs):\ncode/stats.py-2-     return max(xs) - min(xs)\n[1 match in 1 file]"
    )


def test_many_matches_come_without_their_neighbours(world) -> None:
    world.write("a.txt", "other\n" + "hit\nother\n" * (search.MOST_IN_CONTEXT + 1))
    assert "other" not in find_text("hit", world.context)


def test_a_search_in_the_wrong_place_says_where_it_would_be_found(library) -> None:
    assert find_text("password", library.context, "./code") == (
        '[nothing matches "password" in 1 file; 1 not searched, being binary or too large]\n'
        "elsewhere:\nnotes.txt-1- first\nnotes.txt:2: The Password is swordfish\n[1 match in 1 file]"
    )


def test_a_file_that_is_searched_by_its_name_is_told(world) -> None:
    world.write("notes/CreamCamera.yaml", "zoom: 3\n")
    assert find_text("creamcamera.yaml", world.context) == (
        '[nothing matches "creamcamera.yaml" in 1 file]\n[by name: notes/CreamCamera.yaml]'
    )
    for number in range(7):
        world.write(f"trips/{number}.txt", "x\n")
    assert find_text("trips", world.context, "notes").endswith(
        "[by name: trips/0.txt, trips/1.txt, trips/2.txt, trips/3.txt, trips/4.txt and 2 more]"
    )


def test_words_that_stand_nowhere_together_are_found_apart_and_without_their_endings(world) -> None:
    world.write("a.txt", "The launch moves to May.\nNothing here.\n")
    told = find_text("launch moved", world.context)
    assert told.startswith("a.txt:1: The launch moves to May.")
    assert "lines that hold one of its words: launch, moved" in told


def test_words_that_stand_everywhere_are_not_listed(world) -> None:
    world.write("a.txt", "launch\n" * (search.MOST_ALIKE + 1))
    assert find_text("launch moved", world.context) == (
        '[nothing matches "launch moved" in 1 file]\n[what is meant may be there in other words]'
    )


def test_what_is_no_regular_expression_is_searched_as_it_is(library) -> None:
    told = find_text("spread(", library.context, "code/stats.py")
    assert told.startswith("code/stats.py:1: def spread(xs):\n")
    assert "[1 match in 1 file; searched word for word: no valid" in told


def test_what_matches_only_word_for_word_is_found_too(library) -> None:
    assert find_text("max(xs) - min(xs)", library.context, "code/stats.py").endswith(
        "; searched word for word]"
    )


def test_a_missing_path_and_an_empty_pattern_are_told(library) -> None:
    with pytest.raises(ToolFault, match='there is no file or folder "cod"'):
        find_text("x", library.context, "cod")
    with pytest.raises(ToolFault, match="the pattern is empty"):
        find_text("", library.context)


def test_a_catastrophic_pattern_ends_with_a_clear_fault(world, monkeypatch) -> None:
    monkeypatch.setattr(search, "SECONDS", 0.2)
    world.write("a.txt", "a" * 5000 + "b\n")
    with pytest.raises(
        ToolFault, match=r"took more than 0\.2 seconds and stopped at a\.txt:1; use a simpler pattern"
    ):
        find_text(r"(a|a|aa)+(a|a)+$", world.context)


def test_many_matches_are_all_counted_and_some_shown(world, monkeypatch) -> None:
    monkeypatch.setattr(search, "MOST_MATCHES", 2)
    world.write("a.txt", "x\n" * 9)
    assert (
        find_text("x", world.context)
        == "a.txt:1: x\na.txt:2: x\n[9 matches in 1 file; only the first 2 are shown]"
    )


def test_a_long_line_is_shown_around_the_match(world) -> None:
    world.write("a.txt", "y" * 5000 + "needle" + "z" * 5000)
    told = find_text("needle", world.context)
    assert "needle" in told
    assert len(told) < 400


def test_a_file_too_large_to_search_is_said(world, monkeypatch) -> None:
    monkeypatch.setattr(search, "LARGEST_SEARCHED", 3)
    world.write("a.txt", "long text")
    assert "1 not searched" in find_text("text", world.context)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=15), st.text("ab\n([{*+?\\", max_size=20))
def test_any_pattern_is_answered(world, pattern, content) -> None:
    world.write("a.txt", content)
    assert find_text(pattern, world.context).endswith("]")


# --- earlier results


@pytest.fixture
def earlier(world):
    text = "".join(f"row {n}\n" for n in range(1, 1001))
    return world.with_(recall={"out#1": text}.get, handles=("out#1",))


def test_an_earlier_result_is_read_by_lines_and_by_pattern(earlier) -> None:
    assert read_output("out#1", earlier, 3, 2) == "row 3\nrow 4\n[lines 3-4 of 1000; go on with first_line=5]"
    assert read_output("out#1", earlier, pattern="row 99$") == "99: row 99\n[1 match]"
    assert read_output("out#1", earlier, pattern="nope") == '[nothing matches "nope" in 1,000 lines]'


def test_an_unknown_handle_names_the_known(earlier, world) -> None:
    with pytest.raises(ToolFault, match=r'there is no output "out#2"; there is out#1'):
        read_output("out#2", earlier)
    with pytest.raises(ToolFault, match="no result was shortened yet"):
        read_output("out#1", world.context)
    assert read_output.spec_in(world.context) is None
    assert read_output.spec_in(earlier).choices == {"handle": ("out#1",)}
