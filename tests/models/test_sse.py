import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import MalformedStream
from agentkit.models.sse import EventDecoder


def events(*pieces):
    decoder = EventDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + list(decoder.close())


LINES = st.lists(
    st.one_of(
        st.just(""),
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",))).map(
            lambda t: f"data: {t}"
        ),
        st.sampled_from([": ping", "event: x", "id: 1", "data", "data:"]),
    ),
    max_size=8,
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200)))
def test_events_do_not_depend_on_how_the_bytes_were_cut(lines, ending, cuts):
    data = "".join(line + ending for line in lines).encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert events(*pieces) == events(data) == events(*(bytes([byte]) for byte in data))


def test_data_lines_of_one_event_are_joined():
    assert events(b"data: a\ndata: b\n\ndata:c\n\n") == ["a\nb", "c"]


def test_comments_and_silent_fields_are_passed_over():
    assert events(b"\xef\xbb\xbf: hello\nevent: message\nid: 1\nretry: 3\n\ndata: a\n\n: ping\n\n") == ["a"]


def test_the_last_empty_line_may_be_missing():
    assert events(b"data: a\n\ndata: b") == ["a", "b"]


def test_an_event_that_begins_as_a_page_does_is_an_event_still():
    assert events(b"data: <") == ["<"]


def test_separators_of_unicode_do_not_end_a_line():
    assert events("data: a\u2028b\x85c\x0bd\n\n".encode()) == ["a\u2028b\x85c\x0bd"]


@pytest.mark.parametrize("line", [b"upstream timed out", b"foo: bar", b"data: \xff"])
def test_a_line_that_is_none_is_quoted(line):
    with pytest.raises(MalformedStream):
        events(b"data: a\n\n" + line + b"\n\n")


def test_a_body_that_is_one_object_comes_at_its_end():
    assert events(b'{"a":\r\n', b' "b"}') == ['{"a":\n"b"}']


def test_a_page_is_refused_at_its_end():
    with pytest.raises(MalformedStream, match="a page came instead of an answer: Log in"):
        events(b"<html><title>Log", b" in</title>\n</html>")
