"""Texts that are far too long are refused for the price of those that fit."""

import pytest

from agentkit_local_models.errors import PromptTooLong
from agentkit_local_models.overlong import refuse_overlong
from agentkit_local_models.tokenizer import AddedToken, Tokenizer

CONTEXT = 1_000
MARK = "<|a mark of thirty characters|>"


class Counting:
    """A token for so many characters; counts those that it was given."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.seen = 0

    def encode(self, text: str, *, first: bool) -> list[int]:
        del first
        self.seen += len(text)
        return [0] * -(-len(text) // self.width)


def tokenizer(merging: Counting) -> Tokenizer:
    return Tokenizer(merging, {0: "a"}, [AddedToken(MARK, 1, special=True)])


@pytest.mark.parametrize("texts", [["a" * 4_000_000], ["a" * 3_000] * 1_000])
def test_of_a_text_that_is_far_too_long_only_the_beginning_is_tokenised(texts: list[str]) -> None:
    merging = Counting(4)
    with pytest.raises(PromptTooLong, match=r"far more tokens than .* which is 1000"):
        refuse_overlong(texts, tokenizer(merging), CONTEXT)
    assert merging.seen < 4 * 2 * CONTEXT + 20_000


def test_a_long_text_of_few_tokens_is_let_through() -> None:
    merging = Counting(100)
    refuse_overlong(["a" * 90_000], tokenizer(merging), CONTEXT)
    assert merging.seen == 90_000


def test_a_usual_text_is_not_tokenised_twice() -> None:
    merging = Counting(4)
    refuse_overlong(["a" * 8_000] * 2, tokenizer(merging), CONTEXT)
    assert merging.seen == 0


def test_special_tokens_count_as_what_they_are_where_they_may_stand() -> None:
    text = MARK * 900
    refuse_overlong([text], tokenizer(Counting(1)), CONTEXT, allow_special=True)
    with pytest.raises(PromptTooLong):
        refuse_overlong([text], tokenizer(Counting(1)), CONTEXT)
