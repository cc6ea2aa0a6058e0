import sys

import pytest

from agentkit.core.errors import DocumentError
from agentkit.documents import load
from agentkit.documents.media_types import CODE, CSV, JSON, JSON_LINES, MARKDOWN, PLAIN, PYTHON, media_type_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", PLAIN), ("README.md", MARKDOWN), ("a.PY", PYTHON), ("x/main.rs", CODE), ("t.csv", CSV),
        ("d.json", JSON), ("d.jsonl", JSON_LINES), ("Makefile", CODE), ("pic.png", ""), ("noname", ""),
    ],
)  # fmt: skip
def test_a_name_tells_what_a_file_holds(name: str, kind: str) -> None:
    assert media_type_of(name) == kind


def test_a_file_is_read_by_its_name(tmp_path) -> None:
    path = tmp_path / "笔记.md"
    path.write_bytes("# 标题\r\n\r\n正文".encode("gb18030"))
    document = load(path)
    assert (document.text, document.media_type) == ("# 标题\n\n正文", MARKDOWN)
    assert document.id == document.source == str(path)
    assert document.metadata == {}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("text/plain; charset=utf-8", PLAIN), ("application/json", JSON), ("application/ld+json", JSON),
        ("APPLICATION/X-NDJSON", JSON_LINES), ("text/troff", "text/troff"), ("text/javascript", CODE),
    ],
)  # fmt: skip
def test_bytes_are_what_their_header_says(said: str, kind: str) -> None:
    assert load(b"{}", said, name="http://127.0.0.1/x").media_type == kind


def test_bytes_of_which_nothing_is_known_are_looked_at() -> None:
    assert load(b" <!DOCTYPE html><title>T</title>x").metadata["title"] == "T"
    assert load(b"just words").media_type == PLAIN


def test_the_same_bytes_have_the_same_id_and_others_another() -> None:
    assert load(b"a").id == load(b"a").id != load(b"b").id


@pytest.mark.parametrize(
    ("data", "media_type", "words"),
    [
        (b"\0\1\2", "", "song: it holds zero bytes, so it is no text"),
        (
            b"abc",
            "image/png",
            "no text can be read out of image/png; known are text of every kind and text/html",
        ),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, media_type: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        load(data, media_type, name="song")


def test_a_file_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(DocumentError, match=r"x\.txt is not there"):
        load(tmp_path / "x.txt")
    with pytest.raises(DocumentError, match="is no file"):
        load(tmp_path)


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules["agentkit.documents.load"], "LARGEST", 10)
    (tmp_path / "x.txt").write_text("a" * 11)
    with pytest.raises(DocumentError, match="has 11 bytes; 10 are the most"):
        load(tmp_path / "x.txt")
