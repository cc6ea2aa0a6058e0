"""Read the `pytorch_model*.bin` files of a hub folder: pickles, of which only tensors are taken.

A pickle is a program. `torch.load` with `weights_only` runs none of it but the few steps that make tensors,
and the tensors' bytes stay in the file until they are read.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.tensor_folder import Shards, indexed_files

INDEX = "pytorch_model.bin.index.json"
_REASON = re.compile(r"WeightsUnpickler error: (.*?)(?:\. |\.?$)", re.MULTILINE)


def open_pytorch(path: Path) -> Shards:
    """Read what a folder's `.bin` files hold.

    Raises:
        CheckpointError: no such file, one is damaged or holds other things than tensors, an index that
            points out of the folder, or a tensor that lies in two files.
    """
    files = indexed_files(path / INDEX) if (path / INDEX).is_file() else [path / "pytorch_model.bin"]
    held = ((file, {name: tuple(one.shape) for name, one in _load(file).items()}) for file in files)
    return Shards.of(path, held, lambda file, _: _load(file).__getitem__)


def _load(file: Path) -> Mapping[str, Tensor]:
    """The tensors of a file, mapped into memory where its format allows it."""
    try:
        try:
            loaded: object = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the format before torch 1.6 cannot be mapped
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # what torch says begins with how to run the program after all
        found = _REASON.search(str(error))
        reason = found[1] if found is not None else "it is damaged, or holds other things than tensors"
        raise CheckpointError(f"{file}: no file of tensors that can be read safely: {reason}") from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{file}: no file of tensors that can be read safely: {reason}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{file}: should hold tensors by name, found {type(loaded).__name__}")
    tensors = cast("dict[object, object]", loaded)
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise CheckpointError(f"{file}: a tensor is named {name!r}, which is no text")
        if not isinstance(tensor, Tensor):
            raise CheckpointError(f"{file}: {name!r} is {type(tensor).__name__}, not a tensor")
    return cast("dict[str, Tensor]", tensors)
