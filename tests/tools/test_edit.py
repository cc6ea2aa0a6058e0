import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.errors import ToolFault
from agentkit_tools.edit import edit_file
from agentkit_tools.text import decoded


def test_one_place_is_changed_and_shown(world) -> None:
    world.write("config.ini", "[server]\nworkers = 4\nport = 1\n")
    said = edit_file("config.ini", "workers = 4", "workers = 8", world.context)
    assert said == "changed config.ini, line 2 now:\nworkers = 8"
    assert world.read("config.ini") == b"[server]\nworkers = 8\nport = 1\n"


def test_several_lines_are_changed(world) -> None:
    world.write("a.txt", "one\ntwo\nthree\n")
    assert edit_file("a.txt", "one\ntwo\n", "1\n2\n2b\n", world.context).startswith(
        "changed a.txt, lines 1-4 now:"
    )
    assert world.read("a.txt") == b"1\n2\n2b\nthree\n"


def test_text_can_be_taken_out(world) -> None:
    world.write("a.txt", "one\ntwo\nthree\n")
    edit_file("a.txt", "two\n", "", world.context)
    assert world.read("a.txt") == b"one\nthree\n"


def test_several_places_are_counted_with_their_lines(world) -> None:
    world.write("a.txt", "x = 1\ny\nx = 1\n")
    with pytest.raises(ToolFault, match=r'old occurs 2 times in "a\.txt":\n1: x = 1\n3: x = 1\ncopy more'):
        edit_file("a.txt", "x = 1", "x = 2", world.context)
    assert edit_file("a.txt", "x = 1", "x = 2", world.context, every=True) == "changed 2 places in a.txt"
    assert world.read("a.txt") == b"x = 2\ny\nx = 2\n"


def test_places_that_overlap_are_several(world) -> None:
    world.write("a.txt", "aaa")
    with pytest.raises(ToolFault, match="occurs 2 times"):
        edit_file("a.txt", "aa", "b", world.context)


def test_what_is_not_there_shows_the_nearest_lines(world) -> None:
    world.write("a.txt", "[server]\nworkers  =  4\nport = 8080\n")
    with pytest.raises(ToolFault) as told:
        edit_file("a.txt", "workers = 4", "workers = 8", world.context)
    assert str(told.value) == (
        'old is not in "a.txt"; copy old exactly from the file, where the nearest lines are\n2: workers  =  4'
    )
    with pytest.raises(ToolFault, match="read the file and copy the text exactly"):
        edit_file("a.txt", "zzzzzz", "y", world.context)


@pytest.mark.parametrize(("old", "new", "words"), [("", "x", "old is empty"), ("one", "one", "are the same")])
def test_an_edit_that_says_nothing_is_told(world, old, new, words) -> None:
    world.write("a.txt", "one\n")
    with pytest.raises(ToolFault, match=words):
        edit_file("a.txt", old, new, world.context)


def test_line_ends_stay_as_they_are(world) -> None:
    world.write("a.txt", b"one\r\ntwo\r\nthree\n")
    edit_file("a.txt", "one\ntwo", "1\n2", world.context)
    assert world.read("a.txt") == b"1\r\n2\r\nthree\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_stays_as_it_is(world, encoding) -> None:
    world.write("a.txt", "café = 1\n".encode(encoding))
    edit_file("a.txt", "= 1", "= ü", world.context)
    assert world.read("a.txt") == "café = ü\n".encode(encoding)


def test_a_character_the_encoding_lacks_changes_nothing(world) -> None:
    world.write("a.txt", b"caf\xe9\n")
    with pytest.raises(ToolFault, match="which has no '→'; write the whole file again"):
        edit_file("a.txt", "caf", "→", world.context)
    assert world.read("a.txt") == b"caf\xe9\n"


PIECES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=PIECES,
    old=PIECES.filter(bool),
    after=PIECES,
    new=PIECES,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_an_edit_changes_its_place_and_no_other_byte(
    world, before, old, after, new, encoding, newline
) -> None:
    """Either the file is exactly what replacing the text makes of it, or it is untouched."""
    whole = before + old + after

    def data(text: str) -> bytes:
        return text.replace("\n", newline).encode(encoding)

    world.write("a.txt", data(whole))
    try:
        edit_file("a.txt", old, new, world.context)
    except ToolFault as fault:
        assert world.read("a.txt") == data(whole)
        told = str(fault)
        assert "occurs" in told or "are the same" in told or "is no text" in told
    else:
        # a file without a line end has none to keep
        ends = newline if "\n" in whole else "\n"
        assert world.read("a.txt") == (before + new + after).replace("\n", ends).encode(encoding)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=60), st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
)
def test_every_text_is_written_back_byte_for_byte(data: bytes) -> None:
    try:
        text = decoded(data, "a")
    except ToolFault:
        return
    assert text.to_bytes() == data
