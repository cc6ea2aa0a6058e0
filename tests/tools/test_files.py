import re

import pytest

from agentkit.core.errors import ToolFault
from agentkit.tooling.workspace import Workspace
from agentkit_tools import arrange, files
from agentkit_tools.files import append_file, list_files, read_file, write_file
from agentkit_tools.page import MOST_CHARACTERS, page

# --- reading


def test_a_file_is_read_as_it_is(world) -> None:
    world.write("a.txt", "one\n  two\n")
    assert read_file("a.txt", world.context) == "one\n  two\n"


def test_a_part_says_where_it_is_and_how_to_go_on(world) -> None:
    world.write("a.txt", "".join(f"line {n}\n" for n in range(1, 951)))
    text = read_file("a.txt", world.context)
    assert text.startswith("line 1\nline 2\n")
    assert text.endswith("line 200\n[lines 1-200 of 950; go on with first_line=201]")
    assert read_file("a.txt", world.context, 949, 5) == "line 949\nline 950\n[lines 949-950 of 950]"


def test_a_line_beyond_the_end_is_told(world) -> None:
    world.write("a.txt", "one\n")
    with pytest.raises(ToolFault, match=r'"a\.txt" has 1 line; there is no line 2'):
        read_file("a.txt", world.context, 2)
    with pytest.raises(ToolFault, match="count from 1"):
        read_file("a.txt", world.context, 0)


def test_an_empty_file_says_so(world) -> None:
    world.write("a.txt", "")
    assert read_file("a.txt", world.context) == '["a.txt" is empty]'


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"caf\xc3\xa9\n", "café\n", None),
        (b"\xef\xbb\xbfcaf\xc3\xa9\n", "café\n", None),
        ("café\n".encode("utf-16"), "café\n", "utf-16-le"),
        (b"\xfe\xff" + "café\n".encode("utf-16-be"), "café\n", "utf-16-be"),
        (b"caf\xe9 \x80\n", "café €\n", "cp1252"),
        (b"caf\xe9 \x81\n", "café \x81\n", "latin-1"),
        (b"one\r\ntwo\r\n", "one\ntwo\n", None),
    ],
)
def test_any_encoding_is_read_and_named_if_unusual(world, data, text, encoding) -> None:
    world.write("a.txt", data)
    note = f"[the file is encoded in {encoding}]" if encoding else ""
    assert read_file("a.txt", world.context) == text + note


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0", bytes(range(1, 256)) * 2])
def test_a_binary_file_is_refused_with_a_hint(world, data) -> None:
    world.write("a.png", data)
    with pytest.raises(ToolFault, match=rf"a binary file of {len(data)} bytes; look into it with run_python"):
        read_file("a.png", world.context)


def test_pages_of_any_length_join_to_the_whole() -> None:
    lines = ["x" * (n * 97 % 3000) for n in range(60)]
    text = "\n".join(lines) + "\n"
    first, read = 1, []
    while True:
        shown = page(text, first, 7, "it").split("\n")
        read += shown[:-1]
        assert sum(map(len, shown)) <= MOST_CHARACTERS + 100
        onward = re.search(r"first_line=(\d+)", shown[-1])
        if onward is None:
            break
        first = int(onward[1])
    assert read == lines


def test_a_line_longer_than_a_page_is_cut_and_told() -> None:
    text = page("x" * 20_000 + "\nend\n", 1, 5, "it")
    assert text.endswith("[line 1 of 2, its first 7,000 of 20,000 characters; go on with first_line=2]")


# --- writing


def test_writing_says_what_became_of_the_file(world) -> None:
    assert write_file("a/b.txt", "one\ntwo", world.context) == "created a/b.txt (2 lines, 7 bytes)"
    assert write_file("a/b.txt", "é", world.context) == "replaced the content of a/b.txt (1 line, 2 bytes)"
    assert world.read("a/b.txt") == "é".encode()


