"""Which library computes attention, by the name that a person gives it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, Literal

import torch

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.gpu.triton_here import require_triton, why_no_triton

Backend = Literal["torch", "triton", "flash_attn", "flashinfer"]
"""torch's kernels, ours in Triton, flash-attn's (FlashAttention 2), FlashInfer's."""
EngineBackend = Literal["auto", "torch", "triton", "flashinfer"]
"""What computes the attention of an engine: what reads pages of 16 tokens, and flash-attn does not."""
_INSTALLED_AS: Final = {"flash_attn": "flash-attn", "flashinfer": "flashinfer-python"}


class NoBackend(LocalModelError):
    """A library that was asked for cannot compute this here."""


def chosen(
    name: Literal["auto"] | Backend, device: torch.device, *, installed: frozenset[str] | None = None
) -> Backend:
    """The backend of a name for tensors of a device.

    Args:
        name: "auto" is Triton on a GPU where it is installed, and torch elsewhere. The other libraries
            are used only where they are named.
        device: of the tensors.
        installed: the libraries that are here; None looks.

    Raises:
        NoTriton: Triton is named and cannot run there.
        NoBackend: another library is named and is not here, or there is no GPU.
    """

    def here(package: str) -> bool:
        return find_spec(package) is not None if installed is None else package in installed

    if name == "auto":
        runs = device.type == "cuda" and not why_no_triton(device, installed=here("triton"))
        return "triton" if runs else "torch"
    if name == "triton":
        require_triton(device, installed=here("triton"))
    elif name != "torch":
        if not here(name):
            raise NoBackend(f"{name} is not installed; run: pip install {_INSTALLED_AS[name]}")
        if device.type != "cuda":
            raise NoBackend(
                f"{name} needs a GPU, and the tensors are on {device.type}; torch works everywhere"
            )
    return name
