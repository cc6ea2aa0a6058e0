"""What is trained, joined with what is not: the model that the forward pass sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.lora import Adapter, LoraConfig
from agentkit_local_models.training.forward import Block, Model, Projection

Weights = Mapping[str, Tensor]
"""Weights under their canonical names."""


def adapted(config: Arch, base: Weights, adapter: Adapter) -> Model:
    """The base with an adapter: gradients reach the adapter alone.

    In 16 bits and without dropout the delta is joined into the weights, so that training sees how they
    are rounded in use. Else it works beside them: in float32 that is the same to a rounding error and
    saves the gradients of whole weights, a third of all the arithmetic; with dropout it must.
    """
    if not works_beside(adapter.config, next(iter(base.values())).dtype):
        return assembled(config, {name: adapter.joined(name, weight) for name, weight in base.items()})

    def beside(names: tuple[str, ...]) -> Projection:
        delta = _fused_delta(base, adapter, names)
        if delta is None:
            return _plain(base, names)
        a, b = delta
        weight, bias = _fused(base, names)
        scale, dropout = adapter.config.scale, adapter.config.dropout

        def project(x: Tensor) -> Tensor:
            seen = F.dropout(x, dropout) if dropout else x
            return torch.addmm(F.linear(x, weight, bias), F.linear(seen, a), b.T, alpha=scale)

        return project

    return _model(config, base, beside)


def works_beside(lora: LoraConfig, dtype: torch.dtype) -> bool:
    """Whether training computes the delta beside the weights rather than joined into them."""
    return lora.dropout > 0 or dtype == torch.float32


def _fused_delta(base: Weights, adapter: Adapter, names: tuple[str, ...]) -> tuple[Tensor, Tensor] | None:
    """The deltas of weights that see the same input as one: A [all ranks, in] and B [all out, all ranks].

    B is block-diagonal: each weight's rows see the rows of its own A.
    """
    pairs = {name: pair for name in names if (pair := adapter.pairs.get(f"{name}.weight")) is not None}
    if not pairs:
        return None
    kind = base[f"{names[0]}.weight"].dtype
    blocks = [
        pairs[name].b if name in pairs else base[f"{name}.weight"].new_zeros(len(base[f"{name}.weight"]), 0)
        for name in names
    ]
    a = torch.cat([pair.a for pair in pairs.values()])
    b = cast("Tensor", torch.block_diag(*blocks))  # pyright: ignore[reportUnknownMemberType]
    return a.to(kind), b.to(kind)


def assembled(config: Arch, weights: Weights) -> Model:
    """A model of these weights; gradients reach those that require them."""
    return _model(config, weights, partial(_plain, weights))


def _plain(weights: Weights, names: tuple[str, ...]) -> Projection:
    weight, bias = _fused(weights, names)
    return lambda x: F.linear(x, weight, bias)


def _fused(weights: Weights, names: tuple[str, ...]) -> tuple[Tensor, Tensor | None]:
    """Weights that see the same input on top of each other."""
    weight = torch.cat([weights[f"{name}.weight"] for name in names])
    biases = [weights[f"{name}.bias"] for name in names if f"{name}.bias" in weights]
    return weight, torch.cat(biases) if biases else None


def _model(config: Arch, weights: Weights, linear: Callable[[tuple[str, ...]], Projection]) -> Model:
    def block(at: str) -> Block:
        return Block(
            weights[f"{at}.attention_norm.weight"],
            linear(tuple(f"{at}.attention.{part}" for part in ("query", "key", "value"))),
            linear((f"{at}.attention.output",)),
            weights[f"{at}.feed_forward_norm.weight"],
            linear(tuple(f"{at}.feed_forward.{part}" for part in ("gate", "up"))),
            linear((f"{at}.feed_forward.down",)),
        )

    if not config.plain:
        raise CheckpointError(f"training computes plain LLaMA and Qwen2, not {config.family}")
    embed = weights["embed.weight"]
    blocks = tuple(block(f"layers.{number}") for number in range(config.layers))
    return Model(config, embed, blocks, weights["norm.weight"], weights.get("head.weight", embed))
