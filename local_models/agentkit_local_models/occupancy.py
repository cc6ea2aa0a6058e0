"""What an engine is busy with at a moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who is computed, and who holds the pages.

    Attributes:
        running: requests that have pages.
        waiting: requests that have none yet.
        pages_running: held by what is computed and not by the tree of prefixes.
        pages_kept: held by the tree; they are given away when room is needed.
        pages_free: held by nobody.
    """

    running: int
    waiting: int
    pages_running: int
    pages_kept: int
    pages_free: int
