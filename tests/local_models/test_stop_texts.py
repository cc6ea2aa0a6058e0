from hypothesis import given
from hypothesis import strategies as st

from agentkit_local_models.stop_texts import StopTexts

LETTERS = st.text("ab", max_size=12)


@given(st.lists(LETTERS), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_what_is_shown_is_the_text_before_the_first_stop(pieces: list[str], stops: list[str]) -> None:
    gate = StopTexts(stops)
    shown = "".join(map(gate.push, pieces)) + gate.release()
    text = "".join(pieces)
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    assert gate.found == any(stop in text for stop in stops)
    if gate.found:
        assert any(text[len(shown) :].startswith(stop) for stop in stops)
    else:
        assert shown == text


def test_a_stop_text_in_pieces_is_never_shown() -> None:
    gate = StopTexts(["</call>"])
    assert [gate.push(piece) for piece in ("ok <", "/ca", "ll", ">", "more")] == ["ok ", "", "", "", ""]
    assert gate.found


def test_text_that_only_began_like_a_stop_is_released() -> None:
    gate = StopTexts(["</call>"])
    assert [gate.push("a </c"), gate.push("at>"), gate.push("<"), gate.release()] == ["a ", "</cat>", "", "<"]
