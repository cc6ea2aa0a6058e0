"""Number formats to compute in, and which to take where nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import torch

Precision = Literal["float32", "bfloat16", "float16"]
Form = Literal["float", "int8", "w8a8", "int4", "file"]
"""What matrices are kept as: floats to compute with; 8 bits a number, a scale a row, and with "w8a8" what
they are multiplied by is rounded so too; 4 bits a number, two numbers for every 32; or as they lie in the
file."""
WeightPrecision = Literal["auto", "float32", "bfloat16", "float16", "int8", "w8a8", "int4", "file"]
"""What a user asks for: the numbers that matrices are kept in."""
CacheForm = Literal["float", "int8"]
"""What keys and values are kept as: floats as computed with; or 8 bits a number, and a scale for every key
and every value of a head."""

DTYPES: Final[Mapping[Precision, torch.dtype]] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

WEIGHT_PRECISIONS: Final[tuple[WeightPrecision, ...]] = get_args(WeightPrecision)
CACHE_FORMS: Final[tuple[CacheForm, ...]] = get_args(CacheForm)


def weights_and_dtype(
    precision: WeightPrecision, dtype: Literal["auto"] | Precision, device: str = "cpu"
) -> tuple[Form, torch.dtype]:
    """The form that matrices are kept in, and the dtype that is computed in.

    Floats are computed with as they are kept; quantised weights in the dtype asked for, or the fastest there.

    >>> weights_and_dtype("int8", "float32")
    ('int8', torch.float32)

    Raises:
        ValueError: floats of two kinds are asked for.
    """
    if precision not in WEIGHT_PRECISIONS:
        raise ValueError(f"no precision {precision!r}; {', '.join(WEIGHT_PRECISIONS)} are")
    if precision in ("float32", "bfloat16", "float16"):
        if dtype not in ("auto", precision):
            raise ValueError(f"weights in {precision} are computed with in {precision}, not in {dtype}")
        return "float", DTYPES[precision]
    return (
        "float" if precision == "auto" else precision,
        DTYPES[fast_precision(device) if dtype == "auto" else dtype],
    )


_FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""What processors that multiply bfloat16 themselves say of themselves: x86, x86 and Arm."""


def fast_precision(device: str = "cpu") -> Literal["float32", "bfloat16"]:
    """What is multiplied fastest on a device without a loss that matters.

    bfloat16 where the hardware multiplies it; else float32. A processor that has to convert bfloat16
    first takes up to eight times as long with it as with float32.
    """
    if torch.device(device).type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return fastest_of(_capabilities())


def fastest_of(capabilities: Mapping[str, Any]) -> Literal["float32", "bfloat16"]:
    """The same of a processor with these capabilities, named as in `torch.cpu.get_capabilities`."""
    return "bfloat16" if any(capabilities.get(name) for name in _FAST_BFLOAT16) else "float32"


def _capabilities() -> Mapping[str, Any]:
    """What the processor says of itself; nothing to a torch that does not ask it yet."""
    return getattr(torch.cpu, "get_capabilities", dict[str, Any])()
