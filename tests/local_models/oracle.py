"""transformers' own models, filled with given weights: what the decoder is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from agentkit_local_models.arch import Arch
from agentkit_local_models.weights import hub_name, weight_shapes

from .gguf_writer import gguf_name
from .tiny import random_weights as random_weights


def transformers_model(config: Arch, weights: Mapping[str, Tensor], dtype=torch.float32):
    """`LlamaForCausalLM` or `Qwen2ForCausalLM` with eager attention."""
    kinds = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
    config_class, model_class = kinds[config.family]
    extra = {"head_dim": config.head_width} if config.family == "llama" else {}
    theirs = config_class(
        vocab_size=config.vocabulary_size,
        hidden_size=config.width,
        intermediate_size=config.feed_forward_width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.context,
        rms_norm_eps=config.norm_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
        tie_word_embeddings=config.tied_head,
        attn_implementation="eager",
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        **extra,
    )
    with torch.device("meta"):
        model = model_class(theirs)
    model = model.to_empty(device="cpu")
    state = {hub_name(name): values.to(dtype) for name, values in weights.items()}
    if config.tied_head:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True, assign=True)
    model.tie_weights()
    # The rotary frequencies are computed at construction, which the meta device skipped.
    model.model.rotary_emb = type(model.model.rotary_emb)(theirs)
    return model.eval()


def gguf_weights(path: Path, config: Arch) -> dict[str, Tensor]:
    """The weights of a GGUF file as the `gguf` package reads and dequantises them."""
    tensors = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
    weights: dict[str, Tensor] = {}
    for name in weight_shapes(config):
        tensor = tensors[gguf_name(name)]
        values = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type)))
        part = name.split(".")[-2]
        if config.family == "llama" and part in ("query", "key"):
            # GGUF interleaves the halves of each head; written here row by row on purpose.
            heads = config.heads if part == "query" else config.kv_heads
            half = config.head_width // 2
            order = [
                head * config.head_width + 2 * place + which
                for head in range(heads)
                for which in (0, 1)
                for place in range(half)
            ]
            values = values[order]
        weights[name] = values
    return weights
