import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.documents import load
from agentkit.documents.readers import html as reader
from agentkit.documents.readers.page_text import page_text

ARTICLE = " ".join(f"Sentence {n} of the article says something worth reading." for n in range(30))
PAGE = f"""<!DOCTYPE html><html><head><title>A page &amp; more</title><script>var x = "<p>";</script></head>
<body><nav><ul><li><a href="/">Home</a></li><li>Imprint and menu</li></ul></nav>
<main><article><h1>The head</h1><p>{ARTICLE}</p><h2>Part two</h2><p>{ARTICLE.upper()}</p>
<table><tr><th>name</th><th>price</th></tr><tr><td>tea</td><td>3 | 4</td></tr></table></article></main>
<footer>Copyright and cookies</footer></body></html>"""


@pytest.fixture(params=[True, False])
def installed(request, monkeypatch) -> bool:
    """With trafilatura, and as if it were not there."""
    if not request.param:
        monkeypatch.setattr(reader, "find_spec", lambda _: None)
    return request.param


def test_a_page_becomes_markdown_under_its_title(installed) -> None:
    document = load(PAGE.encode(), "text/html; charset=utf-8")
    assert document.media_type == "text/markdown"
    assert document.metadata == {"format": "text/html", "title": "A page & more"}
    assert document.text.startswith("# ")
    assert "## Part two" in document.text
    assert "| tea |" in document.text
    assert "var x" not in document.text
    assert ("Imprint and menu" in document.text) is not installed


def test_a_short_page_is_taken_whole(installed) -> None:
    assert load(b"<title>T</title><body><p>Only this.</p></body>", "text/html").text == "# T\n\nOnly this."


def test_a_page_is_read_in_its_charset(installed) -> None:
    page = f'<meta charset="gb2312"><title>编码</title><p>{"网页的正文在这里，说明了编码。" * 30}</p>'
    assert "网页的正文在这里" in load(page.encode("gb18030"), "text/html; charset=utf-8").text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one<p>two", "one\n\ntwo"),
        ("a<br>b<hr>c", "a\nb\n\nc"),
        ("<script>never closed <p>x", ""),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("<ul><li>x<li>y</ul>z", "- x\n- y\n\nz"),
        ("<h3>a <b>b</b></h3>c", "### a b\n\nc"),
        ("&lt;b&gt; &#20013;", "<b> 中"),
        ("<table><tr><td>a<br>b<td>c</table>", "| a b | c |\n| --- | --- |"),
    ],
)
def test_markup_as_it_is_found_is_read(source: str, text: str) -> None:
    assert page_text(source).text == text


@given(st.text(st.sampled_from(list("<>/&;!-ptdrhliabs1'\"= x\n")), max_size=120))
def test_no_markup_is_an_error(source: str) -> None:
    page_text(source)
