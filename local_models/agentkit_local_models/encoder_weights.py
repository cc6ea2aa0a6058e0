"""The weights of an encoder of the BERT family, from a hub folder's safetensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.encoder_config import Activation, EncoderConfig
from agentkit_local_models.safetensors_file import open_safetensors
from agentkit_local_models.weights import Shape, check_weights


@dataclass(frozen=True, slots=True)
class Affine:
    """`y = W x + b`: weight [out, in], bias [out]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """[N, in] to [N, out]."""
        return F.linear(x, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Scaled to mean 0 and variance 1, then by weight and bias [width] (Ba et al. 2016)."""

    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """[N, width] to the same."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class Layer:
    """One block; query, key and value are one matrix [3 width, width]."""

    query_key_value: Affine
    output: Affine
    attention_norm: LayerNorm
    up: Affine
    activation: Callable[[Tensor], Tensor]
    down: Affine
    feed_forward_norm: LayerNorm


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """All weights: embeddings [rows, width], the first segment's [width], and the blocks."""

    words: Tensor
    positions: Tensor
    token_type: Tensor
    norm: LayerNorm
    layers: tuple[Layer, ...]


_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
}


def weight_shapes(config: EncoderConfig) -> dict[str, Shape]:
    """Every weight's name, as BERT checkpoints have it, with its shape."""
    width, hidden = config.width, config.feed_forward_width
    shapes: dict[str, Shape] = {
        "embeddings.word_embeddings.weight": (config.vocabulary_size, width),
        "embeddings.position_embeddings.weight": (config.positions, width),
        "embeddings.token_type_embeddings.weight": (config.token_types, width),
    }

    def add(name: str, out: int, into: int | None = None) -> None:
        shapes[f"{name}.weight"] = (out,) if into is None else (out, into)
        shapes[f"{name}.bias"] = (out,)

    add("embeddings.LayerNorm", width)
    for place in range(config.layers):
        at = f"encoder.layer.{place}"
        for part in ("query", "key", "value"):
            add(f"{at}.attention.self.{part}", width, width)
        add(f"{at}.attention.output.dense", width, width)
        add(f"{at}.attention.output.LayerNorm", width)
        add(f"{at}.intermediate.dense", hidden, width)
        add(f"{at}.output.dense", width, hidden)
        add(f"{at}.output.LayerNorm", width)
    return shapes


def load_weights(folder: Path, config: EncoderConfig, dtype: torch.dtype) -> EncoderWeights:
    """The weights in a folder.

    Args:
        folder: with one safetensors file, or shards and their index.
        config: says which weights there must be.
        dtype: of every tensor.

    Raises:
        CheckpointError: they do not fit the config, or a file is damaged.
    """
    files = open_safetensors(folder)
    # a model that was saved with a head on it has its encoder under this name
    prefix = next((p for p in ("bert.", "roberta.") if any(name.startswith(p) for name in files.shapes)), "")
    wanted = {prefix + name: shape for name, shape in weight_shapes(config).items()}
    # what stands on the encoder, and a table of 0, 1, 2, … in old files
    extras = [name for name in files.shapes if _is_unused(name.removeprefix(prefix))]
    check_weights(folder, wanted, files.shapes, extras)
    with files.reading() as read:
        tensors = {name.removeprefix(prefix): read(name, dtype) for name in wanted}

    def affine(*names: str) -> Affine:
        return Affine(
            *(torch.cat([tensors.pop(f"{name}.{leaf}") for name in names]) for leaf in ("weight", "bias"))
        )

    def norm(name: str) -> LayerNorm:
        return LayerNorm(tensors.pop(f"{name}.weight"), tensors.pop(f"{name}.bias"), config.norm_epsilon)

    def layer(at: str) -> Layer:
        return Layer(
            query_key_value=affine(*(f"{at}.attention.self.{part}" for part in ("query", "key", "value"))),
            output=affine(f"{at}.attention.output.dense"),
            attention_norm=norm(f"{at}.attention.output.LayerNorm"),
            up=affine(f"{at}.intermediate.dense"),
            activation=_ACTIVATIONS[config.activation],
            down=affine(f"{at}.output.dense"),
            feed_forward_norm=norm(f"{at}.output.LayerNorm"),
        )

    return EncoderWeights(
        words=tensors.pop("embeddings.word_embeddings.weight"),
        positions=tensors.pop("embeddings.position_embeddings.weight"),
        token_type=tensors.pop("embeddings.token_type_embeddings.weight")[0],
        norm=norm("embeddings.LayerNorm"),
        layers=tuple(layer(f"encoder.layer.{place}") for place in range(config.layers)),
    )


def _is_unused(name: str) -> bool:
    return (
        name.startswith(("pooler.", "cls.", "classifier.", "lm_head.")) or name == "embeddings.position_ids"
    )
