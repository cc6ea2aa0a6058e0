"""Memory that is free inside the heap goes back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Return what glibc holds of freed memory; elsewhere nothing.

    Packs of many sizes leave holes between what is kept, and over hours the heap would grow without end where
    the environment tells glibc to keep its memory, which makes training faster.
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
