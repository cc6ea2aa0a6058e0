"""Number formats to compute in, and which to take where nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import torch

Precision = Literal["float32", "bfloat16", "float16"]

DTYPES: Final[Mapping[Precision, torch.dtype]] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

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
