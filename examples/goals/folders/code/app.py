"""A small report over dated measurements."""

from dates import parse_date
from stats import mean

LIMIT = 25


def report(lines):
    """One line for each month: the mean of its values."""
    months = {}
    for line in lines:
        day, value = line.split(",")
        months.setdefault(parse_date(day).month, []).append(float(value))
    # TODO: say when a month has no values
    return [f"{month:02d}: {mean(values):.2f}" for month, values in sorted(months.items())]
