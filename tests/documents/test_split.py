from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.documents import Chunk, Document
from agentkit.core.errors import DocumentError
from agentkit.core.usage import estimated_tokens
from agentkit.documents import media_types as kinds
from agentkit.documents.split import split

TYPES = [
    kinds.PLAIN, kinds.MARKDOWN, kinds.HTML, kinds.PYTHON, kinds.CODE, kinds.CSV, kinds.JSON,
    kinds.JSON_LINES,
]  # fmt: skip
ANY = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("# =-`~|<>p/h1\"'{}[],:\n\n  \t\f.。！？；…defclass()")),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=400,
)


def words(text: str) -> int:
    """A tokenizer of two marks around the words, as BERT's: their count is no sum of that of parts."""
    return 2 + len(text.split()) + sum(len(word) // 5 for word in text.split())


@given(
    ANY,
    st.sampled_from(TYPES),
    st.integers(16, 60),
    st.integers(0, 12),
    st.sampled_from([estimated_tokens, words]),
)
def test_every_chunk_is_its_span_within_the_limit_and_nothing_is_lost(
    text, media_type, limit, overlap, count
) -> None:
    document = Document("d", text, media_type=media_type)
    chunks = split(document, limit, count, overlap=overlap)
    covered = set[int]()
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip()
        assert chunk.text
        assert count(chunk.text) <= limit
        covered.update(range(chunk.start, chunk.end))
    assert "".join(c for place, c in enumerate(text) if place not in covered).strip() == ""
    assert [(c.start, c.end) for c in chunks] == sorted((c.start, c.end) for c in chunks)
    assert len({(c.start, c.end) for c in chunks}) == len(chunks)


def chunks_of(text: str, media_type: str, limit: int = 40, overlap: int = 0) -> list[Chunk]:
    return split(Document("d", text, media_type=media_type), limit, overlap=overlap)


def test_a_chunk_knows_the_headings_that_it_stands_under() -> None:
    intro, body, use = "Intro words here. " * 5, "Run the command. " * 5, "Use it. " * 9
    text = f"# Guide\n\n{intro}\n\n## Install\n\n{body}\n\nUsage\n=====\n\n{use}"
    assert [chunk.headings for chunk in chunks_of(text, kinds.MARKDOWN)] == [
        ("Guide",), ("Guide", "Install"), ("Usage",),
    ]  # fmt: skip


def test_what_looks_like_a_heading_in_fenced_code_is_none() -> None:
    text = "# Real\n\n```sh\n# a comment\nls\n```\n\n## Next\n\nwords\n"
    assert chunks_of(text, kinds.MARKDOWN, limit=200)[0].headings == ("Real",)
    assert {h for chunk in chunks_of(text, kinds.MARKDOWN, limit=16) for h in chunk.headings} == {
        "Real",
        "Next",
    }


def test_small_sections_go_together() -> None:
    text = "# A\n\n## B\n\none\n\n## C\n\ntwo\n"
    [chunk] = chunks_of(text, kinds.MARKDOWN, limit=100)
    assert chunk.headings == ("A",)


def test_a_small_section_stays_apart_from_one_that_does_not_fit() -> None:
    text = f"# A\n\nSome few words that stand here.\n\n# B\n\n{'Two says no. ' * 40}"
    first, second, *_ = chunks_of(text, kinds.MARKDOWN, limit=100)
    assert first.text.endswith("stand here.")
    assert second.headings == ("B",)


def test_a_title_is_never_alone() -> None:
    text = f"# Title\n\n## Part\n\n{'Two says no. ' * 80}"
    assert chunks_of(text, kinds.MARKDOWN, limit=100)[0].text.startswith("# Title\n\n## Part\n\nTwo says no.")


def test_code_is_cut_at_functions_with_what_stands_right_above_them() -> None:
    body = "".join(f"        value_{n} = compute({n})\n" for n in range(3))
    price = f"    # says the price\n    @cached\n    def price(self):\n{body}"
    text = f"import os\n\n\nclass Shop:\n{price}\n    def sell(self):\n{body}"
    chunks = chunks_of(text, kinds.PYTHON, limit=60)
    [first] = [chunk for chunk in chunks if "def price" in chunk.text]
    [sell] = [chunk for chunk in chunks if "def sell" in chunk.text]
    assert "@cached" in first.text
    assert "# says the price" in first.text
    assert sell.headings == ("class Shop", "def sell(self)")


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("export default async function load(path) {", "export default async function load(path)"),
        ("pub(crate) fn parse<T>(text: &str) -> T {", "pub(crate) fn parse<T>(text: &str) -> T"),
        ("static inline int add(int a, int b) {", "static inline int add(int a, int b)"),
        (
            "func (s *Server) Run(ctx context.Context) error {",
            "func (s *Server) Run(ctx context.Context) error",
        ),
        ("public final class Order extends Base {", "public final class Order extends Base"),
        ("impl Display for Point {", "impl Display for Point"),
    ],
)
def test_definitions_of_many_languages_are_seen(line: str, title: str) -> None:
    text = f"{line}\n    if (a) {{\n    return 1;\n}}\n"
    assert chunks_of(text, kinds.CODE)[0].headings == (title,)


