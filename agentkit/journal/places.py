"""Where an event stands in the tables: the number of its run and its own, in one integer.

A table's rows lie in the order of this integer, so those of a run lie together, and a new event of the
newest run goes to the table's end, where SQLite adds a row without moving others.
"""

_BITS = 32
"""Of the integer, for the number within the run."""
LAST = (1 << _BITS) - 1
"""The greatest number an event can have."""


def place(run: int, seq: int) -> int:
    """Where the event `seq` of a run stands."""
    return run << _BITS | seq


def within(run: str) -> str:
    """The condition of a statement that is met by the places of one run.

    Args:
        run: The run's number in SQL: `?1`, or a column.
    """
    return f"place BETWEEN {run} << {_BITS} AND {run} << {_BITS} | {LAST}"


RUN = f"place >> {_BITS}"
"""The run's number, of a place in SQL."""
SEQ = f"place & {LAST}"
"""The event's number, of a place in SQL."""

INSERT = "INSERT INTO events (place, at, hash, body) VALUES (?, ?, ?, ?)"
"""A statement that adds an event to a run that nobody holds."""
