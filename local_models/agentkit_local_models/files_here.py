"""What a path names that only looks like a checkpoint: refused in one line, which says what would work."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agentkit_local_models.errors import CheckpointError

# How a file begins that stands for one that Git LFS has not fetched; it has three lines.
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES: Final = 1_024
_PARTS: Final = (".safetensors", ".bin", ".json")


def require_checkpoint(path: Path) -> None:
    """Refuse what was cloned without its large files, and a folder or a file that is no model by itself.

    Raises:
        CheckpointError: it is one of these, or a folder that cannot be read.
    """
    if not path.is_dir():
        _refuse_pointers(path, [path])
        if path.is_file() and path.suffix in _PARTS and _beginning(path, 4) != b"GGUF":
            raise CheckpointError(f"{path}: one file of a model's folder; name the folder: {path.parent}")
        return
    try:
        files = sorted(path.iterdir())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    _refuse_pointers(path, files)
    if (path / "config.json").exists():
        return
    if whole := [file.name for file in files if file.suffix == ".gguf"]:
        raise CheckpointError(f"{path}: no config.json, but {', '.join(whole)}; name one of these files")
    if (path / "adapter_config.json").exists():
        raise CheckpointError(f"{path}: no config.json, but an adapter's; it works beside its model")


def _refuse_pointers(path: Path, files: list[Path]) -> None:
    small = [file for file in files if file.is_file() and file.stat().st_size < _POINTER_BYTES]
    for file in small:
        if _beginning(file, len(_POINTER)) == _POINTER:
            folder = path if path.is_dir() else path.parent
            raise CheckpointError(
                f"{file}: not here yet, only what stands for it in Git; run: git -C {folder} lfs pull"
            )


def _beginning(file: Path, count: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(count)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read: {error.strerror}") from error
