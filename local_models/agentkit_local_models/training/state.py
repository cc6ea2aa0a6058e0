"""Checkpoints of a training: replaced whole, so that a kill at any moment leaves one to go on from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from agentkit_local_models.errors import CheckpointError


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Replace a checkpoint whole: killed at any moment, the old or the new one is there."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_state(path: Path) -> dict[str, Any]:
    """A checkpoint of `save_state`; tensors and plain values only, no code.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        raise CheckpointError(f"{path} is no checkpoint of a training: {error}") from error
