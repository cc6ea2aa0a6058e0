"""What the readers of a hub folder's weights have in common."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import torch
from torch import Tensor

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.json_file import read_object

ReadTensor: TypeAlias = Callable[[str, torch.dtype], Tensor]
OneTensor: TypeAlias = Callable[[str], Tensor]
OpenFile: TypeAlias = Callable[[Path, ExitStack], OneTensor]
"""Opens a file until the stack ends; what it returns gives a tensor of the file by its name."""


class TensorFolder(Protocol):
    """The files of a hub folder that hold tensors."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """What is there."""
        ...

    def reading(self) -> AbstractContextManager[ReadTensor]:
        """Open the files as they are asked for; close them at the end.

        What is yielded gives a tensor by its name as a dtype, in memory of its own, or raises
        `CheckpointError` where it is not there or holds integers.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shards:
    """The tensors of a folder's files: their shapes, and the file each lies in."""

    path: Path
    shapes: Mapping[str, tuple[int, ...]]
    files: Mapping[str, Path]
    open_file: OpenFile

    @classmethod
    def of(
        cls, path: Path, found: Iterable[tuple[Path, Mapping[str, tuple[int, ...]]]], open_file: OpenFile
    ) -> Shards:
        """The shards of a folder, by what each file holds.

        Raises:
            CheckpointError: a tensor lies in two files.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        files: dict[str, Path] = {}
        for file, held in found:
            for name, shape in held.items():
                if name in files:
                    raise CheckpointError(f"{file}: {name!r} is also in {files[name].name}")
                shapes[name] = shape
                files[name] = file
        return cls(path, shapes, files, open_file)

    @contextmanager
    def reading(self) -> Generator[ReadTensor]:
        """Open the files as they are asked for; close them at the end: see `TensorFolder`."""
        with ExitStack() as stack:
            opened: dict[Path, OneTensor] = {}

            def read(name: str, dtype: torch.dtype) -> Tensor:
                file = self.files.get(name)
                if file is None:
                    raise CheckpointError(f"{self.path}: no tensor {name!r}")
                if file not in opened:
                    opened[file] = self.open_file(file, stack)
                return _own_copy(file, name, opened[file](name), dtype)

            yield read


def indexed_files(index: Path) -> list[Path]:
    """The files that an index says the weights lie in, in order of name.

    Raises:
        CheckpointError: the index is damaged, or points out of its folder.
    """
    places = read_object(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{index}: 'weight_map' should be an object with the weights")
    shards: set[Path] = set()
    for name, shard in cast("dict[str, object]", places).items():
        # An index is untrusted: a shard is a file of this folder, not a path out of it.
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise CheckpointError(f"{index}: {name!r} lies in {shard!r}, not a file name")
        shards.add(index.parent / shard)
    return sorted(shards)


def _own_copy(file: Path, name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor as `dtype`, in memory of its own: no weight depends on the file once it is loaded.

    Raises:
        CheckpointError: it holds integers.
    """
    if not tensor.is_floating_point():
        raise CheckpointError(f"{file}: {name!r} holds {tensor.dtype}; float weights work")
    return tensor.to(dtype, copy=True)
