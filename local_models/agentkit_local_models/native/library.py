"""The built library as ctypes sees it: the structures of `step.cpp` and `matrix.h`, field by field."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from ctypes import c_float, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any, ClassVar, Final

F32, BF16, I8, I4 = range(4)
TILES_BY: Final = ("nothing", "vectors", "amx")
"""What multiplies many rows: see `products.h`."""


class Matrix(ctypes.Structure):
    """See `matrix.h`."""

    _fields_: ClassVar = [
        *((name, c_int32) for name in ("kind", "group")),
        *((name, c_int64) for name in ("rows", "columns")),
        *((name, c_void_p) for name in ("codes", "scales", "lows", "row_scales", "bias", "a", "b")),
        ("rank", c_int32),
        ("delta_scale", c_float),
    ]


class Layer(ctypes.Structure):
    """See `step.cpp`."""

    _fields_: ClassVar = [
        *(
            (name, c_void_p)
            for name in (
                *("attention_norm", "attention_post_norm", "feed_forward_norm", "feed_forward_post_norm"),
                *("query_norm", "key_norm", "query_key_value", "output", "up", "down"),
            )
        ),
        *((name, c_int32) for name in ("query_key_value_parts", "up_parts", "down_parts", "output_parts")),
        ("window", c_int64),
        *((name, c_int32) for name in ("rotation", "unused")),
    ]


class Decoder(ctypes.Structure):
    """See `step.cpp`."""

    _fields_: ClassVar = [
        *(
            (name, c_int64)
            for name in ("width", "heads", "key_heads", "head_width", "hidden_width", "rotated", "layers")
        ),
        *((name, c_float) for name in ("epsilon", "scale", "embed_scale")),
        *((name, c_int32) for name in ("activation", "gated", "bf16_pages")),
        *((name, c_void_p) for name in ("slopes", "norm", "layer", "embed", "head")),
        *((name, c_int32) for name in ("head_parts", "unused")),
    ]


class Delta(ctypes.Structure):
    """See `step.cpp`."""

    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("a", "b")),
        *((name, c_int64) for name in ("first", "rows", "rank", "columns")),
        ("scale", c_float),
        ("unused", c_int32),
    ]


class Beside(ctypes.Structure):
    """See `step.cpp`."""

    _fields_: ClassVar = [("deltas", c_void_p), ("count", c_int64)]


class Call(ctypes.Structure):
    """See `step.cpp`."""

    _fields_: ClassVar = [
        ("tokens", c_int64),
        *((name, c_void_p) for name in ("ids", "positions", "tables", "turns", "pages")),
        *((name, c_void_p) for name in ("scales", "hidden", "beside")),
        ("ranks", c_int64),
    ]


class Asking(ctypes.Structure):
    """See `prompt_attention.h`."""

    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("query", "keys", "values", "to", "slopes")),
        *((name, c_int64) for name in ("tokens", "start", "seen", "heads", "key_heads", "head_width")),
        *((name, c_int64) for name in ("query_apart", "key_apart", "head_apart", "window")),
        ("scale", c_float),
        ("unused", c_int32),
    ]


class Library:
    """The functions of a built library."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            OSError: it is no library.
        """
        functions = ctypes.CDLL(str(path))
        self.isa: str = _function(functions.agentkit_isa, ctypes.c_char_p)().decode()
        self.sizes = _function(functions.agentkit_sizes, None, c_void_p)
        self.threads = _function(functions.agentkit_threads, c_void_p, ctypes.c_int)
        self.end_threads = _function(functions.agentkit_end_threads, None, c_void_p)
        self.create = _function(functions.agentkit_create, c_void_p, c_void_p, c_void_p)
        self.destroy = _function(functions.agentkit_destroy, None, c_void_p)
        self.step = _function(functions.agentkit_step, None, c_void_p, c_void_p)
        self.logits = _function(functions.agentkit_logits, None, c_void_p, c_int64, c_void_p, c_void_p)
        self.pack = _function(
            functions.agentkit_pack, ctypes.c_int, c_void_p, ctypes.c_int, c_void_p, c_void_p
        )
        self.unpack = _function(
            functions.agentkit_unpack, None, c_void_p, c_void_p, c_int64, c_int64, c_void_p, ctypes.c_int
        )
        self.tiles_by: str = TILES_BY[_function(functions.agentkit_tiles_by, ctypes.c_int)()]
        self.multiply_many = _function(
            functions.agentkit_multiply_many,
            *(None, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_void_p, c_int64),
        )
        self.attend_many = _function(functions.agentkit_attend_many, None, c_void_p, c_void_p, c_void_p)
        rows = (c_void_p, c_int64)  # where they are, and how far apart
        size = (c_void_p, c_int64, c_int64)
        self.norm_many = _function(functions.agentkit_norm_many, None, *size, *rows, c_void_p, c_float, *rows)
        self.gate_many = _function(functions.agentkit_gate_many, None, *size, ctypes.c_int, *rows)
        self.turn_many = _function(
            functions.agentkit_turn_many, None, *size, c_int64, c_int64, *rows, c_void_p, c_void_p
        )
        self.read_rows = _function(functions.agentkit_read_rows, None, c_void_p, c_int64, c_void_p, c_void_p)


class Workers:
    """Threads that steps are computed by; they sleep while there is nothing to compute."""

    def __init__(self, library: Library, count: int) -> None:
        """Begin them."""
        if count < 1:
            raise ValueError(f"{count} threads compute nothing; 1 or more works")
        self.library = library
        self.count = count
        self.handle: int = library.threads(count)
        weakref.finalize(self, library.end_threads, self.handle)


def _function(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    function.restype, function.argtypes = result, arguments
    return function
