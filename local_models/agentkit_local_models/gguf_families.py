"""The families of models that come as GGUF files: what their metadata adds to the common, and their names.

The architectures are llama.cpp's (`src/llama-arch.cpp`), with the layouts that its converters write: query
and key of LLaMA and ChatGLM are rotated by neighbouring numbers, all others by halves; Gemma's norms have the
one that is added to their weights in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from agentkit_local_models.arch import Arch, RopeScaling
from agentkit_local_models.dequantise import dequantise
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.families.family import GATE_UP, QKV, Fused, Names
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.weights import GGUF_PARTS, GGUF_TOPS


@dataclass(frozen=True, slots=True)
class Keys:
    """The metadata of a file's own architecture."""

    file: GGUFFile
    family: str

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; without a default it must be there."""
        key = f"{self.family}.{name}"
        if default is not None and key not in self.file.metadata:
            return default
        return self.file.integer(key)

    def number(self, name: str, default: float | None = None) -> float:
        """A number; without a default it must be there."""
        key = f"{self.family}.{name}"
        if default is not None and key not in self.file.metadata:
            return default
        return self.file.number(key)

    def has_tensor(self, name: str) -> bool:
        """Whether the file has such a tensor."""
        return name in self.file.tensors

    def factors(self, name: str) -> tuple[float, ...]:
        """The numbers of a tensor that divides rotary frequencies."""
        info = self.file.tensors[name]
        return tuple(map(float, dequantise(self.file.raw(name), info.kind, info.shape)))


@dataclass(frozen=True, slots=True)
class GGUFFamily:
    """A family of models in GGUF files.

    Attributes:
        arch: completes what all families have in common.
        names: of the weights.
        reads: metadata that it knows what to do with, beyond what all families have.
        extras: tensors that are no weights.
    """

    arch: Callable[[Keys, Arch], Arch]
    names: Names
    reads: frozenset[str] = frozenset()
    extras: tuple[str, ...] = ()


FACTORS = "rope_freqs.weight"
"""What divides LLaMA 3's rotary frequencies; some converters write it where all are one."""
_LONG, _SHORT = "rope_factors_long.weight", "rope_factors_short.weight"


def _llama(keys: Keys, arch: Arch) -> Arch:
    arch = replace(
        arch,
        qkv_bias=keys.has_tensor("blk.0.attn_q.bias"),
        output_bias=keys.has_tensor("blk.0.attn_output.bias"),
        feed_forward_bias=keys.has_tensor("blk.0.ffn_up.bias"),
    )
    factors = keys.factors(FACTORS) if keys.has_tensor(FACTORS) else ()
    if all(factor == 1 for factor in factors):
        return arch
    return replace(arch, rope_scaling=RopeScaling("factors", factors=factors))


def _qwen2(_: Keys, arch: Arch) -> Arch:
    return replace(arch, qkv_bias=True)


def _qwen3(_: Keys, arch: Arch) -> Arch:
    return replace(arch, query_key_norm=True)


def _gemma(_: Keys, arch: Arch) -> Arch:
    return replace(arch, embed_scale=math.sqrt(arch.width), activation="gelu-tanh")


def _gemma2(keys: Keys, arch: Arch) -> Arch:
    return replace(
        _gemma(keys, arch),
        post_norms=True,
        attention_scale=_gemma_scale(arch, wide=46),
        attention_cap=keys.number("attn_logit_softcapping", 50.0),
        logit_cap=keys.number("final_logit_softcapping", 30.0),
        window=keys.integer("attention.sliding_window", 4096),
        windowed=_all_but_each(2, arch.layers),
    )


def _gemma3(keys: Keys, arch: Arch) -> Arch:
    return replace(
        _gemma(keys, arch),
        post_norms=True,
        query_key_norm=True,
        attention_scale=_gemma_scale(arch, wide=62),
        window_rope_base=keys.number("rope.freq_base_swa", 10_000.0),
        window=keys.integer("attention.sliding_window"),
        windowed=_all_but_each(6, arch.layers),
    )


