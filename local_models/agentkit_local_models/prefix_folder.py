"""Tuned prefixes as files.

A folder of ChatGLM's tuning holds a `pytorch_model.bin` with the prefix encoder alone: an embedding of
the prefix's places, and where it was trained with a projection, the two layers behind it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models import pytorch_file
from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.families.family import Names
from agentkit_local_models.hub_weights import in_order
from agentkit_local_models.safetensors_file import open_safetensors
from agentkit_local_models.tuned_prefix import TunedPrefix

_ENCODER: Final = "transformer.prefix_encoder."
_EMBEDDING: Final = f"{_ENCODER}embedding.weight"
_PROJECTION: Final = tuple(
    f"{_ENCODER}trans.{place}.{leaf}" for place in (0, 2) for leaf in ("weight", "bias")
)


def is_prefix_folder(path: Path) -> bool:
    """Whether a folder holds weights and no config of an adapter in PEFT's layout."""
    return path.is_dir() and not (path / "adapter_config.json").exists()


def load_prefix(path: Path, arch: Arch, names: Names, dtype: torch.dtype) -> TunedPrefix:
    """The prefix of a folder that ChatGLM's P-tuning wrote.

    Raises:
        CheckpointError: a file is missing or damaged, or the prefix is of a model of another shape.
        UnsupportedCheckpoint: the model's tokens do not see everything before them.
    """
    if arch.window or arch.position == "alibi":
        raise UnsupportedCheckpoint(
            f"{path}: a tuned prefix needs a model whose tokens see all before them; this one has "
            f"{'windows' if arch.window else 'ALiBi'}"
        )
    there = any(path.glob("*.safetensors"))
    folder = open_safetensors(path) if there else pytorch_file.open_pytorch(path)
    if _EMBEDDING not in folder.shapes:
        found = ", ".join(sorted(folder.shapes)[:3]) or "nothing"
        raise CheckpointError(f"{path} holds no tuned prefix: {_EMBEDDING} is missing; found {found}")
    with folder.reading() as read:
        rows = read(_EMBEDDING, torch.float32)
        if _PROJECTION[0] in folder.shapes:
            first, first_bias, second, second_bias = (read(name, torch.float32) for name in _PROJECTION)
            rows = F.linear(torch.tanh(F.linear(rows, first, first_bias)), second, second_bias)
    wanted = arch.layers * 2 * arch.kv_heads * arch.head_width
    if rows.shape[1] != wanted:
        raise CheckpointError(
            f"{path}: the prefix has {rows.shape[1]} numbers a place; a model of {arch.layers} layers with "
            f"{arch.kv_heads} key heads of {arch.head_width} needs {wanted}"
        )
    return tuned_prefix(rows, arch, names, dtype)


def tuned_prefix(rows: Tensor, arch: Arch, names: Names, dtype: torch.dtype) -> TunedPrefix:
    """The prefix that a prefix encoder gives.

    Args:
        rows: [P, layers * 2 * K * D]: for each place the key of the first layer, its value, and so on.
        arch: of the model.
        names: of its family, which tell the order of the numbers in a head.
        dtype: of the model's keys and values.
    """
    heads = rows.to(dtype).view(len(rows), arch.layers, 2, arch.kv_heads * arch.head_width)
    layers: list[Tensor] = []
    for keys, values in heads.permute(1, 2, 3, 0):  # [K * D, P] each
        ordered = torch.stack((in_order(arch, names, "layers.0.attention.key", keys), values))
        whole = ordered.view(2 * arch.kv_heads, arch.head_width, len(rows))
        layers.append(whole.transpose(1, 2).contiguous())
    return TunedPrefix(tuple(layers))
