"""Open a model: its config, tokenizer, chat template, and weights under canonical names.

A checkpoint is a `.gguf` file, a hub folder (`config.json`, `*.safetensors`, `tokenizer.json`,
and where it has them `tokenizer_config.json`, `chat_template.jinja`, `generation_config.json`), or a
folder of `int4_folder`. What differs between them ends here; weight names and layouts are those of `weights`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import torch
from torch import Tensor

from agentkit_local_models import pytorch_file
from agentkit_local_models.arch import Arch
from agentkit_local_models.dequantise import FLOATS, dequantise
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.families import hub_names, read_family
from agentkit_local_models.families.family import Names
from agentkit_local_models.families.llama import NAMES
from agentkit_local_models.files_here import require_checkpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.gguf_config import config_from_gguf
from agentkit_local_models.gguf_families import family_of
from agentkit_local_models.gguf_tokenizer import tokenizer_from_gguf
from agentkit_local_models.hub_text import HubText, read_hub_text
from agentkit_local_models.hub_weights import Place, find_weights, places_in
from agentkit_local_models.int4_folder import TEXT, Int4Weights, is_int4_folder, read_manifest
from agentkit_local_models.linear import Weight
from agentkit_local_models.matrices import Blocks
from agentkit_local_models.precision import Form
from agentkit_local_models.safetensors_file import open_safetensors
from agentkit_local_models.tensor_folder import TensorFolder
from agentkit_local_models.tokenizer import Tokenizer
from agentkit_local_models.weights import (
    check_weights,
    weight_shapes,
)


class WeightSource(Protocol):
    """Where a checkpoint's weights come from."""

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
        ...

    def load_stored(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Weight]]:
        """The same, with matrices that are quantised as they lie in the file."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An open model.

    Attributes:
        path: the file or folder.
        config: the decoder's shape.
        tokenizer: text to ids and back.
        chat_template: a Jinja template, or None when the model has none.
        stop_ids: tokens that end an answer.
        special_texts: `bos_token`, `eos_token` and their like, as chat templates name them.
        source: where the weights come from.
        names: of the weights in hub folders of this family, by which adapters name them too.
        kept: what form its matrices lie in: floats, blocks of a file, or the numbers of int4.
        calls: the form of calls that it was trained to write, where that has a name; empty for none.
    """

    path: Path
    config: Arch
    tokenizer: Tokenizer
    chat_template: str | None
    stop_ids: frozenset[int]
    special_texts: Mapping[str, str]
    source: WeightSource
    names: Names = NAMES
    kept: Form = "float"
    calls: str = ""

    @staticmethod
    def open(path: Path) -> Checkpoint:
        """Open a GGUF file or a folder; the weights are read by `load_weights`.

        Raises:
            CheckpointError: a file is missing or damaged, or its tensors do not fit its config.
            UnsupportedCheckpoint: a sound model of a kind that is not built.
        """
        if is_int4_folder(path):
            return open_int4(path)
        require_checkpoint(path)
        return open_hub(path) if path.is_dir() else open_gguf(path)

    def weight_names(self) -> tuple[str, ...]:
        """The canonical names `load_weights` yields, in its order."""
        return tuple(weight_shapes(self.config))

    def load_weights(self, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """Each weight under its canonical name, one at a time, in memory of its own.

        Args:
            dtype: of every tensor; quantised values are rounded to it once.
        """
        return self.source.load(self.weight_names(), dtype)

    def load_stored(self, dtype: torch.dtype) -> Iterator[tuple[str, Weight]]:
        """The same, but quantised matrices as they lie in the file, of which they may be mapped pages.

        Args:
            dtype: of what is not quantised.
        """
        return self.source.load_stored(self.weight_names(), dtype)

    def close(self) -> None:
        """Let go of the file; loaded weights stay."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_gguf(path: Path) -> Checkpoint:
    """Open a GGUF file; see `Checkpoint.open`."""
    file = GGUFFile.open(path)
    try:
        config, (_, family) = config_from_gguf(file), family_of(file)
        found = {name: tensor.shape for name, tensor in file.tensors.items()}
        places = places_in(config, family.names, found)
        check_weights(path, {place.name: place.shape for place in places.values()}, found, family.extras)
        return _checkpoint(
            path, config, _gguf_text(file), GGUFWeights(file, places), hub_names(config), "file"
        )
    except BaseException:
        file.close()
        raise


def _checkpoint(
    path: Path, config: Arch, text: HubText, source: WeightSource, names: Names, kept: Form
) -> Checkpoint:
    _check_vocabulary(path, text.tokenizer, config)
    return Checkpoint(
        path=path,
        config=config,
        tokenizer=text.tokenizer,
        chat_template=text.chat_template,
        stop_ids=text.stop_ids,
        special_texts=text.special_texts,
        source=source,
        names=names,
        kept=kept,
        calls=text.calls,
    )


def _check_vocabulary(path: Path, tokenizer: Tokenizer, config: Arch) -> None:
    if tokenizer.vocabulary_size > config.vocabulary_size:
        raise CheckpointError(
            f"{path}: the tokenizer has ids up to {tokenizer.vocabulary_size - 1}, "
            f"the embedding {config.vocabulary_size} rows"
        )


# The names llama.cpp gives tokens that end an answer or a turn.
_GGUF_STOPS = ("eos", "eot", "eom")
# Texts that end a turn in the chat formats of the supported families, wherever they are special.
_TURN_ENDS = frozenset({"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>"})


def _gguf_token(file: GGUFFile, name: str, tokenizer: Tokenizer) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    if key not in file.metadata:
        return None
    token = file.integer(key)
    if not 0 <= token < tokenizer.vocabulary_size:
        raise CheckpointError(f"{file.path}: {key} is {token}; the tokenizer has no such id")
    return token


def _gguf_text(file: GGUFFile) -> HubText:
    tokenizer = tokenizer_from_gguf(file)
    template = file.metadata.get("tokenizer.chat_template")
    return HubText(
        tokenizer=tokenizer,
        chat_template=template if isinstance(template, str) else None,
        stop_ids=_gguf_stop_ids(file, tokenizer),
        special_texts=_gguf_special_texts(file, tokenizer),
    )


def _gguf_stop_ids(file: GGUFFile, tokenizer: Tokenizer) -> frozenset[int]:
    named = (_gguf_token(file, name, tokenizer) for name in _GGUF_STOPS)
    ends = (token.id for token in tokenizer.added_tokens if token.text in _TURN_ENDS)
    return frozenset(token for token in named if token is not None).union(ends)


def _gguf_special_texts(file: GGUFFile, tokenizer: Tokenizer) -> dict[str, str]:
    texts: dict[str, str] = {}
    names = {"bos": "bos", "eos": "eos", "unknown": "unk", "padding": "pad"}
    for theirs, name in names.items():
        if (token := _gguf_token(file, theirs, tokenizer)) is not None:
            texts[f"{name}_token"] = tokenizer.decode([token], skip_special=False)
    return texts


@dataclass(frozen=True, slots=True)
class GGUFWeights:
    """The weights of a GGUF file, dequantised one tensor at a time."""

    file: GGUFFile
    places: Mapping[str, Place]

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
        last, tensor = "", torch.empty(0)
        for name in names:
            place = self.places[name]
            if place.name != last:  # the parts of a fused matrix follow each other
                info = self.file.tensors[place.name]
                tensor = torch.empty(0)
                last, tensor = place.name, dequantise(self.file.raw(info.name), info.kind, info.shape, dtype)
            yield name, place.read(tensor)

    def load_stored(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Weight]]:
        """The same, with matrices as they lie in the file; only rows in another order are copied."""
        for name in names:
            place = self.places[name]
            info = self.file.tensors[place.name]
            if len(info.shape) == 1:
                yield from self.load((name,), dtype)
                continue
            raw = torch.frombuffer(self.file.raw(info.name), dtype=torch.uint8).view(info.shape[0], -1)
            if info.kind in FLOATS:
                yield name, place.read(raw.view(FLOATS[info.kind])).to(dtype)
            else:
                yield name, Blocks(info.kind, place.take(raw))

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def open_hub(path: Path) -> Checkpoint:
    """Open a hub folder; see `Checkpoint.open`."""
    arch, names = read_family(path / "config.json")
    weights = find_weights(path, arch, names, _tensors(path))
    return _checkpoint(path, arch, read_hub_text(path, arch), weights, names, "float")


def open_int4(path: Path) -> Checkpoint:
    """Open a folder of `int4_folder`; see `Checkpoint.open`."""
    arch = read_manifest(path).arch
    weights = Int4Weights.find(path, arch)
    if not (path / TEXT).is_file():
        names = read_family(path / "config.json")[1]
        return _checkpoint(path, arch, read_hub_text(path, arch), weights, names, "int4")
    with GGUFFile.open(path / TEXT) as file:
        return _checkpoint(path, arch, _gguf_text(file), weights, hub_names(arch), "int4")


def _tensors(path: Path) -> TensorFolder:
    """The folder's weights: safetensors where there are any, else pickled tensors."""
    pickled = (path / pytorch_file.INDEX).is_file() or (path / "pytorch_model.bin").is_file()
    if pickled and not any(path.glob("*.safetensors")):
        return pytorch_file.open_pytorch(path)
    return open_safetensors(path)
