import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.documents.sentences import sentences

MARKED = [
    "It rained. |We left.",
    "Dr. Li met J. R. Smith at 3.14 p.m. today. |It was late.",
    "他说：“好。”|然后走了！|真的吗？|是的；|算了……|好",
    "Wait... what? |Yes!",
    "中文和English混在一起。|Then English. |再来中文。",
    "One line\nwrapped here. |Two.",
    "To buy:\n|- milk\n|- eggs\n|1. first\n|2. second",
    "See example.com or v1.2.3 for more.",
]


@pytest.mark.parametrize("marked", MARKED)
def test_sentences_end_where_a_reader_ends_them(marked: str) -> None:
    text = marked.replace("|", "")
    assert "|".join(text[a:b] for a, b in sentences(text)) == marked


@given(st.text(alphabet='ab .!?。！？；…\n"”)-1、', max_size=60))
def test_sentences_are_the_whole_text(text: str) -> None:
    assert "".join(text[a:b] for a, b in sentences(text)) == text


def test_a_long_run_of_marks_takes_no_longer_than_its_length() -> None:
    assert sum(1 for _ in sentences("!" * 200_000 + "." * 200_000 + "x" * 200_000)) < 5