def test_half_a_character_is_told(world) -> None:
    with pytest.raises(ToolFault, match="half a character"):
        write_file("a.txt", "\ud83d", world.context)
    assert list(world.root.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "added", "after"),
    [
        (b"one\n", "two", b"one\ntwo\n"),
        (b"one", "two\n", b"one\ntwo\n"),
        (b"one", "two\nthree", b"one\ntwo\nthree\n"),
        (b"", "one", b"one\n"),
        (b"one\r\ntwo\r\n", "three", b"one\r\ntwo\r\nthree\r\n"),
        (b"caf\xe9\n", "th\xe9", b"caf\xe9\nth\xe9\n"),
        (b"\xff\xfea\0", "b", b"\xff\xfea\0\n\0b\0\n\0"),
    ],
)
def test_added_lines_start_and_end_on_their_own(world, before, added, after) -> None:
    world.write("a.txt", before)
    append_file("a.txt", added, world.context)
    assert world.read("a.txt") == after


def test_appending_tells_how_many_lines_there_are_now(world) -> None:
    assert append_file("a.txt", "one", world.context) == "created a.txt (1 line)"
    assert append_file("a.txt", "two\nthree", world.context) == "added 2 lines to a.txt, which now has 3"
    with pytest.raises(ToolFault, match="nothing to add"):
        append_file("a.txt", "", world.context)


def test_a_character_the_encoding_lacks_is_told(world) -> None:
    world.write("a.txt", b"caf\xe9\n")
    with pytest.raises(ToolFault, match="encoded in cp1252, which has no '→'"):
        append_file("a.txt", "→", world.context)
    assert world.read("a.txt") == b"caf\xe9\n"


def test_a_missing_file_names_what_there_is(world) -> None:
    world.write("notes.txt", "x")
    with pytest.raises(
        ToolFault, match=r'there is no file "note.txt"; did you mean notes\.txt\? files here:'
    ):
        read_file("note.txt", world.context)


# --- listing


def test_a_listing_has_paths_that_can_be_named_and_a_count(world) -> None:
    world.write("notes.txt", "x" * 1200)
    world.write("archive/old/a.txt", "y")
    world.write("archive/b\nc.txt", "z")
    assert list_files(world.context) == "archive/ (folder)\nnotes.txt (1,200 bytes)\n[1 file, 1 folder]"
    assert list_files(world.context, "./archive/") == (
        '"archive/b\\nc.txt" (1 byte)\narchive/old/ (folder)\n[1 file, 1 folder]'
    )
    assert list_files(world.context, deep=True).endswith("notes.txt (1,200 bytes)\n[3 files]")
    assert list_files(world.context, "archive/old", deep=True) == "archive/old/a.txt (1 byte)\n[1 file]"


def test_an_empty_folder_and_a_long_one(world, monkeypatch) -> None:
    assert list_files(world.context) == 'the folder "." is empty'
    monkeypatch.setattr(files, "MOST_LISTED", 2)
    for number in range(5):
        world.write(f"{number}.txt", "")
    assert list_files(world.context) == "0.txt (0 bytes)\n1.txt (0 bytes)\nand 3 more\n[5 files]"


# --- arranging


def test_files_are_moved_copied_and_deleted(world) -> None:
    world.write("draft.txt", "x")
    context = world.context
    assert arrange.move_file("draft.txt", "offer.txt", context) == "moved draft.txt to offer.txt"
    assert arrange.make_folder("sent", context) == "made the folder sent"
    assert arrange.make_folder("sent", context) == "sent was there already"
    assert arrange.copy_file("offer.txt", "sent", context) == "copied offer.txt to sent/offer.txt"
    assert arrange.delete_file("offer.txt", context) == "deleted offer.txt"
    with pytest.raises(ToolFault, match="is not empty"):
        arrange.delete_file("sent", context)
    assert arrange.delete_file("sent", context, recursive=True) == "deleted sent"
    assert list(world.root.iterdir()) == []


def test_the_disk_being_full_is_said_plainly(world, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agentkit.tooling.whole_files.write_all", full)
    with pytest.raises(ToolFault, match="there is no space left on the disk"):
        write_file("a.txt", "x", world.context)


async def test_a_tool_is_offered_only_with_files_that_exist(world) -> None:
    assert read_file.spec_in(world.context) is None
    world.write("a.txt", "one")
    spec = read_file.spec_in(world.context)
    assert spec is not None
    assert spec.choices == {"path": ("a.txt",)}
    assert await read_file.run(world.context, read_file.check({"path": "a.txt"})) == "one"
    assert isinstance(world.context.workspace, Workspace)
