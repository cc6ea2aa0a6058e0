from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit_local_models.drafts import PromptLookup, Width

MANY = 64


def proposed(ids: Sequence[int], most: int = MANY) -> list[int]:
    lookup = PromptLookup()
    lookup.extend(ids)
    return lookup.propose(most)


def test_what_followed_before_is_guessed() -> None:
    assert proposed([7, 1, 2, 3, 4, 9, 1, 2])[:2] == [3, 4]


def test_the_last_time_counts() -> None:
    assert proposed([1, 2, 3, 0, 1, 2, 4, 0, 1, 2])[0] == 4


def test_more_equal_tokens_are_a_better_guess() -> None:
    assert proposed([5, 1, 2, 3, 0, 6, 1, 2, 4, 0, 5, 1, 2])[0] == 3


def test_nothing_is_guessed_of_what_is_new() -> None:
    assert proposed([1, 2, 3, 4]) == []
    assert proposed([1]) == []


def test_one_equal_token_is_no_guess() -> None:
    assert proposed([1, 2, 3, 1]) == []


def test_ids_are_compared_and_not_their_bytes() -> None:
    # the bytes of 0x01020102 twice hold the wanted bytes between two ids
    shifted = int.from_bytes(bytes([2, 1, 2, 1]), "little")
    between = int.from_bytes(bytes([1, 2, 1, 2]), "little")
    assert proposed([shifted, shifted, shifted, 9, between, between]) == []


def test_it_goes_on_with_the_sequence() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 2, 3])
    assert lookup.propose(MANY) == []
    lookup.extend([1, 2])
    assert lookup.propose(MANY)[0] == 3


@given(ids=st.lists(st.integers(0, 3), max_size=80), most=st.integers(0, 8), cut=st.integers(0, 80))
def test_a_guess_followed_the_longest_equal_end(ids: list[int], most: int, cut: int) -> None:
    lookup = PromptLookup()
    lookup.extend(ids[:cut])
    lookup.extend(ids[cut:])
    guess = lookup.propose(most)
    assert len(guess) <= most
    if not guess:
        return
    longest = max(
        count
        for count in range(2, 9)
        for place in range(len(ids) - count)
        if len(ids) > count and ids[place : place + count] == ids[-count:]
    )
    place = max(
        place for place in range(len(ids) - longest) if ids[place : place + longest] == ids[-longest:]
    )
    assert guess == ids[place + longest : place + longest + len(guess)]


def test_wrong_guesses_make_it_narrow_and_right_ones_wide() -> None:
    width = Width()
    first = width.of(16)
    for _ in range(40):
        width.told(16, 16)
    wide = width.of(16)
    assert wide == 16 > first > 0
    for _ in range(40):
        width.told(4, 0)
    assert width.of(16) == 0


def test_it_tries_again_now_and_then() -> None:
    width = Width()
    for _ in range(40):
        width.told(4, 0)
    assert [width.of(16) for _ in range(33)].count(1) == 2


def test_no_room_is_no_guess() -> None:
    assert Width().of(0) == 0


@pytest.mark.parametrize(("shortest", "longest"), [(0, 4), (5, 4)])
def test_impossible_lengths_are_refused(shortest: int, longest: int) -> None:
    with pytest.raises(ValueError, match="1 <= shortest <= longest"):
        PromptLookup(shortest=shortest, longest=longest)
