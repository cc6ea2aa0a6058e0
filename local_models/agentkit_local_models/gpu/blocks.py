"""How numbers are cut into blocks, which Triton wants as powers of two."""

from __future__ import annotations

from torch import Tensor


def power_of_two(number: int) -> int:
    """The least power of two that is no less.

    >>> power_of_two(80), power_of_two(64)
    (128, 64)
    """
    return 1 << (number - 1).bit_length()


def rows_at_once(x: Tensor) -> int:
    """How many rows a program takes that works on rows: one on a GPU, where others run beside it."""
    return 1 if x.is_cuda else 16


def blocks_of(number: int, block: int) -> int:
    """How many blocks hold so many."""
    return -(-number // block)
