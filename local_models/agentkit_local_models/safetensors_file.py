"""Read the safetensors files of a hub folder, one file or the shards of an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.json_file import read_object

INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class SafetensorsFolder:
    """The tensors of a folder's safetensors files: their shapes, and the file each lies in."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    files: Mapping[str, Path]

    @classmethod
    def open(cls, path: Path) -> SafetensorsFolder:
        """Read the headers of the folder's files.

        Raises:
            CheckpointError: no such file, a shard is missing or damaged, an index that points
                out of the folder, or a tensor that lies in two files.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        files: dict[str, Path] = {}
        for file in _shards(path):
            with ExitStack() as stack:
                tensors = _open(file, stack)
                for name in cast("list[str]", tensors.keys()):
                    if name in files:
                        raise CheckpointError(f"{file}: {name!r} is also in {files[name].name}")
                    shapes[name] = tuple(cast("list[int]", tensors.get_slice(name).get_shape()))
                    files[name] = file
        return cls(path, shapes, files)

    def tensors(self, names: Iterable[str], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The named tensors in the order asked, as `dtype`; a shard stays open until the end.

        Raises:
            CheckpointError: a tensor is not there, or holds integers.
        """
        with ExitStack() as stack:
            opened: dict[Path, Any] = {}
            for name in names:
                file = self.files.get(name)
                if file is None:
                    raise CheckpointError(f"{self.path}: no tensor {name!r}")
                if file not in opened:
                    opened[file] = _open(file, stack)
                try:
                    tensor = cast("Tensor", opened[file].get_tensor(name))
                except SafetensorError as error:
                    raise CheckpointError(f"{file}: {name!r} cannot be read: {error}") from error
                if not tensor.is_floating_point():
                    raise CheckpointError(f"{file}: {name!r} holds {tensor.dtype}; float weights work")
                # Copied, so that no weight depends on the file once it is loaded.
                yield name, tensor.to(dtype, copy=True)


def _open(file: Path, stack: ExitStack) -> Any:
    try:
        return stack.enter_context(cast("Any", safe_open(file, framework="pt")))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file}: not a whole safetensors file: {error}") from error


def _shards(path: Path) -> list[Path]:
    """The safetensors files of a folder, in order of name."""
    if not (path / INDEX).is_file():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise CheckpointError(
                f"{path}: {len(files)} safetensors files and no {INDEX}; one file, or an index, works"
            )
        return files
    places = read_object(path / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{path / INDEX}: 'weight_map' should be an object with the weights")
    shards: set[Path] = set()
    for name, shard in cast("dict[str, object]", places).items():
        # An index is untrusted: a shard is a file of this folder, not a path out of it.
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise CheckpointError(f"{path / INDEX}: {name!r} lies in {shard!r}, not a file name")
        shards.add(path / shard)
    return sorted(shards)
