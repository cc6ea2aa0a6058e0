"""Whether kernels in Triton can run here, and why not."""

from __future__ import annotations

import os
from importlib.util import find_spec

import torch

from agentkit_local_models.errors import LocalModelError


class NoTriton(LocalModelError):
    """A kernel in Triton cannot run: it is not installed, or there is neither a GPU nor its interpreter."""


def interpreted() -> bool:
    """Whether Triton runs its kernels on the processor, number by number; decided before it is imported."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def why_no_triton(
    device: torch.device, *, installed: bool | None = None, interpreting: bool | None = None
) -> str:
    """Why kernels cannot run on tensors of a device; empty where they can.

    Args:
        device: of the tensors.
        installed: whether Triton is; None is looked up.
        interpreting: whether its interpreter was asked for; None is looked up.
    """
    if not (find_spec("triton") is not None if installed is None else installed):
        return "Triton is not installed; run: pip install triton"
    if device.type == "cuda":
        return ""
    if device.type == "cpu" and (interpreted() if interpreting is None else interpreting):
        return ""
    return (
        f"kernels in Triton need tensors on a GPU, and these are on {device.type}; to try them on the "
        "processor, slowly, start Python with TRITON_INTERPRET=1"
    )


def require_triton(device: torch.device, *, installed: bool | None = None) -> None:
    """Do nothing, or say why kernels cannot run on tensors of a device.

    Raises:
        NoTriton: they cannot.
    """
    if reason := why_no_triton(device, installed=installed):
        raise NoTriton(reason)
