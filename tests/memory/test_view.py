"""What is shown of a conversation: the shapes, and what holds for every history and every budget."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.errors import UsageError
from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.memory.view import NO_RESULT, RETOLD, Shape, Summary, View, estimated, view


def words(messages: Sequence[Message]) -> int:
    """A count that is easily checked: the words of the texts, and one for each message and call."""
    calls = sum(len(one.calls) for one in messages if isinstance(one, AssistantMessage))
    return sum(len(one.text.split()) for one in messages) + len(messages) + calls


def said(*texts: str) -> tuple[Message, ...]:
    """The person first, then by turns."""
    kinds = (UserMessage, AssistantMessage)
    return tuple(kinds[place % 2](text) for place, text in enumerate(texts))


def texts(found: View) -> list[str]:
    return [one.text for one in found.messages]


TALK = (SystemMessage("be kind"), *said("hello", "hi", "one", "eins", "two", "zwei", "three", "drei"))


def test_a_buffer_shows_all_of_it() -> None:
    assert view(TALK, Shape()) == View(TALK, since=2)


def test_a_window_shows_the_newest_exchanges_and_the_instructions() -> None:
    found = view(TALK, Shape(turns=2, goal=False))
    assert texts(found) == ["be kind", "two", "zwei", "three", "drei"]
    assert found.left == (1, 2, 3, 4)


def test_the_first_words_stay_where_they_are_the_goal() -> None:
    assert texts(view(TALK, Shape(turns=1))) == ["be kind", "hello", "three", "drei"]


def test_a_token_buffer_shows_as_much_as_fits_and_begins_with_the_person() -> None:
    found = view(TALK, Shape(tokens=10, goal=False), words)
    assert texts(found) == ["be kind", "three", "drei"]  # with "zwei" there would be room, but no question
    assert words(found.messages) <= 10


def test_a_summary_stands_for_what_it_covers_and_nothing_else() -> None:
    found = view(TALK, Shape(summarise=True, goal=False), summary=Summary("numbers up to two", 7))
    assert texts(found) == ["be kind", f"{RETOLD}\nnumbers up to two", "three", "drei"]
    assert found.left == ()


def test_words_that_are_still_to_be_answered_are_shown_whatever_leaves() -> None:
    asked = (*TALK, UserMessage("four"))
    assert texts(view(asked, Shape(tokens=6, goal=False), words)) == ["be kind", "four"]


def test_the_steps_of_a_long_turn_leave_before_its_question() -> None:
    steps = [
        one
        for place in range(9)
        for one in (
            AssistantMessage(calls=(ToolCall(f"c{place}", "look", {}),)),
            ToolMessage(f"c{place}", "look", f"seen {place}"),
        )
    ]
    found = view((*TALK, UserMessage("look around"), *steps), Shape(tokens=17, goal=False), words)
    assert texts(found) == ["be kind", "look around", "", "seen 7", "", "seen 8"]


def test_a_call_without_a_result_is_answered_by_that() -> None:
    broken = (
        UserMessage("go"),
        AssistantMessage(calls=(ToolCall("a", "look", {}), ToolCall("b", "look", {}))),
    )
    found = view((*broken, ToolMessage("b", "look", "seen")), Shape())
    assert texts(found) == ["go", "", NO_RESULT, "seen"]


def test_what_does_not_fit_is_an_error_that_says_how_long_it_is() -> None:
    with pytest.raises(UsageError, match=r"has 8 tokens, more than the 5"):
        view((*said("the first words are long"),), Shape(tokens=5), lambda _: 8)


def test_a_limit_is_kept_by_an_estimate_where_nobody_counts() -> None:
    found = view(TALK, Shape(tokens=40, goal=False))
    assert estimated(found.messages) <= 40
    assert texts(found) == ["be kind", "three", "drei"]


HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("user"), st.integers(0, 12)),
        st.tuples(st.just("answer"), st.integers(0, 12)),
        # calls, which of them have results, and one that answers nobody
        st.tuples(st.just("calls"), st.integers(1, 3), st.integers(0, 7), st.booleans()),
    ),
    max_size=24,
)
SHAPES = st.builds(
    Shape,
    tokens=st.none() | st.integers(0, 150),
    turns=st.none() | st.integers(0, 6),
    goal=st.booleans(),
)


def history(parts: list[tuple[object, ...]], *, system: bool) -> tuple[Message, ...]:
    messages: list[Message] = [SystemMessage("rules to keep")] if system else []
    for number, part in enumerate(parts):
        match part:
            case ("user", int(length)):
                messages.append(UserMessage(" ".join([f"u{number}"] * length)))
            case ("answer", int(length)):
                messages.append(AssistantMessage(" ".join([f"a{number}"] * length)))
            case (_, int(count), int(bits), orphan):
                calls = tuple(ToolCall(f"{number}.{one}", "look", {}) for one in range(count))
                messages.append(AssistantMessage(calls=calls))
                messages += [
                    ToolMessage(call.id, call.name, f"r{number}")
                    for place, call in enumerate(calls)
                    if bits >> place & 1
                ]
                messages += [ToolMessage(f"{number}.x", "look", "nobody asked")] * bool(orphan)
    return tuple(messages)


def holds(messages: tuple[Message, ...], shape: Shape, summary: Summary | None) -> None:
    """Everything that is promised of a view."""
    try:
        found = view(messages, shape, words, summary)
    except UsageError:
        assert shape.tokens is not None
        least = view(messages, Shape(turns=0, goal=shape.goal), words, summary)
        assert words(least.messages) > shape.tokens
        return
    shown = found.messages
    if shape.tokens is not None:
        assert words(shown) <= shape.tokens
    # no pair is split
    waiting: list[str] = []
    for one in shown:
        if isinstance(one, ToolMessage):
            assert waiting.pop(0) == one.call_id
            continue
        assert waiting == []
        waiting = [call.id for call in one.calls] if isinstance(one, AssistantMessage) else []
    assert waiting == []
    # nothing is lost, altered or moved
    places = [
        next(place for place, other in enumerate(messages) if other is one)
        for one in shown
        if any(other is one for other in messages)
    ]
    assert places == sorted(set(places))
    told = range(summary.end if summary else 0)
    assert sorted({*places, *found.left, *told}) == list(range(len(messages)))
    assert not set(places) & set(found.left)
    made = [one for one in shown if all(other is not one for other in messages)]
    assert all(one.text == NO_RESULT or one.text.startswith(RETOLD) for one in made)
    # what never leaves is there
    spoken = [one for one in messages if isinstance(one, UserMessage)]
    standing = [one for one in messages if isinstance(one, SystemMessage)] + (
        spoken[:1] if shape.goal else []
    )
    assert all(any(one is other for other in shown) for one in standing)


@settings(max_examples=300, deadline=None)
@given(HISTORIES, st.booleans(), SHAPES, st.none() | st.integers(0, 40))
def test_every_view_keeps_the_promises(
    parts: list[tuple[object, ...]], system: bool, shape: Shape, told: int | None
) -> None:
    messages = history(parts, system=system)
    summary = None if told is None else Summary("what was", min(told, len(messages)))
    holds(messages, shape, summary)


def test_a_thousand_random_compactions_split_no_pair_and_lose_no_history() -> None:
    rng = random.Random(7)
    for _ in range(1000):
        kinds = ("user", "answer", "calls")
        parts: list[tuple[object, ...]] = [
            (kind, rng.randint(1, 3), rng.randint(0, 7), rng.random() < 0.1)
            if kind == "calls"
            else (kind, rng.randint(0, 12))
            for kind in rng.choices(kinds, k=rng.randint(1, 40))
        ]
        messages = history(parts, system=rng.random() < 0.7)
        shape = Shape(rng.randint(0, 200), rng.choice((None, 0, 1, 5)), goal=rng.random() < 0.5)
        end = rng.randint(0, len(messages))
        holds(messages, shape, Summary("what was", end) if rng.random() < 0.5 else None)
