import csv
import io
import os
import zipfile
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import DocumentError, ToolFault
from agentkit_tools.documents import GROUP, as_table, read_document, reader_of, rows_of
from agentkit_tools.lookaround import PACK, file_info, find_files, show_tree


@pytest.fixture
def tree(world):
    for path in ("a.py", "src/b.py", "src/deep/c.py", "docs/d.md", "docs/e[1].md"):
        world.write(path, "x = 1\n")
    return world


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.py", ["a.py", "src/b.py", "src/deep/c.py"]),
        ("src/*.py", ["src/b.py"]),
        ("src/**/*.py", ["src/b.py", "src/deep/c.py"]),
        ("**/c.py", ["src/deep/c.py"]),
        ("docs/[d]*", ["docs/d.md"]),
        ("docs/[!d]*", ["docs/e[1].md"]),
        ("?.py", ["a.py", "src/b.py", "src/deep/c.py"]),
    ],
)
def test_files_are_found_by_a_pattern(tree, pattern: str, found: list[str]) -> None:
    assert find_files(pattern, tree.context).splitlines()[:-1] == found


def test_a_pattern_that_finds_nothing_names_what_is_like_it(tree) -> None:
    assert find_files("b.pyx", tree.context) == "no file matches b.pyx; there is a.py, src/b.py"


def test_a_tree_shows_what_lies_where_and_goes_round_in_no_circle(tree) -> None:
    os.symlink("..", tree.root / "src/deep/up")
    shown = show_tree(tree.context, "src", 2)
    assert shown.splitlines() == [
        "src/",
        "├── b.py (6 bytes)",
        "└── deep/",
        "    ├── c.py (6 bytes)",
        "    └── up/",
    ]


def test_a_file_tells_what_it_is(tree) -> None:
    told = file_info("a.py", tree.context)
    assert "size: 6 bytes" in told
    assert "text in utf-8" in told
    assert "lines: 1" in told
    tree.write("x.bin", b"\0\1\2")
    assert "binary" in file_info("x.bin", tree.context)
    assert "folder with 2 things in it" in file_info("docs", tree.context)
    with pytest.raises(ToolFault, match="there is no file"):
        file_info("no.txt", tree.context)


def test_a_table_is_shown_in_columns(world) -> None:
    world.write("t.csv", 'name;n\n"Ada; Lovelace";36\nBob;7\n')
    assert read_document("t.csv", world.context) == (
        "name          | n\nAda; Lovelace | 36\nBob           | 7\n[2 rows, 2 columns]"
    )


def test_a_format_without_a_reader_is_refused_with_what_would_help(world) -> None:
    world.write("p.odt", b"PK")
    known = "csv, tsv, docx, htm, html, pdf"
    with pytest.raises(ToolFault, match=rf"no reader for \.odt files is installed; here {known} can be read"):
        read_document("p.odt", world.context)


def test_a_pdf_a_word_document_and_a_saved_page_are_read_as_text(world, small_pdf) -> None:
    world.write("p.pdf", small_pdf("The tide is high at noon."))
    assert read_document("p.pdf", world.context).strip() == "The tide is high at noon."
    world.write("p.docx", small_docx("Ships wait there."))
    assert read_document("p.docx", world.context).strip() == "Ships wait there."
    world.write("p.html", "<title>T</title><script>no</script><p>Boats &amp; more")
    assert read_document("p.html", world.context).strip() == "# T\n\nBoats & more"
    world.write("p.docx", b"PK no archive")
    with pytest.raises(DocumentError, match=r"the \.docx file: "):
        read_document("p.docx", world.context)


def small_docx(text: str) -> bytes:
    file = io.BytesIO()
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    with zipfile.ZipFile(file, "w") as archive:
        body = f"<w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body>"
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{space}">{body}</w:document>')
    return file.getvalue()


def test_a_reader_is_found_by_entry_point() -> None:
    found = [EntryPoint("up", "builtins:len", GROUP)]
    assert reader_of("up", found)(b"abc") == 3


CELLS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)), min_size=1)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_rows_come_back_as_they_were_written(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    if text.getvalue().strip():
        assert rows_of(text.getvalue(), "t.csv", ",") == rows
        assert as_table(rows).endswith("2 columns]")


def test_the_pack_holds_what_it_says() -> None:
    assert [one.name for one in PACK.tools] == [
        "find_files",
        "show_tree",
        "file_info",
        "apply_patch",
        "read_document",
    ]
