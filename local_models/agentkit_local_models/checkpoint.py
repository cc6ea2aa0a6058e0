"""Open a model: its config, tokenizer, chat template, and weights under canonical names.

A checkpoint is a `.gguf` file or a hub folder (`config.json`, `*.safetensors`, `tokenizer.json`,
and where it has them `tokenizer_config.json`, `chat_template.jinja`, `generation_config.json`).
What differs between the two ends here; weight names and layouts are those of `weights`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

import torch
from torch import Tensor

from agentkit_local_models.config import DecoderConfig, config_from_gguf, config_from_hub
from agentkit_local_models.dequantise import dequantise
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.json_file import read_object
from agentkit_local_models.safetensors_file import SafetensorsFolder
from agentkit_local_models.tokenizer import Tokenizer, tokenizer_from_gguf, tokenizer_from_hub
from agentkit_local_models.weights import (
    check_weights,
    gguf_name,
    hub_name,
    unpermute,
    weight_shapes,
)


class WeightSource(Protocol):
    """Where a checkpoint's weights come from."""

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
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
    """

    path: Path
    config: DecoderConfig
    tokenizer: Tokenizer
    chat_template: str | None
    stop_ids: frozenset[int]
    special_texts: Mapping[str, str]
    source: WeightSource

    @staticmethod
    def open(path: Path) -> Checkpoint:
        """Open a GGUF file or a hub folder; the weights are read by `load_weights`.

        Raises:
            CheckpointError: a file is missing or damaged, or its tensors do not fit its config.
            UnsupportedCheckpoint: a sound model of a kind that is not built.
        """
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
        config = config_from_gguf(file)
        wanted = {gguf_name(name): shape for name, shape in weight_shapes(config).items()}
        found = {name: tensor.shape for name, tensor in file.tensors.items()}
        # The factors of scaled RoPE, written by some converters even where they are all one.
        check_weights(path, wanted, found, known_extras=["rope_freqs.weight"])
        _refuse_scaled_rope(file)
        tokenizer = tokenizer_from_gguf(file)
        _check_vocabulary(path, tokenizer, config)
        template = file.metadata.get("tokenizer.chat_template")
        return Checkpoint(
            path=path,
            config=config,
            tokenizer=tokenizer,
            chat_template=template if isinstance(template, str) else None,
            stop_ids=_gguf_stop_ids(file, tokenizer),
            special_texts=_gguf_special_texts(file, tokenizer),
            source=GGUFWeights(file, config),
        )
    except BaseException:
        file.close()
        raise


def _refuse_scaled_rope(file: GGUFFile) -> None:
    info = file.tensors.get("rope_freqs.weight")
    if info is None:
        return
    factors = dequantise(file.raw(info.name), info.kind, info.shape)
    if not bool((factors == 1).all()):
        raise UnsupportedCheckpoint(
            f"{file.path}: scaled RoPE ('rope_freqs.weight' is not all ones) is not built"
        )


def _check_vocabulary(path: Path, tokenizer: Tokenizer, config: DecoderConfig) -> None:
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
    config: DecoderConfig

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
        heads: dict[str, int] = {}
        if self.config.family == "llama":  # qwen2 rotates halves in llama.cpp too
            heads = {"query": self.config.heads, "key": self.config.kv_heads}
        for name in names:
            info = self.file.tensors[gguf_name(name)]
            values = dequantise(self.file.raw(info.name), info.kind, info.shape, dtype)
            part = name.split(".")[-2]
            yield name, unpermute(values, heads[part]) if part in heads else values

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def open_hub(path: Path) -> Checkpoint:
    """Open a hub folder; see `Checkpoint.open`."""
    config = config_from_hub(path / "config.json")
    folder = SafetensorsFolder.open(path)
    wanted = {hub_name(name): shape for name, shape in weight_shapes(config).items()}
    extras = [
        name
        for name in folder.shapes
        # A copy of the embedding some tied checkpoints carry, and the RoPE table of old ones.
        if (name == "lm_head.weight" and config.tied_head) or name.endswith(".rotary_emb.inv_freq")
    ]
    check_weights(path, wanted, folder.shapes, extras)
    tokenizer = tokenizer_from_hub(path / "tokenizer.json")
    _check_vocabulary(path, tokenizer, config)
    settings = _optional_object(path / "tokenizer_config.json")
    return Checkpoint(
        path=path,
        config=config,
        tokenizer=tokenizer,
        chat_template=_hub_chat_template(path, settings),
        stop_ids=_hub_stop_ids(path),
        special_texts=_hub_special_texts(settings),
        source=HubWeights(folder),
    )


def _optional_object(path: Path) -> dict[str, object]:
    return read_object(path) if path.is_file() else {}


def _hub_chat_template(path: Path, settings: Mapping[str, object]) -> str | None:
    """`chat_template.jinja` if there, else the one in `tokenizer_config.json`."""
    file = path / "chat_template.jinja"
    if file.is_file():
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{file}: cannot be read: {error}") from error
    template = settings.get("chat_template")
    if isinstance(template, list):  # several named ones: [{"name": ..., "template": ...}]
        named = [
            cast("dict[str, object]", entry)
            for entry in cast("list[object]", template)
            if isinstance(entry, dict)
        ]
        template = next((e.get("template") for e in named if e.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def _hub_stop_ids(path: Path) -> frozenset[int]:
    """`eos_token_id` of `generation_config.json`, else of `config.json`; a number or a list."""
    for file in (path / "generation_config.json", path / "config.json"):
        value = _optional_object(file).get("eos_token_id")
        ids = cast("list[object]", value) if isinstance(value, list) else [value]
        stops = frozenset(token for token in ids if isinstance(token, int))
        if stops:
            return stops
    raise CheckpointError(f"{path}: no 'eos_token_id' in generation_config.json or config.json")


def _hub_special_texts(settings: Mapping[str, object]) -> dict[str, str]:
    """`bos_token` and its like in `tokenizer_config.json`, each a string or an object."""
    texts: dict[str, str] = {}
    for name in ("bos_token", "eos_token", "unk_token", "pad_token"):
        value = settings.get(name)
        if isinstance(value, dict):
            value = cast("dict[str, object]", value).get("content")
        if isinstance(value, str):
            texts[name] = value
    return texts


@dataclass(frozen=True, slots=True)
class HubWeights:
    """The weights of a hub folder."""

    folder: SafetensorsFolder

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
        theirs = self.folder.tensors(map(hub_name, names), dtype)
        for name, (_, tensor) in zip(names, theirs, strict=True):
            yield name, tensor

    def close(self) -> None:
        """Nothing stays open between loads."""
