"""The shape of a decoder, read from GGUF metadata or from a hub folder's `config.json`.

Every family is data: LLaMA and Qwen2 differ here by `qkv_bias` alone. A setting that would change
the computation and is not built is refused by name, never ignored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.json_file import read_object

# The largest sizes accepted; no model this engine can run comes near, and they bound allocation.
MAX_LAYERS = 1 << 10
MAX_WIDTH = 1 << 20
MAX_VOCABULARY = 1 << 22
MAX_CONTEXT = 1 << 27


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The sizes and constants of a pre-norm decoder with grouped-query attention, RoPE and SwiGLU.

    Attributes:
        family: `llama` or `qwen2`.
        vocabulary_size: rows of the embedding, padding rows included.
        width: of the residual stream.
        layers: how many blocks.
        heads: query heads of each layer.
        kv_heads: key and value heads; divides `heads`.
        head_width: of one head; even, since RoPE rotates its two halves against each other.
        feed_forward_width: of the gated hidden layer.
        rope_base: the base of the rotary frequencies, `base ** (-2 i / head_width)`.
        norm_epsilon: added to the mean square in RMSNorm.
        context: the most positions the model was trained for.
        tied_head: the output head is the embedding.
        qkv_bias: query, key and value have biases.
    """

    family: str
    vocabulary_size: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    feed_forward_width: int
    rope_base: float
    norm_epsilon: float
    context: int
    tied_head: bool
    qkv_bias: bool

    def __post_init__(self) -> None:
        """Refuse sizes that no decoder can have.

        Raises:
            CheckpointError: a size out of range, or heads that do not group or rotate.
        """
        limits = {"layers": MAX_LAYERS, "vocabulary_size": MAX_VOCABULARY, "context": MAX_CONTEXT}
        for field in fields(self):
            value: object = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int):
                continue
            limit = limits.get(field.name, MAX_WIDTH)
            if not 1 <= value <= limit:
                raise CheckpointError(f"{field.name} is {value}; 1 to {limit} works")
        if self.heads % self.kv_heads:
            raise CheckpointError(f"{self.heads} heads do not divide into {self.kv_heads} groups")
        if self.head_width % 2:
            raise CheckpointError(f"head_width is {self.head_width}; RoPE needs an even one")
        if not (math.isfinite(self.rope_base) and self.rope_base > 0):
            raise CheckpointError(f"rope_base is {self.rope_base}; a positive number works")
        if not (math.isfinite(self.norm_epsilon) and self.norm_epsilon > 0):
            raise CheckpointError(f"norm_epsilon is {self.norm_epsilon}; a positive number works")


