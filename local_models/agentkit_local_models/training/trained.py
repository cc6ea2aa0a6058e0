"""What is trained, joined with what is not: the model that the forward pass sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.layers import Norm, rotations, sights
from agentkit_local_models.lora import Adapter
from agentkit_local_models.training.forward import Block, Model, Projection
from agentkit_local_models.training.joined import beside_linear, joined_linear
from agentkit_local_models.training.pieces import WRITTEN, Pieces

Weights = Mapping[str, Tensor]
"""Weights under their canonical names."""

Names = tuple[str, ...]
"""Linear layers that see the same input, in the order in which they lie on top of each other."""


def fused_layers(config: Arch) -> tuple[Names, ...]:
    """Those of a block: to the heads, from them, to the hidden layer, from it."""
    return (
        ("attention.query", "attention.key", "attention.value"),
        ("attention.output",),
        ("feed_forward.gate", "feed_forward.up") if config.gated else ("feed_forward.up",),
        ("feed_forward.down",),
    )


@dataclass(frozen=True, slots=True)
class Fused:
    """Linear layers as one: `weight` [all out, in], `bias` [all out] or none, and how many rows are whose."""

    weight: Tensor
    bias: Tensor | None
    rows: tuple[int, ...]

    @classmethod
    def of(cls, weights: Weights, names: Names) -> Fused:
        """These layers of some weights."""
        parts = [weights[f"{name}.weight"] for name in names]
        biases = [weights[f"{name}.bias"] for name in names if f"{name}.bias" in weights]
        # a copy of one layer alone would only cost memory
        weight = parts[0] if len(parts) == 1 else torch.cat(parts)
        return cls(weight, torch.cat(biases) if biases else None, tuple(map(len, parts)))

    def __call__(self, x: Tensor) -> Tensor:
        """[T, in] to [T, all out]."""
        return F.linear(x, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Base:
    """Frozen weights as the forward pass wants them.

    Attributes:
        config: of the decoder.
        weights: those that are not in `fused`.
        fused: the linear layers.
        pieces: how the element-wise parts are run.
    """

    config: Arch
    weights: Weights
    fused: Mapping[Names, Fused]
    pieces: Pieces = WRITTEN

    @classmethod
    def of(cls, config: Arch, weights: Weights, pieces: Pieces = WRITTEN) -> Base:
        """The base of these weights."""
        fused = {names: Fused.of(weights, names) for names in _groups(config)}
        linear = {f"{name}.{part}" for names in fused for name in names for part in ("weight", "bias")}
        others = {name: weight for name, weight in weights.items() if name not in linear}
        return cls(config, others, fused, pieces)

    def model(self) -> Model:
        """The model before any training."""
        return _model(self.config, self.weights, self.pieces, lambda names: self.fused[names])


def adapted(base: Base, adapter: Adapter) -> Model:
    """The base with an adapter: gradients reach the adapter alone.

    The delta is joined into the weights, so that training sees how they are rounded in use, or works
    beside them, as the adapter's shape says; with dropout always beside, for it sees another input.
    """
    scale, dropout = adapter.config.scale, adapter.config.dropout
    layer = joined_linear if adapter.config.is_joined else beside_linear

    def linear(names: Names) -> Projection:
        fused = base.fused[names]
        delta = _delta(adapter, names, fused)
        if delta is None:
            return fused
        a, b = delta
        if not dropout:
            return lambda x: layer(x, fused.weight, fused.bias, a, b, scale)
        return lambda x: torch.addmm(fused(x), F.linear(F.dropout(x, dropout), a), b.T, alpha=scale)

    return _model(base.config, base.weights, base.pieces, linear)


def assembled(config: Arch, weights: Weights, pieces: Pieces = WRITTEN) -> Model:
    """A model of these weights; gradients reach those that require them."""
    return _model(config, weights, pieces, lambda names: Fused.of(weights, names))


def _delta(adapter: Adapter, names: Names, fused: Fused) -> tuple[Tensor, Tensor] | None:
    """The deltas of fused layers as one: A [all ranks, in] and B [all out, all ranks], in their dtype.

    B is block-diagonal: each layer's rows see the rows of its own A, and those without a delta none.
    """
    pairs = {name: pair for name in names if (pair := adapter.pairs.get(f"{name}.weight")) is not None}
    if not pairs:
        return None
    blocks = [
        pairs[name].b if name in pairs else fused.weight.new_zeros(rows, 0)
        for name, rows in zip(names, fused.rows, strict=True)
    ]
    a = torch.cat([pair.a for pair in pairs.values()])
    b = cast("Tensor", torch.block_diag(*blocks))  # pyright: ignore[reportUnknownMemberType]
    return a.to(fused.weight.dtype), b.to(fused.weight.dtype)


def _groups(config: Arch) -> Iterator[Names]:
    for layer in range(config.layers):
        for parts in fused_layers(config):
            yield _names(layer, parts)


def _names(layer: int, parts: Names) -> Names:
    return tuple(f"layers.{layer}.{part}" for part in parts)


def require_one_way(config: Arch) -> None:
    """Refuse a model that sees its prompt in both directions.

    Raises:
        CheckpointError: it does.
    """
    if config.prefix is not None:
        raise CheckpointError(
            f"{config.family} sees its prompt in both directions, so that its answers cannot be learnt from "
            "in one pass over a conversation; every other family can be trained"
        )


def _model(config: Arch, weights: Weights, pieces: Pieces, linear: Callable[[Names], Projection]) -> Model:
    require_one_way(config)
    sees, turns = sights(config), rotations(config)

    def sure(name: str) -> Norm:
        weight = weights[f"{name}.weight"]
        if config.norm_offset:  # added before anything is rounded
            weight = weight.float() + config.norm_offset
        bias = weights.get(f"{name}.bias")
        return Norm(weight, None if bias is None else bias.to(weight.dtype))

    def norm(name: str) -> Norm | None:
        return sure(name) if f"{name}.weight" in weights else None

    def block(layer: int) -> Block:
        at, windowed = f"layers.{layer}", bool(config.window_of(layer))
        query_key_value, output, up, down = (linear(_names(layer, parts)) for parts in fused_layers(config))
        return Block(
            attention_norm=sure(f"{at}.attention_norm"),
            query_key_value=query_key_value,
            query_norm=norm(f"{at}.attention.query_norm"),
            key_norm=norm(f"{at}.attention.key_norm"),
            output=output,
            attention_post_norm=norm(f"{at}.attention_post_norm"),
            feed_forward_norm=norm(f"{at}.feed_forward_norm"),
            up=up,
            down=down,
            feed_forward_post_norm=norm(f"{at}.feed_forward_post_norm"),
            sight=sees[windowed],
            rotation=turns[windowed],
        )

    embed = weights["embed.weight"]
    blocks = tuple(block(layer) for layer in range(config.layers))
    head = weights.get("head.weight", embed)
    return Model(config, embed, norm("embed_norm"), blocks, sure("norm"), head, pieces)
