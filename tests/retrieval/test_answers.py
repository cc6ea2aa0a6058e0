"""Answers: what is quoted stands where it is said to stand, or is said not to."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agentkit.retrieval.cite import checked, cited, lines_of
from agentkit.retrieval.extract import extracted

from .doubles import document, filled

PALACE = document(
    "palace.md", "# 故宫\n\n故宫位于北京市中心。它建于1420年，明朝永乐年间。\n\n里面有九千多间房。"
)
PORT = document(
    "port.md", "The web server listens on port 8080.\n\nThe mail server has\nport 25, by “custom”."
)


async def test_without_a_model_the_sentence_that_answers_is_quoted(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PALACE, PORT) as index:
        for question, said in (
            ("Which port does the web server listen on?", "The web server listens on port 8080."),
            ("故宫在哪里？", "故宫位于北京市中心。"),
            ("故宫有多少间房", "里面有九千多间房。"),
        ):
            quotes = extracted(question, await index.retrieve(question), index)
            assert said in [one.quote for one in quotes], question
            for one in quotes:
                of = index.store.document(one.document)
                assert of is not None
                assert of.text[one.start : one.end] == one.quote
                assert one.verified
                assert checked(one, of) == one


async def test_what_the_documents_do_not_tell_is_not_answered(tmp_path: Path) -> None:
    with filled(tmp_path / "i.db", PALACE, PORT) as index:
        for question in (
            "明天的天气怎么样？",
            "伦敦的大桥有多少米？",
            "Who is the server of the king of France?",
        ):
            hits = await index.retrieve(question)
            assert hits, question  # a word of it stands somewhere
            assert extracted(question, hits, index) == [], question
        assert extracted("Which port?", [], index) == []


@given(st.text(min_size=1, max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_every_part_of_a_text_is_verified_and_every_other_place_is_not(
    text: str, one: int, other: int
) -> None:
    of = document("a", text)
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    citation = cited(of, start, end)
    assert checked(citation, of).verified == (start < end)
    if start < end:
        wrong = replace(citation, quote=citation.quote + "x")
        assert not checked(wrong, of).verified
        assert not checked(citation, document("b", text)).verified
        assert not checked(citation, None).verified


def test_lines_are_counted_as_an_editor_does() -> None:
    assert lines_of("a\nb\nc\n", 2, 6) == (2, 3)
    assert lines_of("a", 0, 1) == (1, 1)