def config_from_gguf(file: GGUFFile) -> DecoderConfig:
    """The config in a GGUF file's metadata.

    Raises:
        CheckpointError: a key is missing, of the wrong type or out of range.
        UnsupportedCheckpoint: another architecture, or a setting that is not built.
    """
    family = file.text("general.architecture")
    if family not in ("llama", "qwen2"):
        raise UnsupportedCheckpoint(
            f"{file.path}: the architecture {family!r} is not built; llama and qwen2 are"
        )
    _refuse_gguf_settings(file, family)
    heads = file.integer(f"{family}.attention.head_count")
    width = file.integer(f"{family}.embedding_length")
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None:
        raise CheckpointError(f"{file.path}: no tensor 'token_embd.weight'")

    def integer(name: str, default: int) -> int:
        key = f"{family}.{name}"
        return file.integer(key) if key in file.metadata else default

    head_width = integer("attention.key_length", width // max(heads, 1))
    for name in ("attention.value_length", "rope.dimension_count"):
        if (found := integer(name, head_width)) != head_width:
            raise UnsupportedCheckpoint(
                f"{file.path}: {family}.{name} is {found}, the head width {head_width}; "
                "only equal ones are built"
            )
    base = f"{family}.rope.freq_base"
    try:
        return DecoderConfig(
            family=family,
            vocabulary_size=embedding.shape[0],
            width=width,
            layers=file.integer(f"{family}.block_count"),
            heads=heads,
            kv_heads=integer("attention.head_count_kv", heads),
            head_width=head_width,
            feed_forward_width=file.integer(f"{family}.feed_forward_length"),
            rope_base=file.number(base) if base in file.metadata else 10_000.0,
            norm_epsilon=file.number(f"{family}.attention.layer_norm_rms_epsilon"),
            context=file.integer(f"{family}.context_length"),
            tied_head="output.weight" not in file.tensors,
            qkv_bias=family == "qwen2",
        )
    except CheckpointError as error:
        raise _at(file.path, error) from error


def _refuse_gguf_settings(file: GGUFFile, family: str) -> None:
    harmless: Mapping[str, tuple[object, ...]] = {
        "rope.scaling.type": ("none",),
        "rope.scaling.factor": (0, 1),
        "rope.scale_linear": (0, 1),
        "attention.sliding_window": (0,),
        "attention.causal": (True,),
        "attention.clamp_kqv": (0,),
        "attention.max_alibi_bias": (0,),
        "expert_count": (0,),
        "logit_scale": (0, 1),
        "use_parallel_residual": (False,),
    }
    for name, values in harmless.items():
        value = file.metadata.get(f"{family}.{name}", values[0])
        if value not in values:
            raise UnsupportedCheckpoint(f"{file.path}: {family}.{name} = {value!r} is not built")


def config_from_hub(path: Path) -> DecoderConfig:
    """The config in a hub folder's `config.json`, in the form of transformers 4 or 5.

    Raises:
        CheckpointError: the file is missing or not JSON, or a key is missing or out of range.
        UnsupportedCheckpoint: another architecture, or a setting that is not built.
    """
    settings = _Settings(path, read_object(path))
    family = settings.family()
    settings.refuse(
        hidden_act=("silu",),
        attention_bias=(False,),
        mlp_bias=(False,),
        use_sliding_window=(False,),
        quantization_config=(None,),
    )
    heads = settings.integer("num_attention_heads")
    width = settings.integer("hidden_size")
    try:
        return DecoderConfig(
            family=family,
            vocabulary_size=settings.integer("vocab_size"),
            width=width,
            layers=settings.integer("num_hidden_layers"),
            heads=heads,
            kv_heads=settings.integer("num_key_value_heads", heads),
            head_width=settings.integer("head_dim", width // max(heads, 1)),
            feed_forward_width=settings.integer("intermediate_size"),
            rope_base=settings.rope_base(),
            norm_epsilon=settings.number("rms_norm_eps"),
            context=settings.integer("max_position_embeddings"),
            tied_head=settings.boolean("tie_word_embeddings", default=False),
            qkv_bias=family == "qwen2",
        )
    except CheckpointError as error:
        raise _at(path, error) from error


def _at(path: Path, error: CheckpointError) -> CheckpointError:
    """The same error with the file named, once."""
    text = str(error)
    return type(error)(text if text.startswith(str(path)) else f"{path}: {text}")


@dataclass(frozen=True, slots=True)
class _Settings:
    """A `config.json` whose values are checked as they are read."""

    path: Path
    values: Mapping[str, object]

    def family(self) -> str:
        known = {"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2"}
        names = self.values.get("architectures")
        found = cast("list[object]", names) if isinstance(names, list) else []
        for name in found:
            if isinstance(name, str) and name in known:
                return known[name]
        raise UnsupportedCheckpoint(
            f"{self.path}: the architectures {names!r} are not built; {', '.join(known)} are"
        )

    def refuse(self, **harmless: tuple[object, ...]) -> None:
        """Refuse a setting that is there with another value than the harmless ones."""
        for key, values in harmless.items():
            value = self.values.get(key)
            if value is not None and value not in values:
                raise UnsupportedCheckpoint(f"{self.path}: {key} = {value!r:.80} is not built")

    def rope_base(self) -> float:
        """From `rope_parameters` (transformers 5) or `rope_theta` (4); scaled RoPE is refused."""
        for key in ("rope_parameters", "rope_scaling"):
            rope = self.values.get(key)
            if rope is None:
                continue
            if not isinstance(rope, dict):
                raise CheckpointError(f"{self.path}: {key} should be an object, found {rope!r:.80}")
            parameters = cast("dict[str, object]", rope)
            kind = parameters.get("rope_type", parameters.get("type", "default"))
            if kind != "default" or parameters.get("partial_rotary_factor", 1) != 1:
                raise UnsupportedCheckpoint(f"{self.path}: {key} = {parameters!r:.160} is not built")
            if "rope_theta" in parameters:
                return _Settings(self.path, parameters).number("rope_theta")
        return self.number("rope_theta") if "rope_theta" in self.values else 10_000.0

    def integer(self, key: str, default: int | None = None) -> int:
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise CheckpointError(f"{self.path}: {key} should be a whole number, found {value!r:.80}")
        return value

    def number(self, key: str) -> float:
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CheckpointError(f"{self.path}: {key} should be a number, found {value!r:.80}")
        try:
            return float(value)
        except OverflowError as error:
            raise CheckpointError(f"{self.path}: {key} is too large") from error

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise CheckpointError(f"{self.path}: {key} should be true or false, found {value!r:.80}")
        return value
