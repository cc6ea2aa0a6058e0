"""ChatGLM-6B, and the ChatGLM 2, 3 and GLM-4 that came after it under the same class name.

Read beside the makers' modeling files (THUDM, 2023 and 2024). The first is a prefix language model with 2-D
positions; the later ones are causal, rotate neighbouring numbers of the first half of each head, and share
keys among groups of heads.
"""

from __future__ import annotations

import math

from agentkit_local_models.arch import Arch, PrefixLM
from agentkit_local_models.families.family import GATE_UP, QKV, Family, Fused, Names
from agentkit_local_models.families.rope import read_rope
from agentkit_local_models.hub_settings import Settings
from agentkit_local_models.weights import HUB_PARTS, HUB_TOPS

# ChatGLM-6B scales what it adds to by the square root of twice its layers: 28, in any copy of the code.
_RESIDUAL_SCALE = math.sqrt(2 * 28)


def _chatglm(settings: Settings) -> Arch:
    settings.refuse(quantization_config=(None,), quantization_bit=(0, None), pre_seq_len=(None,))
    return _first(settings) if "inner_hidden_size" in settings else _later(settings)


def _first(settings: Settings) -> Arch:
    settings.refuse(position_encoding_2d=(True,))
    width, heads = settings.integer("hidden_size"), settings.integer("num_attention_heads")
    return Arch(
        family="chatglm",
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("num_layers"),
        heads=heads,
        kv_heads=heads,
        head_width=width // max(heads, 1),
        feed_forward_width=settings.integer("inner_hidden_size"),
        rope_base=10_000.0,
        norm_epsilon=settings.number("layernorm_epsilon", 1e-5),
        context=settings.integer("max_sequence_length", 2048),
        tied_head=settings.boolean("tie_word_embeddings", default=False),
        qkv_bias=True,
        position="rope-2d",
        norm="layer",
        norm_bias=True,
        activation="gelu-tanh",
        gated=False,
        output_bias=True,
        feed_forward_bias=True,
        normed_residual=_RESIDUAL_SCALE,
        prefix=PrefixLM(
            start=settings.integer("bos_token_id", 130_004),
            masks=(
                settings.integer("mask_token_id", 130_000),
                settings.integer("gmask_token_id", 130_001),
            ),
        ),
    )


def _later(settings: Settings) -> Arch:
    settings.refuse(
        rmsnorm=(True,),
        add_bias_linear=(False,),
        apply_residual_connection_post_layernorm=(False,),
        post_layer_norm=(True,),
    )
    heads = settings.integer("num_attention_heads")
    grouped = settings.boolean("multi_query_attention", default=False)
    head_width = settings.integer("kv_channels", settings.integer("hidden_size") // max(heads, 1))
    return Arch(
        family="chatglm2",
        vocabulary_size=settings.integer("padded_vocab_size"),
        width=settings.integer("hidden_size"),
        layers=settings.integer("num_layers"),
        heads=heads,
        kv_heads=settings.integer("multi_query_group_num") if grouped else heads,
        head_width=head_width,
        feed_forward_width=settings.integer("ffn_hidden_size"),
        rope_base=10_000.0 * settings.number("rope_ratio", 1.0),
        norm_epsilon=settings.number("layernorm_epsilon", 1e-5),
        context=settings.integer("seq_length"),
        tied_head=settings.boolean("tie_word_embeddings", default=False),
        qkv_bias=settings.boolean("add_qkv_bias", default=False),
        rope_width=head_width // 2,
    )


def _chatglm_names(arch: Arch) -> Names:
    return _FIRST if arch.prefix else _LATER


_FIRST = Names(
    {"embed": "transformer.word_embeddings", "norm": "transformer.final_layernorm", "head": "lm_head"},
    "transformer.layers",
    {
        "attention_norm": "input_layernorm",
        "attention.output": "attention.dense",
        "feed_forward_norm": "post_attention_layernorm",
        "feed_forward.up": "mlp.dense_h_to_4h",
        "feed_forward.down": "mlp.dense_4h_to_h",
    },
    fused={"attention.query_key_value": Fused(QKV, "grouped")},
)
_LATER = Names(
    {
        "embed": "transformer.embedding.word_embeddings",
        "norm": "transformer.encoder.final_layernorm",
        "head": "transformer.output_layer",
    },
    "transformer.encoder.layers",
    {
        "attention_norm": "input_layernorm",
        "attention.output": "self_attention.dense",
        "feed_forward_norm": "post_attention_layernorm",
        "feed_forward.down": "mlp.dense_4h_to_h",
    },
    fused={
        "self_attention.query_key_value": Fused(QKV),
        "mlp.dense_h_to_4h": Fused(GATE_UP),
    },
    neighbours=True,
)


def _glm(settings: Settings) -> Arch:
    """GLM-4 as transformers has it (`glm-4-9b-chat-hf`)."""
    settings.refuse(hidden_act=("silu",), quantization_config=(None,))
    rope = read_rope(settings, context=settings.integer("max_position_embeddings"))
    head_width = settings.integer("head_dim", 128)
    return Arch(
        family="glm",
        vocabulary_size=settings.integer("vocab_size"),
        width=settings.integer("hidden_size"),
        layers=settings.integer("num_hidden_layers"),
        heads=settings.integer("num_attention_heads"),
        kv_heads=settings.integer("num_key_value_heads"),
        head_width=head_width,
        feed_forward_width=settings.integer("intermediate_size"),
        rope_base=rope.base,
        norm_epsilon=settings.number("rms_norm_eps"),
        context=rope.context,
        tied_head=settings.boolean("tie_word_embeddings", default=False),
        qkv_bias=settings.boolean("attention_bias", default=False),
        # configs of transformers 4 leave the share out, for it is a half
        rope_width=head_width // 2 if rope.part == 1 else rope.width(head_width),
        rope_scaling=rope.scaling,
    )


_GLM = Names(
    HUB_TOPS,
    "model.layers",
    HUB_PARTS,
    fused={"mlp.gate_up_proj": Fused(GATE_UP)},
    neighbours=True,
)

FAMILIES = {
    "ChatGLMModel": Family(_chatglm, _chatglm_names),
    "ChatGLMForConditionalGeneration": Family(_chatglm, _chatglm_names),
    "GlmForCausalLM": Family(_glm, lambda _: _GLM),
}
