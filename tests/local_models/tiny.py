"""A LLaMA of a few thousand weights."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.weights import weight_shapes

_TINY = Arch(
    family="llama", vocabulary_size=97, width=16, layers=2, heads=4, kv_heads=2, head_width=4,
    feed_forward_width=24, rope_base=10_000.0, norm_epsilon=1e-5, context=400, tied_head=False,
    qkv_bias=False,
)  # fmt: skip


def tiny_arch(**changes: Any) -> Arch:
    """Its sizes, with changes."""
    return dataclasses.replace(_TINY, **changes)


def tiny_checkpoint(smollm2: Path, **changes: Any) -> Checkpoint:
    """SmolLM2's tokenizer with sizes of a few thousand weights, and changes to them."""
    with Checkpoint.open(smollm2) as opened:
        config = dataclasses.replace(
            opened.config, width=32, layers=2, heads=2, kv_heads=1, head_width=16, feed_forward_width=64
        )
        return dataclasses.replace(opened, config=dataclasses.replace(config, **changes))


def random_weights(config: Arch, seed: int = 0) -> dict[str, Tensor]:
    """Weights under canonical names, of a size that keeps activations near one."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}
    for name, shape in weight_shapes(config).items():
        values = torch.randn(shape, generator=generator)
        if name.endswith("norm.weight"):
            weights[name] = 1 + 0.2 * values
        elif name.endswith("bias"):
            weights[name] = values
        else:
            weights[name] = values / shape[-1] ** 0.5
    return weights
