"""LLaMA and its kin: RMSNorm, rotary embedding, SwiGLU."""

from __future__ import annotations

from dataclasses import replace

from agentkit_local_models.arch import Arch
from agentkit_local_models.families.family import GATE_UP, QKV, Family, Fused, Names
from agentkit_local_models.families.rope import read_rope
from agentkit_local_models.hub_settings import Settings
from agentkit_local_models.weights import HUB_PARTS, HUB_TOPS

NAMES = Names(HUB_TOPS, "model.layers", HUB_PARTS)


def shape(settings: Settings, family: str) -> Arch:
    """What the members of the family have in common."""
    settings.refuse(hidden_act=("silu",), quantization_config=(None,))
    heads = settings.integer("num_attention_heads")
    width = settings.integer("hidden_size")
    head_width = settings.integer("head_dim", width // max(heads, 1))
    rope = read_rope(settings, context=settings.integer("max_position_embeddings"))
    return Arch(
        family=family,
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=settings.integer("num_key_value_heads", heads),
        head_width=head_width,
        feed_forward_width=settings.integer("intermediate_size"),
        rope_base=rope.base,
        norm_epsilon=settings.number("rms_norm_eps"),
        context=rope.context,
        tied_head=settings.boolean("tie_word_embeddings", default=False),
        qkv_bias=False,
        rope_width=rope.width(head_width),
        rope_scaling=rope.scaling,
    )


def _llama(settings: Settings) -> Arch:
    bias = settings.boolean("attention_bias", default=False)
    return replace(
        shape(settings, "llama"),
        qkv_bias=bias,
        output_bias=bias,
        feed_forward_bias=settings.boolean("mlp_bias", default=False),
    )


def _mistral(settings: Settings) -> Arch:
    return replace(shape(settings, "mistral"), window=settings.integer("sliding_window", 0))


def _qwen2(settings: Settings) -> Arch:
    return _windowed(settings, replace(shape(settings, "qwen2"), qkv_bias=True))


def _qwen3(settings: Settings) -> Arch:
    bias = settings.boolean("attention_bias", default=False)
    arch = replace(shape(settings, "qwen3"), qkv_bias=bias, output_bias=bias, query_key_norm=True)
    return _windowed(settings, arch)


def _windowed(settings: Settings, arch: Arch) -> Arch:
    """Qwen's window: in the layers from `max_window_layers` on, where it is used at all."""
    window = settings.integer("sliding_window", 0)
    if not (settings.boolean("use_sliding_window", default=False) and window):
        return arch
    first = settings.integer("max_window_layers", arch.layers)
    return replace(arch, window=window, windowed=tuple(layer >= first for layer in range(arch.layers)))


def _internlm(settings: Settings) -> Arch:
    bias = settings.boolean("bias", default=True)
    return replace(shape(settings, "internlm"), qkv_bias=bias, output_bias=bias)


def _internlm2(settings: Settings) -> Arch:
    settings.refuse(bias=(False,))
    return shape(settings, "internlm2")


def _phi3(settings: Settings) -> Arch:
    settings.refuse(attention_bias=(False,))
    return replace(shape(settings, "phi3"), window=settings.integer("sliding_window", 0))


_NORMED = Names(
    HUB_TOPS,
    "model.layers",
    {
        **HUB_PARTS,
        "attention.query_norm": "self_attn.q_norm",
        "attention.key_norm": "self_attn.k_norm",
    },
)
_PHI3 = Names(
    HUB_TOPS,
    "model.layers",
    HUB_PARTS,
    fused={
        "self_attn.qkv_proj": Fused(QKV),
        "mlp.gate_up_proj": Fused(GATE_UP),
    },
)
_INTERNLM2 = Names(
    {"embed": "model.tok_embeddings", "norm": "model.norm", "head": "output"},
    "model.layers",
    {
        "attention_norm": "attention_norm",
        "attention.output": "attention.wo",
        "feed_forward_norm": "ffn_norm",
        "feed_forward.gate": "feed_forward.w1",
        "feed_forward.up": "feed_forward.w3",
        "feed_forward.down": "feed_forward.w2",
    },
    fused={"attention.wqkv": Fused(QKV, "grouped")},
)

FAMILIES = {
    "LlamaForCausalLM": Family(_llama, lambda _: NAMES),
    "MistralForCausalLM": Family(_mistral, lambda _: NAMES),
    "Qwen2ForCausalLM": Family(_qwen2, lambda _: NAMES),
    "Qwen3ForCausalLM": Family(_qwen3, lambda _: _NORMED),
    "InternLMForCausalLM": Family(_internlm, lambda _: NAMES),
    "InternLM2ForCausalLM": Family(_internlm2, lambda _: _INTERNLM2),
    "Phi3ForCausalLM": Family(_phi3, lambda _: _PHI3),
}
