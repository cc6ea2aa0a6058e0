"""The sizes of the models that are measured, and random weights of these sizes on the GPU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch, RopeScaling
from agentkit_local_models.weights import weight_shapes

_LLAMA3 = RopeScaling("llama3", 8.0, 8192, low=1.0, high=4.0)

SHAPES = {
    "llama-3.1-8b": Arch(
        family="llama", vocabulary_size=128_256, width=4096, layers=32, heads=32, kv_heads=8, head_width=128,
        feed_forward_width=14_336, rope_base=500_000.0, norm_epsilon=1e-5, context=8192, tied_head=False,
        qkv_bias=False, rope_scaling=_LLAMA3,
    ),
    "llama-3.2-1b": Arch(
        family="llama", vocabulary_size=128_256, width=2048, layers=16, heads=32, kv_heads=8, head_width=64,
        feed_forward_width=8192, rope_base=500_000.0, norm_epsilon=1e-5, context=8192, tied_head=True,
        qkv_bias=False, rope_scaling=_LLAMA3,
    ),
    "chatglm2-6b": Arch(
        family="chatglm2", vocabulary_size=65_024, width=4096, layers=28, heads=32, kv_heads=2,
        head_width=128, feed_forward_width=13_696, rope_base=10_000.0, norm_epsilon=1e-5, context=8192,
        tied_head=False,
        qkv_bias=True, rope_width=64,
    ),
}  # fmt: skip

TINY = Arch(
    family="llama", vocabulary_size=96, width=32, layers=1, heads=2, kv_heads=1, head_width=16,
    feed_forward_width=32, rope_base=10_000.0, norm_epsilon=1e-5, context=256, tied_head=False,
    qkv_bias=False,
)  # fmt: skip
"""What is tried out without a GPU."""


def random_weights(
    arch: Arch, device: torch.device, dtype: torch.dtype, seed: int = 0
) -> Iterator[tuple[str, Tensor]]:
    """Weights of a size that keeps activations near one, made one by one where they are wanted."""
    generator = torch.Generator(device).manual_seed(seed)
    for name, shape in weight_shapes(arch).items():
        if name.endswith("norm.weight"):
            yield name, torch.ones(shape, device=device)
        else:
            values = torch.randn(shape, generator=generator, device=device, dtype=dtype)
            yield name, values / shape[-1] ** 0.5 if len(shape) > 1 else values * 0.1
