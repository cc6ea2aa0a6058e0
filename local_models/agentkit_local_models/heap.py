"""Memory that is free inside the heap goes back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Return what glibc holds of freed memory; elsewhere nothing.

    What is freed between blocks that are kept stays with the process: floats that a model of few bits was
    rounded from, and packs of many sizes in a training, where the heap would grow for hours.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
