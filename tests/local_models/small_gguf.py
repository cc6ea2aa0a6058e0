"""A small model with correlated activations, as those of trained models are; as a GGUF file, with texts."""

from pathlib import Path

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch

from .gguf_writer import byte_level_metadata, float_tensor, gguf_bytes, gguf_name
from .tiny import random_weights, tiny_arch

ARCH = tiny_arch(
    family="qwen2", vocabulary_size=272, width=64, heads=4, head_width=16, feed_forward_width=96,
    qkv_bias=True, tied_head=True, norm_epsilon=2**-17,
)  # fmt: skip
WORDS = "the fox ran over a dog and then it slept in the sun for two days before anyone came by. "
SEEN = WORDS * 20
OTHERS = "a dog slept before the fox came by, and two days over the sun it ran. " * 3


def weights_of(arch: Arch) -> dict[str, Tensor]:
    """Random, with an embedding near a plane of 8 dimensions, so that activations are correlated."""
    weights = random_weights(arch)
    plane = torch.randn(8, arch.width, generator=torch.Generator().manual_seed(9))
    weights["embed.weight"] = weights["embed.weight"][:, :8] @ plane * 8
    return weights


def gguf_model(path: Path) -> Path:
    """The model as a GGUF file."""
    metadata = {
        "general.architecture": "qwen2",
        "qwen2.block_count": ARCH.layers,
        "qwen2.context_length": ARCH.context,
        "qwen2.embedding_length": ARCH.width,
        "qwen2.feed_forward_length": ARCH.feed_forward_width,
        "qwen2.attention.head_count": ARCH.heads,
        "qwen2.attention.head_count_kv": ARCH.kv_heads,
        "qwen2.attention.layer_norm_rms_epsilon": ARCH.norm_epsilon,
        "tokenizer.chat_template": "{{ messages[0].content }}",
    }
    tensors = {gguf_name(name): float_tensor(weight) for name, weight in weights_of(ARCH).items()}
    path.write_bytes(gguf_bytes(metadata | byte_level_metadata("gpt-2"), tensors))
    return path
