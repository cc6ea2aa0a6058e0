import math
from fractions import Fraction
from itertools import product

import pytest

from agentkit.evaluation.statistics import Z95, fewest_differing, mcnemar_exact, wilson

PUBLISHED = {
    # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
    (81, 263): (0.2553, 0.3662),
    (15, 148): (0.0624, 0.1605),
    (0, 20): (0.0, 0.1611),
    (1, 29): (0.0061, 0.1718),
}


@pytest.mark.parametrize(("reached", "tried"), PUBLISHED)
def test_the_interval_is_the_published_one(reached: int, tried: int) -> None:
    assert wilson(reached, tried) == pytest.approx(PUBLISHED[reached, tried], abs=5e-5)


@pytest.mark.parametrize("tried", [1, 2, 7, 24, 500])
def test_the_interval_holds_the_share_and_is_where_the_score_test_turns(tried: int) -> None:
    for reached in range(tried + 1):
        low, high = wilson(reached, tried)
        assert 0 <= low <= reached / tried <= high <= 1
        for bound in {low, high} - {0.0, 1.0}:
            score = abs(reached / tried - bound) / math.sqrt(bound * (1 - bound) / tried)
            assert score == pytest.approx(Z95)


def test_nothing_tried_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_more_than_all_cannot_be_reached() -> None:
    with pytest.raises(ValueError, match="5 of 4"):
        wilson(5, 4)


@pytest.mark.parametrize("only_a", range(6))
@pytest.mark.parametrize("only_b", range(6))
def test_the_paired_test_counts_every_outcome_that_is_as_extreme(only_a: int, only_b: int) -> None:
    differ = only_a + only_b
    outcomes = [abs(2 * sum(way) - differ) for way in product((0, 1), repeat=differ)]
    extreme = sum(outcome >= abs(only_a - only_b) for outcome in outcomes)
    assert mcnemar_exact(only_a, only_b) == pytest.approx(float(Fraction(extreme, len(outcomes))))


def test_the_paired_test_takes_thousands_of_pairs() -> None:
    assert 0 < mcnemar_exact(1000, 1200) < 1e-4


def test_counts_are_not_negative() -> None:
    with pytest.raises(ValueError, match="no counts"):
        mcnemar_exact(-1, 3)


def test_five_pairs_are_never_enough() -> None:
    assert fewest_differing() == 6
    assert mcnemar_exact(0, 5) > 0.05 > mcnemar_exact(0, 6)
