import pytest

from agentkit.core.errors import DocumentError
from agentkit.documents import load, split
from agentkit.documents.readers import pdf as reader
from agentkit.documents.readers.paper import flowing

from .pdf_writer import pdf

BODY = [
    "This paragraph of the page is longer than one line, and so it goes on",
    "in the second line, where This ends.",
    "Another one begins here, and it is divided in the middle of a dif-",
    "ficult word that This would look for in two halves. It ends now.",
]
ANIMALS = ("ant", "bear", "cat", "dog")
PAGES = [
    [
        f"Annual report, part {number}",
        *(line.replace("This", f"The {animal}") for line in BODY),
        f"What the {animal} says stands on this page.",
        f"Page {number} of 4",
    ]
    for number, animal in enumerate(ANIMALS, 1)
]


@pytest.fixture(params=["pypdfium2", "pypdf"])
def installed(request, monkeypatch) -> str:
    """One reader, as if it were the only one that is installed."""
    monkeypatch.setattr(reader, "find_spec", lambda name: name == request.param or None)
    return request.param


def test_lines_become_paragraphs_and_running_heads_go(installed) -> None:
    document = load(pdf(*PAGES), "application/pdf")
    pages = document.text.split("\f")
    assert len(pages) == document.metadata["pages"] == 4
    assert "longer than one line, and so it goes on in the second line, where The ant ends.\n" in pages[0]
    assert "a difficult word" in pages[1]
    assert "What the cat says stands on this page." in pages[2]
    assert "Annual report" not in document.text
    assert "of 4" not in document.text


def test_a_chunk_knows_its_page(installed) -> None:
    chunks = split(load(pdf(*PAGES), name="report.pdf"), 60)
    pages = {name: c.metadata["page"] for c in chunks for name in ANIMALS if f"the {name} says" in c.text}
    assert pages == {"ant": 1, "bear": 2, "cat": 3, "dog": 4}


def test_a_damaged_file_is_refused(installed) -> None:
    for data in (b"%PDF-1.4 and no more", pdf(*PAGES)[:300], b"no pdf at all"):
        with pytest.raises(DocumentError, match="report: it cannot be read as PDF"):
            load(data, "application/pdf", name="report")


def test_what_the_first_reader_refuses_is_read_by_the_second_and_else_the_first_says_why() -> None:
    headless = pdf(["The tide is high at noon."])[8:]
    assert load(headless, "application/pdf").text.strip() == "The tide is high at noon."
    with pytest.raises(DocumentError, match="it cannot be read as PDF: Failed to load document"):
        load(b"%PDF-1.4 and no more", "application/pdf")


def test_pages_without_text_are_said_to_be_pictures(installed) -> None:
    with pytest.raises(DocumentError, match="its 2 pages hold no text, only pictures"):
        load(pdf([], []), "application/pdf")


def test_without_a_reader_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setattr(reader, "find_spec", lambda _: None)
    with pytest.raises(DocumentError, match=r"pip install 'agentkit\[pdf\]'"):
        load(pdf(*PAGES), "application/pdf")


def test_chinese_lines_are_joined_without_a_space() -> None:
    lines = [
        "这一段话比一行要长得多，所以它在第二行里继续下去，一直到句号才算真正结",
        "束。",
        "下一段另起一行，不和上一段连在一起，因为上一段已经用句号结束了，对吧。",
    ]
    assert flowing(["\n".join(lines)]) == f"{lines[0]}{lines[1]}\n{lines[2]}"


def test_what_two_pages_share_in_their_middle_stays() -> None:
    pages = ["\n".join([f"head {n}", *"bcd", "the same sentence", *"efg"]) for n in "abc"]
    assert flowing(pages).count("the same sentence") == 3


def test_rows_of_figures_at_the_end_of_pages_stay() -> None:
    pages = ["\n".join([f"words {n}", *"bcdefgh", f"{n}2 {n}5 17"]) for n in range(1, 6)]
    assert "12 15 17" in flowing(pages)
    assert "52 55 17" in flowing(pages)
