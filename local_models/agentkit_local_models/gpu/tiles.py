"""How the kernels of attention are cut: a table by the size of heads and the bytes of a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch

FUSED: Final = {"enable_fp_fusion": True}
"""A launch's option: a product and a sum are one instruction. Triton's default differs by release."""


@dataclass(frozen=True, slots=True)
class Tile:
    """How a kernel is cut: queries and keys of a tile, warps of a program, stages of its pipeline."""

    queries: int
    keys: int
    warps: int
    stages: int


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of the three kernels."""

    forward: Tile
    keys: Tile
    """Of the gradients of keys and values."""
    queries: Tile
    """Of the gradient of queries."""


# By the padded head and the bytes of a number: what a multiprocessor of a H100 holds (228 KB of shared
# memory, 64k registers). A table and not a search, so that a kernel's sums never depend on a measurement.
_TABLE: Final = {
    (64, 2): Tiles(Tile(128, 64, 4, 3), Tile(64, 128, 8, 2), Tile(128, 64, 4, 2)),
    (128, 2): Tiles(Tile(128, 64, 8, 3), Tile(64, 128, 8, 2), Tile(128, 64, 8, 2)),
    (256, 2): Tiles(Tile(128, 32, 8, 2), Tile(32, 64, 8, 1), Tile(64, 32, 8, 1)),
    (64, 4): Tiles(Tile(64, 32, 4, 2), Tile(32, 64, 4, 1), Tile(64, 32, 4, 1)),
    (128, 4): Tiles(Tile(64, 32, 4, 2), Tile(32, 32, 4, 1), Tile(32, 32, 4, 1)),
    (256, 4): Tiles(Tile(32, 32, 4, 1), Tile(16, 16, 4, 1), Tile(16, 16, 4, 1)),
}


def padded_width(width: int) -> int:
    """The power of two that heads of a width are computed as; 16 at least, which a product needs."""
    return max(16, 1 << (width - 1).bit_length())


def tiles_for(width: int, dtype: torch.dtype) -> Tiles:
    """The tiles for heads of a width."""
    return _TABLE[max(64, padded_width(width)), dtype.itemsize]


# Rows of one token each are a tile of 16, which a product needs; what is waited for then is memory.
_ANSWERS: Final = {
    (64, 2): Tile(16, 128, 4, 3),
    (128, 2): Tile(16, 64, 4, 3),
    (256, 2): Tile(16, 32, 4, 3),
    (64, 4): Tile(16, 64, 4, 2),
    (128, 4): Tile(16, 32, 4, 2),
    (256, 4): Tile(16, 16, 4, 2),
}
_CHUNKS: Final = {
    (64, 2): Tile(128, 64, 4, 2),
    (128, 2): Tile(64, 64, 4, 2),
    (256, 2): Tile(64, 32, 8, 2),
    (64, 4): Tile(32, 32, 4, 1),
    (128, 4): Tile(32, 32, 4, 1),
    (256, 4): Tile(16, 16, 4, 1),
}


def paged_tile(width: int, dtype: torch.dtype, most_rows: int) -> Tile:
    """The tile over pages, where a sequence has at most so many rows: tokens times heads that share a key."""
    table = _ANSWERS if most_rows <= 16 else _CHUNKS
    return table[max(64, padded_width(width)), dtype.itemsize]
