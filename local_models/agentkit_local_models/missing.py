"""The one line for a library that a checkpoint needs and that is not here."""

from __future__ import annotations

from pathlib import Path

from agentkit_local_models.errors import UnsupportedCheckpoint


def missing_package(path: Path, package: str) -> UnsupportedCheckpoint:
    """The error of a file that needs a package: how to get it is said."""
    return UnsupportedCheckpoint(f"{path} is read with {package}, which is not here: pip install {package}")
