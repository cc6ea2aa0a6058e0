"""Read the safetensors files of a hub folder, one file or the shards of an index."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from torch import Tensor

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.tensor_folder import OneTensor, Shards, indexed_files

INDEX = "model.safetensors.index.json"


def open_safetensors(path: Path) -> Shards:
    """Read the headers of a folder's files.

    Raises:
        CheckpointError: no such file, a shard is missing or damaged, an index that points
            out of the folder, or a tensor that lies in two files.
    """
    return open_shards(path, _files(path))


def open_shards(path: Path, files: Iterable[Path]) -> Shards:
    """Read the headers of these files of a folder.

    Raises:
        CheckpointError: one is damaged, or a tensor lies in two.
    """
    return Shards.of(path, ((file, _shapes(file)) for file in files), _reader)


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    with ExitStack() as stack:
        tensors = _open(file, stack)
        names = cast("list[str]", tensors.keys())
        return {name: tuple(cast("list[int]", tensors.get_slice(name).get_shape())) for name in names}


def _reader(file: Path, stack: ExitStack) -> OneTensor:
    tensors = _open(file, stack)

    def read(name: str) -> Tensor:
        try:
            return cast("Tensor", tensors.get_tensor(name))
        except SafetensorError as error:
            raise CheckpointError(f"{file}: {name!r} cannot be read: {error}") from error

    return read


def _open(file: Path, stack: ExitStack) -> Any:
    try:
        return stack.enter_context(cast("Any", safe_open(file, framework="pt")))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file}: not a whole safetensors file: {error}") from error


def _files(path: Path) -> list[Path]:
    """The safetensors files of a folder, in order of name."""
    if (path / INDEX).is_file():
        return indexed_files(path / INDEX)
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        raise CheckpointError(
            f"{path}: {len(files)} safetensors files and no {INDEX}; one file, or an index, works"
        )
    return files
