"""Plain statistics."""


def mean(values):
    """The arithmetic mean."""
    # TODO: refuse an empty list with a clear error
    return sum(values) / len(values)


def spread(values):
    """The distance between the largest and the smallest value."""
    return max(values) - min(values)
