import io
import zipfile

import pytest

from agentkit.core.errors import DocumentError
from agentkit.documents import load, split
from agentkit.documents.readers import docx as reader

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
STYLES = f"""<w:styles {W}>
<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Eigen"><w:name w:val="Own"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:styleId="Punkte"><w:name w:val="List Bullet"/></w:style>
</w:styles>"""
CORE = '<p xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>年度计划</dc:title></p>'


def docx(body: str, **parts: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        document = f"<w:document {W} {MC}><w:body>{body}</w:body></w:document>"
        files = {"word/document.xml": document, "word/styles.xml": STYLES, "docProps/core.xml": CORE, **parts}
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def paragraph(text: str, style: str = "") -> str:
    look = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{look}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def test_headings_lists_tables_and_notes_are_read() -> None:
    cell = "<w:tc>{}</w:tc>"
    rows = [("name", "price"), ("tea | green", "3")]
    table = "".join(f"<w:tr>{''.join(cell.format(paragraph(c)) for c in row)}</w:tr>" for row in rows)
    body = (
        paragraph("Goals", "berschrift1") + paragraph("We want more.") + paragraph("tea", "Punkte")
        + paragraph("预算", "Eigen") + f"<w:tbl>{table}</w:tbl>"
    )  # fmt: skip
    notes = f"<w:footnotes {W}>{paragraph('A note.')}</w:footnotes>"
    document = load(docx(body, **{"word/footnotes.xml": notes}), name="plan.docx")
    assert document.text == (
        "# Goals\n\nWe want more.\n\n- tea\n\n## 预算\n\n"
        "| name | price |\n| --- | --- |\n| tea \\| green | 3 |\n\nA note."
    )
    assert document.metadata["title"] == "年度计划"
    assert [chunk.headings for chunk in split(document, 16)][-1] == ("Goals", "预算")


def test_text_that_was_deleted_and_the_second_form_of_a_drawing_are_left_out() -> None:
    deleted = "<w:del><w:r><w:delText>gone</w:delText><w:t>gone too</w:t></w:r></w:del>"
    run = "<w:r><w:t>{}</w:t></w:r>"
    forms = f"<mc:Choice>{run.format('once')}</mc:Choice><mc:Fallback>{run.format('twice')}</mc:Fallback>"
    body = f"<w:p>{deleted}<mc:AlternateContent>{forms}</mc:AlternateContent></w:p>"
    assert load(docx(body), name="a.docx").text == "once"


def test_a_document_that_unpacks_to_more_than_text_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(reader, "LARGEST_PART", 1 << 16)
    data = docx(paragraph("x" * (1 << 17)))
    assert len(data) < 4096
    with pytest.raises(DocumentError, match=r"word/document\.xml unpacks to more than 65,536 bytes"):
        load(data, name="bomb.docx")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_that_double_each_other_are_refused(encoding: str) -> None:
    entities = "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 40))
    laughs = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE d [<!ENTITY e0 "ha">{entities}]><d>&e39;</d>'
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/document.xml", laughs.encode(encoding))
    with pytest.raises(DocumentError, match="document type declaration"):
        load(data.getvalue(), name="laughs.docx")


def test_elements_without_end_in_each_other_are_refused() -> None:
    with pytest.raises(DocumentError, match="more than 256 elements in each other"):
        load(docx("<w:p>" * 100_000), name="deep.docx")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04 and no more", "no Word document that can be read"),
        (docx(paragraph("x"))[:400], "no Word document that can be read"),
        (docx("<w:p>"), "its XML is damaged"),
    ],
)
def test_a_damaged_document_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        load(data, name="broken.docx")


def test_an_archive_that_is_no_document_is_refused() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/other.xml", "<x/>")
    with pytest.raises(DocumentError, match=r"word/document\.xml is missing"):
        load(data.getvalue(), name="other.docx")
