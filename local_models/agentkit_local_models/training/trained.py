"""What is trained, joined with what is not: the model that the forward pass sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.config import DecoderConfig
from agentkit_local_models.lora import Adapter
from agentkit_local_models.training.forward import Block, Model, Projection

Weights = Mapping[str, Tensor]
"""Weights under their canonical names."""


def adapted(config: DecoderConfig, base: Weights, adapter: Adapter) -> Model:
    """The base with an adapter: gradients reach the adapter alone.

    Without dropout the delta is joined into the weights, as it will be in use; with it the delta works
    beside them, on an input of which a share is dropped.
    """
    if not adapter.config.dropout:
        return assembled(config, {name: adapter.joined(name, weight) for name, weight in base.items()})

    def beside(names: tuple[str, ...]) -> Projection:
        weight, bias = _fused(base, names)

        def project(x: Tensor) -> Tensor:
            dropped = F.dropout(x, adapter.config.dropout)
            parts = [
                F.linear(F.linear(dropped, pair.a.to(x.dtype)), pair.b.to(x.dtype)) * adapter.config.scale
                if (pair := adapter.pairs.get(f"{name}.weight")) is not None
                else x.new_zeros(x.shape[0], base[f"{name}.weight"].shape[0])
                for name in names
            ]
            return F.linear(x, weight, bias) + torch.cat(parts, dim=-1)

        return project

    return _model(config, base, beside)


def assembled(config: DecoderConfig, weights: Weights) -> Model:
    """A model of these weights; gradients reach those that require them."""

    def plain(names: tuple[str, ...]) -> Projection:
        weight, bias = _fused(weights, names)
        return lambda x: F.linear(x, weight, bias)

    return _model(config, weights, plain)


def _fused(weights: Weights, names: tuple[str, ...]) -> tuple[Tensor, Tensor | None]:
    """Weights that see the same input on top of each other."""
    weight = torch.cat([weights[f"{name}.weight"] for name in names])
    biases = [weights[f"{name}.bias"] for name in names if f"{name}.bias" in weights]
    return weight, torch.cat(biases) if biases else None


def _model(config: DecoderConfig, weights: Weights, linear: Callable[[tuple[str, ...]], Projection]) -> Model:
    def block(at: str) -> Block:
        return Block(
            weights[f"{at}.attention_norm.weight"],
            linear(tuple(f"{at}.attention.{part}" for part in ("query", "key", "value"))),
            linear((f"{at}.attention.output",)),
            weights[f"{at}.feed_forward_norm.weight"],
            linear(tuple(f"{at}.feed_forward.{part}" for part in ("gate", "up"))),
            linear((f"{at}.feed_forward.down",)),
        )

    embed = weights["embed.weight"]
    blocks = tuple(block(f"layers.{number}") for number in range(config.layers))
    return Model(config, embed, blocks, weights["norm.weight"], weights.get("head.weight", embed))
