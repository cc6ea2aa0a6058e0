"""`agentkit models plan`: the memory that a model would take, before its weights are here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentkit.core.errors import ModelError, UsageError
from agentkit.models.inspection import path_named

if TYPE_CHECKING:
    from agentkit_local_models.arch import Arch
    from agentkit_local_models.precision import CacheForm
    from agentkit_local_models.sizes import Memory

SHAPE = ("layers", "width", "heads", "kv_heads", "ffn", "vocabulary")
"""What `--shape` names."""
_EXAMPLE = "layers=28,width=4096,heads=32,kv_heads=2,ffn=13696,vocabulary=65024"


@dataclass(frozen=True)
class Plan:
    """What a model would take.

    Attributes:
        parameters: how many numbers its weights have.
        context: tokens that are kept of each sequence.
        memory: for each precision.
    """

    parameters: int
    context: int
    memory: Mapping[str, "Memory"]


def plan(
    name: str | None,
    shape: str | None,
    precision: str | None,
    context: int | None,
    sequences: int,
    cache: "CacheForm" = "float",
) -> Plan:
    """Count the memory of a model.

    Args:
        name: an entry of the catalogue, a file, or a folder of which `config.json` is enough.
        shape: instead of it, sizes as `layers=28,width=4096,...`.
        precision: one of the engine's; None for each.
        context: tokens kept of each sequence; None for what the model was trained for.
        sequences: how many are kept at once.
        cache: what keys and values are kept as.

    Raises:
        UsageError: neither or both of name and shape, one that is not there, or a size that is none.
        ModelError: a checkpoint that cannot be read.
    """
    try:
        from agentkit_local_models import sizes
        from agentkit_local_models.errors import LocalModelError
    except ModuleNotFoundError as error:
        raise UsageError(f"models are read with {error.name}; run: pip install 'agentkit[local]'") from error
    if (name is None) == (shape is None):
        raise UsageError(f"name a model, or say its sizes: --shape {_EXAMPLE}")
    try:
        arch = _arch_of(path_named(name)) if name is not None else arch_of_shape(shape or "")
    except LocalModelError as error:
        raise ModelError(str(error)) from error
    kept = context or arch.context
    wanted: list[sizes.PlannedPrecision] = [one for one in sizes.PRECISIONS if precision in (None, one)]
    if not wanted:
        raise UsageError(f"no precision {precision!r}; {', '.join(sizes.PRECISIONS)} are planned for")
    return Plan(
        sizes.parameters(arch),
        kept,
        {one: sizes.memory(arch, one, kept, sequences=sequences, cache=cache) for one in wanted},
    )


def arch_of_shape(shape: str) -> "Arch":
    """A LLaMA of these sizes, which is as large as any family with gated blocks.

    >>> arch_of_shape("layers=2,width=64,heads=4,ffn=128,vocabulary=1000").kv_heads
    4

    Raises:
        UsageError: a size is missing, unknown, or not a number.
    """
    from agentkit_local_models.arch import Arch

    pairs = [part.partition("=") for part in shape.split(",")]
    sizes = {key.strip(): value.strip() for key, _, value in pairs}
    wrong = [key for key, value in sizes.items() if key not in SHAPE or not value.isdecimal()]
    missing = [key for key in SHAPE if key not in sizes and key != "kv_heads"]
    if wrong or missing:
        said = [*(f"{key!r} is no size" for key in wrong), *(f"{key} is missing" for key in missing)]
        raise UsageError(f"--shape {shape}: {', '.join(said)}; sizes look like {_EXAMPLE}")
    heads, width = int(sizes["heads"]), int(sizes["width"])
    return Arch(
        family="llama",
        vocabulary_size=int(sizes["vocabulary"]),
        width=width,
        layers=int(sizes["layers"]),
        heads=heads,
        kv_heads=int(sizes.get("kv_heads", heads)),
        head_width=max(width // max(heads, 1), 1),
        feed_forward_width=int(sizes["ffn"]),
        rope_base=10_000.0,
        norm_epsilon=1e-5,
        context=2_048,
        tied_head=False,
        qkv_bias=False,
    )


def _arch_of(path: Path) -> "Arch":
    """Of a checkpoint; a folder needs no weights for it."""
    from agentkit_local_models.checkpoint import Checkpoint
    from agentkit_local_models.families import read_family
    from agentkit_local_models.int4_folder import is_int4_folder

    if path.is_dir() and not is_int4_folder(path):
        return read_family(path / "config.json")[0]
    with Checkpoint.open(path) as checkpoint:
        return checkpoint.config
