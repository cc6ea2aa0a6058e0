"""A folder with a model whose matrices have 4 bits already, as rounding by text leaves it.

`int4.json` says what the model computes and what it was rounded by; `int4-*.safetensors` hold the weights
under canonical names, in the numbers that `precision=int4` keeps them in: `NAME.codes`, `NAME.scales` and
`NAME.lows` of matrices with 4 bits, `NAME.codes` and `NAME.scales` of those with 8, and vectors as float32.
Beside them lie the files that the model's text side is read of: those of its hub folder, or `text.gguf`, a
GGUF file without tensors.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError, at_path
from agentkit_local_models.linear import Weight
from agentkit_local_models.matrices import GROUP, Int4Groups, Int8Rows
from agentkit_local_models.quantise import has_four_bits, int8_rows
from agentkit_local_models.safetensors_file import open_shards
from agentkit_local_models.tensor_folder import OneTensor, Shards
from agentkit_local_models.weights import Shape, check_weights, weight_shapes
from agentkit_local_models.whole_folder import whole_folder

MANIFEST: Final = "int4.json"
TEXT: Final = "text.gguf"
_SHARDS: Final = "int4-*.safetensors"
_DTYPES: Final = {
    "uint8": torch.uint8,
    "int8": torch.int8,
    "float16": torch.float16,
    "float32": torch.float32,
}


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `int4.json` says."""

    version: Literal[1]
    """Of the folder's layout."""
    arch: Arch
    """What the model computes."""
    source: str
    """The name of the file or folder that it was rounded from."""
    text: str
    """The name of the file that it was rounded by."""
    tokens: int
    """How many of the text's tokens."""


def is_int4_folder(path: Path) -> bool:
    """Whether a folder is of this kind."""
    return (path / MANIFEST).is_file()


def read_manifest(path: Path) -> Manifest:
    """What a folder says of itself.

    Raises:
        CheckpointError: the file is missing, or says something else.
    """
    file = path / MANIFEST
    try:
        return msgspec.json.decode(file.read_bytes(), type=Manifest)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file}: {error}") from error
    except CheckpointError as error:  # sizes that no decoder can have
        raise at_path(file, error) from error


def write_int4_folder(
    folder: Path, manifest: Manifest, weights: Iterable[tuple[str, Weight]], side: Mapping[str, Path | bytes]
) -> None:
    """Write a folder: whole, or not at all.

    Args:
        folder: is not there yet.
        manifest: what it says of itself.
        weights: each canonical name once, those of a layer one after another; a layer is in memory at a time.
        side: the files of the text side, as their contents or as files to copy.

    Raises:
        FileExistsError: the folder is there.
        OSError: it cannot be written.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as part:
        for name, content in side.items():
            if isinstance(content, bytes):
                (part / name).write_bytes(content)
            else:
                shutil.copyfile(content, part / name)
        for number, (_, group) in enumerate(itertools.groupby(weights, key=_layer_of)):
            tensors = {name: tensor for weight in group for name, tensor in _tensors(*weight)}
            save_file(tensors, part / f"int4-{number:05}.safetensors")
        (part / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))


def _layer_of(weight: tuple[str, Weight]) -> str:
    """What is written into one file."""
    parts = weight[0].split(".")
    return parts[1] if parts[0] == "layers" else ""


def _tensors(name: str, weight: Weight) -> Iterator[tuple[str, Tensor]]:
    """What is written of a weight."""
    if isinstance(weight, Tensor) and weight.dim() == 1:
        yield name, weight.to(torch.float32).contiguous()
        return
    if isinstance(weight, Tensor):
        weight = int8_rows(weight)
    match weight:
        case Int4Groups(codes, scales, lows):
            yield f"{name}.codes", codes.contiguous()
            yield f"{name}.scales", scales.contiguous()
            yield f"{name}.lows", lows.contiguous()
        case Int8Rows(codes, scales):
            yield f"{name}.codes", codes.contiguous()
            yield f"{name}.scales", scales.contiguous()
        case _:
            raise TypeError(f"{name} is {type(weight).__name__}; int4, int8 and floats are written")


def _expected(name: str, shape: Shape) -> dict[str, tuple[Shape, str]]:
    """The tensors that a weight is written as, with shapes and dtypes."""
    if len(shape) == 1:
        return {name: (shape, "float32")}
    rows, columns = shape
    if not has_four_bits(name, columns):
        return {f"{name}.codes": (shape, "int8"), f"{name}.scales": ((rows,), "float32")}
    groups = ((rows, columns // GROUP), "float16")
    return {
        f"{name}.codes": ((rows, columns // 2), "uint8"),
        f"{name}.scales": groups,
        f"{name}.lows": groups,
    }


@dataclass(frozen=True, slots=True)
class Int4Weights:
    """The weights of such a folder: a `WeightSource`."""

    folder: Shards
    arch: Arch

    @classmethod
    def find(cls, path: Path, arch: Arch) -> Int4Weights:
        """Each accounted for, none read.

        Raises:
            CheckpointError: one message with all that is missing, extra or misshapen; or a damaged file.
        """
        folder = open_shards(path, sorted(path.glob(_SHARDS)))
        wanted = {
            part: shape
            for name, whole in weight_shapes(arch).items()
            for part, (shape, _) in _expected(name, whole).items()
        }
        check_weights(path, wanted, folder.shapes, ())
        return cls(folder, arch)

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
        for name, weight in self.load_stored(names, dtype):
            yield name, weight if isinstance(weight, Tensor) else weight.dense(dtype)

    def load_stored(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Weight]]:
        """The same, with matrices in the form that they are written in."""
        shapes = weight_shapes(self.arch)
        with ExitStack() as stack:
            opened: dict[Path, OneTensor] = {}

            def read(part: str, kind: str) -> Tensor:
                file = self.folder.files[part]
                if file not in opened:
                    opened[file] = self.folder.open_file(file, stack)
                tensor = opened[file](part)
                if tensor.dtype != _DTYPES[kind]:
                    raise CheckpointError(f"{file}: {part!r} holds {tensor.dtype}; {_DTYPES[kind]} works")
                return tensor.clone()  # no weight depends on the file once it is loaded

            for name in names:
                found = [read(part, kind) for part, (_, kind) in _expected(name, shapes[name]).items()]
                match found:
                    case [vector]:
                        yield name, vector.to(dtype)
                    case [codes, scales]:
                        yield name, Int8Rows(codes, scales)
                    case _:
                        yield name, Int4Groups(*found)

    def close(self) -> None:
        """Nothing stays open between loads."""
