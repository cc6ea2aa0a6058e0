"""A decoder's shape as a GGUF file's metadata tells it.

A setting that would change the computation and is not built is refused by name, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint, at_path
from agentkit_local_models.gguf import GGUFFile


def config_from_gguf(file: GGUFFile) -> Arch:
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
        return Arch(
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
        raise at_path(file.path, error) from error


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
