"""What of a conversation is sent: it fits, and only the middle of old results is missing."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.view import KEPT, RECENT, fitting
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage

MESSAGES = st.lists(
    st.one_of(
        st.builds(UserMessage, st.text(max_size=50)),
        st.builds(AssistantMessage, st.text(max_size=50)),
        st.builds(lambda n, c: ToolMessage(str(n), "t", c * n), st.integers(0, 3000), st.characters()),
    ),
    max_size=12,
)


def size(messages: Sequence[Message]) -> int:
    return sum(len(message.text) for message in messages)


@given(MESSAGES, st.integers(0, 9000))
def test_only_old_results_are_shortened_and_no_more_than_needed(messages: list[Message], room: int) -> None:
    view = fitting(messages, size, room)
    assert len(view) == len(messages)
    results = [place for place, message in enumerate(messages) if isinstance(message, ToolMessage)]
    old = set(results[:-RECENT])
    changed = [place for place, pair in enumerate(zip(messages, view, strict=True)) if pair[0] != pair[1]]
    assert set(changed) <= old
    assert changed == [place for place in sorted(old) if len(messages[place].text) > 2 * KEPT][: len(changed)]
    for place in changed:
        assert view[place].text.startswith(messages[place].text[:KEPT])
        assert "left out to save space" in view[place].text
    if size(view) > room:  # everything that may be shortened is
        assert all(len(messages[place].text) <= 2 * KEPT or place in changed for place in old)
    if changed:
        without_last = list(view)
        without_last[changed[-1]] = messages[changed[-1]]
        assert size(without_last) > room


def test_what_fits_is_sent_as_it_is() -> None:
    messages = (SystemMessage("a"), ToolMessage("c", "t", "x" * 5000))
    assert fitting(messages, size, 10_000) == messages
