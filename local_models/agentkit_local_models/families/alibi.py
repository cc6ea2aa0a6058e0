"""Models that tell places by a penalty on distance (ALiBi), and Falcon, which does so or rotates."""

from __future__ import annotations

from agentkit_local_models.arch import Arch
from agentkit_local_models.families.family import QKV, Family, Fused, Names
from agentkit_local_models.families.rope import read_rope
from agentkit_local_models.hub_settings import Settings

_TOPS = {
    "embed": "transformer.word_embeddings",
    "embed_norm": "transformer.word_embeddings_layernorm",
    "norm": "transformer.ln_f",
    "head": "lm_head",
}


def _bloom(settings: Settings) -> Arch:
    settings.refuse(quantization_config=(None,))
    width = settings.integer("hidden_size", settings.integer("n_embed", 0))
    heads = settings.integer("n_head", settings.integer("num_attention_heads", 0))
    normed = settings.boolean("apply_residual_connection_post_layernorm", default=False)
    return Arch(
        family="bloom",
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("n_layer", settings.integer("num_hidden_layers", 0)),
        heads=heads,
        kv_heads=heads,
        head_width=width // max(heads, 1),
        feed_forward_width=4 * width,
        rope_base=10_000.0,
        norm_epsilon=settings.number("layer_norm_epsilon", 1e-5),
        context=settings.integer("seq_length", 2048),  # ALiBi has no end; this is what it was trained for
        tied_head=settings.boolean("tie_word_embeddings", default=True),
        qkv_bias=True,
        position="alibi",
        norm="layer",
        norm_bias=True,
        embed_norm=True,
        activation="gelu-tanh",
        gated=False,
        output_bias=True,
        feed_forward_bias=True,
        normed_residual=1.0 if normed else 0.0,
    )


_BLOOM = Names(
    _TOPS,
    "transformer.h",
    {
        "attention_norm": "input_layernorm",
        "attention.output": "self_attention.dense",
        "feed_forward_norm": "post_attention_layernorm",
        "feed_forward.up": "mlp.dense_h_to_4h",
        "feed_forward.down": "mlp.dense_4h_to_h",
    },
    fused={"self_attention.query_key_value": Fused(QKV, "grouped")},
    optional="transformer.",
)


def _mpt(settings: Settings) -> Arch:
    attention = settings.inside("attn_config")
    settings.refuse(
        no_bias=(True,), norm_type=("low_precision_layernorm", "layernorm"), quantization_config=(None,)
    )
    attention.refuse(
        alibi=(True,),
        attn_type=("multihead_attention",),
        qk_ln=(False,),
        clip_qkv=(None,),
        prefix_lm=(False,),
    )
    width, heads = settings.integer("d_model"), settings.integer("n_heads")
    return Arch(
        family="mpt",
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("n_layers"),
        heads=heads,
        kv_heads=heads,
        head_width=width // max(heads, 1),
        feed_forward_width=settings.integer("expansion_ratio", 4) * width,
        rope_base=10_000.0,
        norm_epsilon=settings.number("layer_norm_epsilon", 1e-5),
        context=settings.integer("max_seq_len"),
        tied_head=settings.boolean("tie_word_embeddings", default=True),
        qkv_bias=False,
        position="alibi",
        alibi_max=attention.number("alibi_bias_max", 8.0),
        attention_scale=attention.number("softmax_scale", 0.0),
        norm="layer",
        activation="gelu",
        gated=False,
    )


_MPT = Names(
    {"embed": "transformer.wte", "norm": "transformer.norm_f", "head": "lm_head"},
    "transformer.blocks",
    {
        "attention_norm": "norm_1",
        "attention.output": "attn.out_proj",
        "feed_forward_norm": "norm_2",
        "feed_forward.up": "ffn.up_proj",
        "feed_forward.down": "ffn.down_proj",
    },
    fused={"attn.Wqkv": Fused(QKV)},
)


def _falcon(settings: Settings) -> Arch:
    settings.refuse(activation=("gelu",), quantization_config=(None,))
    width = settings.integer("hidden_size")
    heads = settings.integer("num_attention_heads", settings.integer("n_head", 0))
    new = settings.boolean("new_decoder_architecture", default=False)
    bias = settings.boolean("bias", default=False)
    kv_heads = heads
    if new:
        kv_heads = settings.integer("num_kv_heads", settings.integer("n_head_kv", heads))
    elif settings.boolean("multi_query", default=True):
        kv_heads = 1
    parallel = "no"
    if new or settings.boolean("parallel_attn", default=True):
        two = new and settings.integer("num_ln_in_parallel_attn", 2) == 2
        parallel = "two" if two else "one"
    alibi = settings.boolean("alibi", default=False)
    rope = read_rope(settings, context=settings.integer("max_position_embeddings", 2048))
    return Arch(
        family="falcon",
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("num_hidden_layers", settings.integer("n_layer", 0)),
        heads=heads,
        kv_heads=kv_heads,
        head_width=width // max(heads, 1),
        feed_forward_width=settings.integer("ffn_hidden_size", 4 * width),
        rope_base=rope.base,
        rope_scaling=rope.scaling,
        norm_epsilon=settings.number("layer_norm_epsilon", 1e-5),
        context=rope.context,
        tied_head=settings.boolean("tie_word_embeddings", default=True),
        qkv_bias=bias,
        position="alibi" if alibi else "rope",
        alibi_scaled=True,
        norm="layer",
        norm_bias=True,
        activation="gelu",
        gated=False,
        output_bias=bias,
        feed_forward_bias=bias,
        parallel=parallel,
    )


def _falcon_names(arch: Arch) -> Names:
    norms = {
        "no": {"attention_norm": "input_layernorm", "feed_forward_norm": "post_attention_layernorm"},
        "one": {"attention_norm": "input_layernorm"},
        "two": {"attention_norm": "ln_attn", "feed_forward_norm": "ln_mlp"},
    }
    return Names(
        _TOPS,
        "transformer.h",
        {
            **norms[arch.parallel],
            "attention.output": "self_attention.dense",
            "feed_forward.up": "mlp.dense_h_to_4h",
            "feed_forward.down": "mlp.dense_4h_to_h",
        },
        fused={"self_attention.query_key_value": Fused(QKV, "grouped")},
    )


FAMILIES = {
    "BloomForCausalLM": Family(_bloom, lambda _: _BLOOM),
    "MptForCausalLM": Family(_mpt, lambda _: _MPT),
    "MPTForCausalLM": Family(_mpt, lambda _: _MPT),
    "FalconForCausalLM": Family(_falcon, _falcon_names),
}
