"""The parts of the forward pass that can be computed in more than one way.

The element-wise ones are run as they are written, or compiled. On a processor they take as long as the
matrix products when each of their steps goes through memory by itself. Compiled (`torch.compile`, with the
system's C++ compiler), each part goes through it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Activation
from agentkit_local_models.training.attending import Attending, plain


def normalised(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """RMSNorm (Zhang and Sennrich 2019) of x [T, width]."""
    return F.rms_norm(x, weight.shape, weight, epsilon)


def activated(inner: Tensor, activation: Activation, gated: bool) -> Tensor:
    """What the feed-forward block's hidden layer becomes: [T, F], or of gates and what they gate [T, 2 F].

    SwiGLU and GEGLU (Shazeer 2020) where there are gates.
    """
    gate, *up = inner.chunk(2, dim=-1) if gated else (inner,)
    if activation == "silu":
        made = F.silu(gate)
    else:
        made = F.gelu(gate, approximate="tanh" if activation == "gelu-tanh" else "none")
    return made * up[0] if up else made


def rotated(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Queries and keys [..., T, heads, D] turned by their position (RoPE, Su et al. 2021).

    Args:
        heads: numbers i and i + D/2 are turned together.
        cosines: [T, 1, D/2].
        sines: the same.
    """
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """One way to compute each part; `attending` prepares the attention of a pack (see there)."""

    normalised: Callable[[Tensor, Tensor, float], Tensor] = normalised
    activated: Callable[[Tensor, Activation, bool], Tensor] = activated
    rotated: Callable[[Tensor, Tensor, Tensor], Tensor] = rotated
    attending: Attending = plain


WRITTEN = Pieces()
"""Step by step, as written."""


@cache
def compiled() -> Pieces:
    """Compiled, for packs of any size; what takes time, some seconds each, is their first call."""
    compile_one = cast("Callable[..., Any]", partial(torch.compile, dynamic=True))  # pyright: ignore[reportUnknownMemberType]
    return Pieces(compile_one(normalised), compile_one(activated), compile_one(rotated))
