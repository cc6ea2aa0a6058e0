"""A decoder's shape as a GGUF file's metadata tells it.

A setting that would change the computation and is not built is refused by name, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit_local_models.arch import Arch, RopeScaling
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint, at_path
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.gguf_families import GGUFFamily, Keys, family_of


def config_from_gguf(file: GGUFFile) -> Arch:
    """The config in a GGUF file's metadata.

    Raises:
        CheckpointError: a key is missing, of the wrong type or out of range.
        UnsupportedCheckpoint: another architecture, or a setting that is not built.
    """
    name, family = family_of(file)
    _refuse_settings(file, name, family)
    keys = Keys(file, name)
    heads = keys.integer("attention.head_count")
    width = keys.integer("embedding_length")
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None:
        raise CheckpointError(f"{file.path}: no tensor 'token_embd.weight'")
    head_width = keys.integer("attention.key_length", width // max(heads, 1))
    rotated = keys.integer("rope.dimension_count", head_width)
    same = {"attention.value_length": keys.integer("attention.value_length", head_width)}
    if "rope.dimension_count" not in family.reads:
        same["rope.dimension_count"] = rotated
    for key, found in same.items():
        if found != head_width:
            raise UnsupportedCheckpoint(
                f"{file.path}: {name}.{key} is {found}, the head width {head_width}; "
                "only equal ones are built"
            )
    try:
        return family.arch(
            keys,
            Arch(
                family=name,
                vocabulary_size=embedding.shape[0],
                width=width,
                layers=keys.integer("block_count"),
                heads=heads,
                kv_heads=keys.integer("attention.head_count_kv", heads),
                head_width=head_width,
                feed_forward_width=keys.integer("feed_forward_length"),
                rope_base=keys.number("rope.freq_base", 10_000.0),
                rope_width=0 if rotated == head_width else rotated,
                rope_scaling=_linear(keys),
                norm_epsilon=keys.number("attention.layer_norm_rms_epsilon"),
                context=keys.integer("context_length"),
                tied_head="output.weight" not in file.tensors,
                qkv_bias=False,
            ),
        )
    except CheckpointError as error:
        raise at_path(file.path, error) from error


def _linear(keys: Keys) -> RopeScaling | None:
    """Positions that are closer together (position interpolation)."""
    if keys.file.metadata.get(f"{keys.family}.rope.scaling.type") != "linear":
        return None
    return RopeScaling("linear", keys.number("rope.scaling.factor"))


_HARMLESS: Mapping[str, tuple[object, ...]] = {
    "rope.scaling.type": ("none", "linear"),
    "attention.sliding_window": (0,),
    "attention.causal": (True,),
    "attention.clamp_kqv": (0,),
    "attention.max_alibi_bias": (0,),
    "expert_count": (0,),
    "logit_scale": (0, 1),
    "use_parallel_residual": (False,),
}
"""Settings that would change what is computed, and their values that do not or that are built."""


def _refuse_settings(file: GGUFFile, name: str, family: GGUFFamily) -> None:
    values = {
        key: harmless if key not in family.reads else (*harmless, file.metadata.get(f"{name}.{key}"))
        for key, harmless in _HARMLESS.items()
    }
    # a factor counts only beside the kind of scaling that it is of
    if file.metadata.get(f"{name}.rope.scaling.type", "none") == "none":
        values |= {"rope.scaling.factor": (0, 1), "rope.scale_linear": (0, 1)}
    for key, harmless in values.items():
        value = file.metadata.get(f"{name}.{key}", harmless[0])
        if value not in harmless:
            raise UnsupportedCheckpoint(f"{file.path}: {name}.{key} = {value!r} is not built")