def _gemma_scale(arch: Arch, wide: int) -> float:
    """The scale of scores, which files do not tell: the 27B models, known by their layers, have another."""
    return (arch.width / arch.heads if arch.layers == wide else arch.head_width) ** -0.5


def _all_but_each(every: int, layers: int) -> tuple[bool, ...]:
    return tuple(bool((layer + 1) % every) for layer in range(layers))


def _phi3(keys: Keys, arch: Arch) -> Arch:
    arch = replace(arch, window=keys.integer("attention.sliding_window", 0))
    kind = keys.file.metadata.get("phi3.rope.scaling.type", "none")
    if kind not in ("none", "longrope") or (kind == "longrope") != keys.has_tensor(_SHORT):
        raise UnsupportedCheckpoint(
            f"{keys.file.path}: phi3.rope.scaling.type = {kind!r} "
            f"{'with' if keys.has_tensor(_SHORT) else 'without'} {_SHORT} is not built"
        )
    if kind == "none":
        return arch
    original = keys.integer("rope.scaling.original_context_length")
    scaling = RopeScaling(
        "factors",
        original_context=original,
        attention_factor=keys.number("rope.scaling.attn_factor", 1.0),
        factors=keys.factors(_SHORT),
        long_factors=keys.factors(_LONG) if keys.has_tensor(_LONG) else (),
    )
    context = arch.context if scaling.long_factors else min(original, arch.context)
    return replace(arch, rope_scaling=scaling, context=context)


def _chatglm(keys: Keys, arch: Arch) -> Arch:
    return replace(arch, qkv_bias=keys.has_tensor("blk.0.attn_qkv.bias"))


def _names(
    more: Mapping[str, str] = MappingProxyType({}),
    fused: Mapping[str, Fused] = MappingProxyType({}),
    *,
    neighbours: bool = False,
) -> Names:
    return Names(GGUF_TOPS, "blk", {**GGUF_PARTS, **more}, fused, neighbours=neighbours)


_NORMED = {"attention.query_norm": "attn_q_norm", "attention.key_norm": "attn_k_norm"}
_POST = {"attention_post_norm": "post_attention_norm", "feed_forward_post_norm": "post_ffw_norm"}
_FUSED = {"attn_qkv": Fused(QKV), "ffn_up": Fused(GATE_UP)}

GGUF_FAMILIES: Mapping[str, GGUFFamily] = {
    "llama": GGUFFamily(_llama, _names(neighbours=True), extras=(FACTORS,)),
    "qwen2": GGUFFamily(_qwen2, _names()),
    "qwen3": GGUFFamily(_qwen3, _names(_NORMED)),
    "gemma": GGUFFamily(_gemma, _names()),
    "gemma2": GGUFFamily(_gemma2, _names(_POST), reads=frozenset({"attention.sliding_window"})),
    "gemma3": GGUFFamily(_gemma3, _names(_NORMED | _POST), reads=frozenset({"attention.sliding_window"})),
    "phi3": GGUFFamily(
        _phi3,
        _names(fused=_FUSED),
        reads=frozenset({"attention.sliding_window", "rope.dimension_count", "rope.scaling.type"}),
        extras=(_SHORT, _LONG),
    ),
    "chatglm": GGUFFamily(
        _chatglm, _names(fused=_FUSED, neighbours=True), reads=frozenset({"rope.dimension_count"})
    ),
}
"""By `general.architecture`."""


def family_of(file: GGUFFile) -> tuple[str, GGUFFamily]:
    """The architecture of a file, and what is known of it.

    Raises:
        CheckpointError: the file does not say.
        UnsupportedCheckpoint: another architecture.
    """
    name = file.text("general.architecture")
    if (family := GGUF_FAMILIES.get(name)) is None:
        raise UnsupportedCheckpoint(
            f"{file.path}: the architecture {name!r} is not built; {', '.join(GGUF_FAMILIES)} are"
        )
    return name, family
