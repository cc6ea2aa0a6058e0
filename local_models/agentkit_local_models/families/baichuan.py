"""Baichuan: LLaMA with one matrix for query, key and value; the 13B models penalise distance instead.

The configs of the sizes differ in no key that says so: as in the makers' own code, the width tells the 7B
models (4,096) from the 13B ones, and the vocabulary (125,696) the second generation, whose output head is
used with rows of length 1.
"""

from __future__ import annotations

from dataclasses import replace

from agentkit_local_models.arch import Arch
from agentkit_local_models.families.family import QKV, Family, Fused, Names
from agentkit_local_models.hub_settings import Settings
from agentkit_local_models.weights import HUB_PARTS, HUB_TOPS

WIDTH_OF_7B = 4096
VOCABULARY_OF_2 = 125_696


def _baichuan(settings: Settings) -> Arch:
    settings.refuse(hidden_act=("silu",), quantization_config=(None,))
    heads, width = settings.integer("num_attention_heads"), settings.integer("hidden_size")
    context = settings.integer("model_max_length", settings.integer("max_position_embeddings", 4096))
    return Arch(
        family="baichuan",
        vocabulary_size=settings.integer("vocab_size"),
        width=width,
        layers=settings.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=heads,
        head_width=width // max(heads, 1),
        feed_forward_width=settings.integer("intermediate_size"),
        rope_base=10_000.0,
        norm_epsilon=settings.number("rms_norm_eps"),
        context=context,
        tied_head=settings.boolean("tie_word_embeddings", default=False),
        qkv_bias=False,
        position="rope" if width == WIDTH_OF_7B else "alibi",
    )


def _names(arch: Arch) -> Names:
    names = Names(
        HUB_TOPS,
        "model.layers",
        HUB_PARTS,
        fused={"self_attn.W_pack": Fused(QKV)},
    )
    return replace(names, normed_head=arch.vocabulary_size == VOCABULARY_OF_2)


FAMILIES = dict.fromkeys(("BaichuanForCausalLM", "BaiChuanForCausalLM"), Family(_baichuan, _names))
