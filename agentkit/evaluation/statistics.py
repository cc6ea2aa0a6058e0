"""The two formulas that small samples need."""

from math import comb, sqrt

Z95 = 1.959963984540054
"""The standard normal's quantile at 0.975: a two-sided interval of 95 %."""


def wilson(reached: int, tried: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a proportion; all of 0 to 1 when nothing was tried.

    Of the usual intervals its coverage is nearest to nominal at the sizes of our tasks.
    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
    J. American Statistical Association 22 (1927), 209-212.

    >>> [round(bound, 3) for bound in wilson(19, 24)]
    [0.595, 0.908]

    Raises:
        ValueError: `reached` is not between 0 and `tried`.
    """
    if not 0 <= reached <= tried:
        raise ValueError(f"{reached} of {tried} cannot be")
    if tried == 0:
        return 0.0, 1.0
    share = reached / tried
    spread = z * sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    scale = 1 + z * z / tried
    middle = share + z * z / (2 * tried)
    # rounding must not push the ends of the range past it
    low = 0.0 if reached == 0 else (middle - spread) / scale
    high = 1.0 if reached == tried else (middle + spread) / scale
    return low, high


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """The two-sided exact p-value of a paired comparison, from the pairs that differ.

    If neither is better, each such pair goes either way with probability one half, so the smaller
    count is binomial. Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947), 153-157, in its exact form: a sign test.

    >>> round(mcnemar_exact(1, 8), 4)
    0.0391

    Raises:
        ValueError: a count is negative.
    """
    if min(only_a, only_b) < 0:
        raise ValueError(f"{only_a} and {only_b} are no counts")
    differ = only_a + only_b
    as_extreme = 2 * sum(comb(differ, count) for count in range(min(only_a, only_b) + 1))
    return min(1.0, as_extreme / 2**differ)


def fewest_differing(level: float = 0.05) -> int:
    """How many pairs have to differ, all the same way, before `mcnemar_exact` can be below `level`.

    >>> fewest_differing()
    6
    """
    differ = 1
    while mcnemar_exact(0, differ) >= level:
        differ += 1
    return differ
