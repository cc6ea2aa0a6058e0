"""How long what is remembered is kept: what is older goes by itself, and its bytes with it."""

from collections.abc import Callable
from dataclasses import dataclass

DAY = 86_400.0
"""Seconds."""
_LATE = 24.0
"""What is due goes within this part of a lifetime: each time the whole file is written anew."""


@dataclass(slots=True)
class Lifetime:
    """The days that a memory keeps what it is told, and when it has to look again for what is older."""

    days: float
    due: float = float("-inf")
    """In seconds since the epoch."""

    @property
    def seconds(self) -> float:
        """The most seconds since a thing was said or recorded."""
        return self.days * DAY

    def look(self, now: float, expire: Callable[[float], float | None]) -> None:
        """Let what is too old go, where it is time to look.

        Args:
            now: In seconds since the epoch.
            expire: Forgets what is older than these seconds, and tells since when the oldest of the rest is
                there, in seconds since the epoch, if there is any.
        """
        if now < self.due:
            return
        self.due = float("inf")  # to forget is to look, too
        try:
            oldest = expire(self.seconds)
        except BaseException:
            self.due = now
            raise
        ends = now if oldest is None else oldest
        self.due = max(ends + self.seconds, now + self.seconds / _LATE)