def test_the_source_of_a_page_is_cut_at_its_elements() -> None:
    item = "<p>Some words are in this paragraph, and they stay.</p>\n"
    text = f"<h1>Top</h1>\n{item * 2}<h2>The <b>second</b></h2>\n{item * 3}"
    chunks = chunks_of(text, kinds.HTML, limit=60)
    assert {chunk.headings for chunk in chunks} == {("Top",), ("Top", "The second")}
    assert all(chunk.text.count("<p>") == chunk.text.count("</p>") for chunk in chunks)


def test_a_row_is_not_cut_and_knows_its_columns() -> None:
    rows = "".join(f'{n},"a note\nin two lines",{n * 7}\n' for n in range(20))
    chunks = chunks_of(f"id,note,price\n{rows}", kinds.CSV)
    assert len(chunks) > 3
    assert all(chunk.headings == ("id,note,price",) for chunk in chunks[1:])
    assert all(chunk.text.count('"') % 2 == 0 for chunk in chunks)


def test_json_is_cut_between_its_outermost_values() -> None:
    text = '[\n  {"a": "x, y", "b": [1, 2]},\n  {"a": "z"},\n  {"a": "w"}\n]'
    chunks = chunks_of(text, kinds.JSON, limit=15)
    assert [chunk.text for chunk in chunks][1:] == ['{"a": "z"},\n  {"a": "w"}\n]']


def test_the_overlap_is_of_whole_sentences() -> None:
    sentences = [f"Sentence number {n} says a little." for n in range(30)]
    chunks = chunks_of(" ".join(sentences), kinds.PLAIN, limit=40, overlap=12)
    assert len(chunks) > 5
    for before, after in pairwise(chunks):
        assert after.start < before.end
        assert before.text[after.start - before.start :] in sentences


def test_no_overlap_crosses_into_another_section() -> None:
    text = f"# A\n\n{'One says so. ' * 20}\n\n# B\n\n{'Two says no. ' * 20}"
    for chunk in chunks_of(text, kinds.MARKDOWN, limit=40, overlap=10):
        assert not ("One" in chunk.text and "Two" in chunk.text)


def test_a_text_without_a_place_to_cut_is_cut_all_the_same() -> None:
    chunks = chunks_of("甲" * 1000 + "x" * 1000, kinds.PLAIN, limit=32)
    assert all(estimated_tokens(chunk.text) <= 32 for chunk in chunks)
    assert sum(len(chunk.text) for chunk in chunks) == 2000


def test_a_limit_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(DocumentError, match="no room"):
        split(Document("d", "text"), 2, words)
    with pytest.raises(DocumentError, match="'x' alone has 9 tokens, and 8 are the most"):
        split(Document("d", "x"), 8, lambda text: 9 * len(text))


@pytest.mark.parametrize("mark", ["`", "\u0301", "!", "<h1>", "\n \n"])
@pytest.mark.parametrize("media_type", [kinds.MARKDOWN, kinds.HTML, kinds.CODE])
def test_a_long_run_of_one_mark_takes_no_longer_than_its_length(mark: str, media_type: str) -> None:
    # what grows with the square of the length would run into the limit of every test
    text = mark * (60_000 // len(mark)) + "word"
    assert chunks_of(text, media_type, limit=2000)[-1].text.endswith("word")
