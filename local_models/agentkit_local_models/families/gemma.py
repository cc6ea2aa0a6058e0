"""Gemma: a scaled embedding, norms of `1 + weight`, GELU gates; Gemma 2 and 3 norm what blocks return."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.families.family import Family, Names
from agentkit_local_models.families.llama import NAMES
from agentkit_local_models.families.rope import read_rope
from agentkit_local_models.hub_settings import Settings
from agentkit_local_models.weights import HUB_PARTS, HUB_TOPS

_POST_NORMED = {
    **HUB_PARTS,
    "attention_post_norm": "post_attention_layernorm",
    "feed_forward_norm": "pre_feedforward_layernorm",
    "feed_forward_post_norm": "post_feedforward_layernorm",
}
_GEMMA2 = Names(HUB_TOPS, "model.layers", _POST_NORMED)
_GEMMA3 = Names(
    HUB_TOPS,
    "model.layers",
    {
        **_POST_NORMED,
        "attention.query_norm": "self_attn.q_norm",
        "attention.key_norm": "self_attn.k_norm",
    },
)


def _shape(settings: Settings, family: str, layers: str = "") -> Arch:
    settings.refuse(
        hidden_activation=("gelu_pytorch_tanh",),
        hidden_act=("gelu", "gelu_pytorch_tanh"),  # "gelu" was a slip of the first configs: it is tanh's
        attention_bias=(False,),
        quantization_config=(None,),
    )
    width = settings.integer("hidden_size")
    rope = read_rope(settings, layers=layers, context=settings.integer("max_position_embeddings"))
    return Arch(
        family=family,
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("num_hidden_layers"),
        heads=settings.integer("num_attention_heads"),
        kv_heads=settings.integer("num_key_value_heads"),
        head_width=settings.integer("head_dim", 256),
        feed_forward_width=settings.integer("intermediate_size"),
        rope_base=rope.base,
        rope_scaling=rope.scaling,
        norm_epsilon=settings.number("rms_norm_eps", 1e-6),
        context=rope.context,
        tied_head=settings.boolean("tie_word_embeddings", default=True),
        qkv_bias=False,
        norm_offset=1.0,
        embed_scale=math.sqrt(width),
        activation="gelu-tanh",
    )


def _gemma(settings: Settings) -> Arch:
    return _shape(settings, "gemma")


def _gemma2(settings: Settings) -> Arch:
    arch = _shape(settings, "gemma2")
    return replace(
        arch,
        post_norms=True,
        attention_scale=settings.number("query_pre_attn_scalar", 256.0) ** -0.5,
        attention_cap=settings.number("attn_logit_softcapping", 0.0),
        logit_cap=settings.number("final_logit_softcapping", 0.0),
        window=settings.integer("sliding_window", 4096),
        windowed=_windowed(settings, arch.layers, every=2),
    )


def _gemma3(settings: Settings) -> Arch:
    arch = _shape(settings, "gemma3", layers="full_attention")
    local = settings.inside("rope_parameters").inside("sliding_attention")
    return replace(
        arch,
        post_norms=True,
        query_key_norm=True,
        attention_scale=settings.number("query_pre_attn_scalar", 256.0) ** -0.5,
        attention_cap=settings.number("attn_logit_softcapping", 0.0),
        logit_cap=settings.number("final_logit_softcapping", 0.0),
        window_rope_base=local.number("rope_theta", settings.number("rope_local_base_freq", 10_000.0)),
        window=settings.integer("sliding_window", 4096),
        windowed=_windowed(settings, arch.layers, every=settings.integer("sliding_window_pattern", 6)),
    )


def _windowed(settings: Settings, layers: int, every: int) -> tuple[bool, ...]:
    """From `layer_types`, or all layers but each `every`th."""
    kinds = settings.values.get("layer_types")
    if kinds is None:
        return tuple(bool((layer + 1) % every) for layer in range(layers))
    found = cast("list[object]", kinds) if isinstance(kinds, list) else []
    if not found or not {*found} <= {"sliding_attention", "full_attention"}:
        raise CheckpointError(
            f"{settings.path}: layer_types should be sliding_attention and full_attention, "
            f"found {kinds!r:.80}"
        )
    return tuple(kind == "sliding_attention" for kind in found)


FAMILIES = {
    "GemmaForCausalLM": Family(_gemma, lambda _: NAMES),
    "Gemma2ForCausalLM": Family(_gemma2, lambda _: _GEMMA2),
    "Gemma3ForCausalLM": Family(_gemma3, lambda _: _GEMMA3),
}
