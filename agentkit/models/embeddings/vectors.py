"""Vectors without a library: arrays of 32-bit floats, which numpy and SQLite take as they are."""

import math
import sys
from array import array
from typing import TypeAlias

Vector: TypeAlias = "array[float]"


def unit(vector: Vector) -> Vector:
    """The vector scaled to length 1.

    Raises:
        ValueError: it has no direction: all zeros, or a value that is no number.
    """
    length = math.sqrt(math.fsum(value * value for value in vector))
    if not 0 < length < math.inf:
        raise ValueError(f"its length is {length}")
    return array("f", [value / length for value in vector])


def to_bytes(vector: Vector) -> bytes:
    """The vector as it is kept on disk: little-endian, whatever this machine is."""
    return _swapped(vector).tobytes()


def from_bytes(data: bytes) -> Vector:
    """A vector that was kept."""
    vector = array("f")
    vector.frombytes(data)
    return _swapped(vector)


def _swapped(vector: Vector) -> Vector:
    if sys.byteorder == "little":
        return vector
    vector = array("f", vector)
    vector.byteswap()
    return vector
