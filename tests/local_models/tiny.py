"""A LLaMA of a few thousand weights."""

import dataclasses
from typing import Any

from agentkit_local_models.arch import Arch

_TINY = Arch(
    family="llama", vocabulary_size=97, width=16, layers=2, heads=4, kv_heads=2, head_width=4,
    feed_forward_width=24, rope_base=10_000.0, norm_epsilon=1e-5, context=400, tied_head=False,
    qkv_bias=False,
)  # fmt: skip


def tiny_arch(**changes: Any) -> Arch:
    """Its sizes, with changes."""
    return dataclasses.replace(_TINY, **changes)
