"""Dates as people write them."""

from datetime import date


def parse_date(text):
    """A date from year-month-day."""
    year, month, day = text.strip().split("-")
    return date(int(year), int(month), int(day))
