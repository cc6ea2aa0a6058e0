"""Adapters as files: in the layout of PEFT, or packed small.

The packed form is one safetensors file: each A and B as int8 with one float16 scale a row of rank,
which is a quarter of float32; its metadata hold the shape and the card.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.families.family import Names
from agentkit_local_models.families.llama import NAMES
from agentkit_local_models.hub_weights import Place, places_in
from agentkit_local_models.lora import Adapter, LoraConfig, Pair
from agentkit_local_models.weights import weight_shapes

PACKED = "agentkit-adapter-1"


def save_packed(adapter: Adapter, path: Path, card: Mapping[str, Any]) -> None:
    """Write an adapter as one small file with its card; the same adapter and card give the same bytes."""
    tensors: dict[str, Tensor] = {}
    for name, pair in adapter.pairs.items():
        for part, values in (("a", pair.a), ("b", pair.b.T.contiguous())):
            tensors[f"{name}.{part}"], tensors[f"{name}.{part}.scale"] = _to_int8(values.detach().float())
    shape = {
        "rank": adapter.config.rank,
        "alpha": adapter.config.alpha,
        "targets": list(adapter.config.targets),
    }
    metadata = {"format": PACKED, "shape": json.dumps(shape), "card": json.dumps(dict(card))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_in_order(save(tensors, metadata)))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its header sorted: the library writes metadata in random order."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def load_packed(path: Path, model: Arch) -> tuple[Adapter, dict[str, Any]]:
    """An adapter of `save_packed` for a model of this shape, and its card.

    Raises:
        CheckpointError: the file is missing, damaged, something else, or made for another model.
    """
    metadata, tensors = _opened(path)
    if metadata.get("format") != PACKED:
        found = metadata.get("format")
        raise CheckpointError(f"{path} is no packed adapter; its format is {found!r}, not {PACKED!r}")
    shape = json.loads(metadata["shape"])
    lora = LoraConfig(shape["rank"], shape["alpha"], targets=tuple(shape["targets"]))
    pairs: dict[str, Pair] = {}
    for name in (key.removesuffix(".a") for key in tensors if key.endswith(".a")):
        a, b = (
            tensors[f"{name}.{part}"].float() * tensors[f"{name}.{part}.scale"].float() for part in ("a", "b")
        )
        pairs[name] = Pair(a, b.T.contiguous())
    if {n: (p.b.shape[0], p.a.shape[1]) for n, p in pairs.items()} != {
        name: weight_shapes(model)[name] for name in lora.names(model)
    }:
        raise CheckpointError(f"the adapter {path} was made for a model of another shape")
    return Adapter(lora, pairs), json.loads(metadata["card"])


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and tensors of a safetensors file."""
    open_file: Any = safe_open  # the library has no types
    try:
        with open_file(path, "pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in list(file.keys())}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"the adapter {path} cannot be read: {error}") from error


def _to_int8(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as int8 with a scale each: values [rows, columns], scales float16 [rows, 1]."""
    scale = (rows.abs().amax(dim=1, keepdim=True) / 127).clamp_min(1e-7).half()
    return (rows / scale.float()).round().clamp(-127, 127).to(torch.int8), scale


def save_peft(adapter: Adapter, folder: Path, base: str, arch: Arch, names: Names = NAMES) -> None:
    """Write an adapter in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`.

    Where files of the base fuse matrices (see `load_peft`), their deltas become one of as many times the
    rank, each part with rows of A of its own; PEFT has one rank for all, so the others are filled with zeros.

    Args:
        adapter: of the base.
        folder: is made.
        base: what it belongs to, for people.
        arch: of the base.
        names: of the base's weights in its files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = places_in(arch, names, {names.optional: ()})
    fused: dict[str, list[str]] = {}
    for name in adapter.pairs:
        fused.setdefault(places[name].name, []).append(name)
    most = max(map(len, fused.values()))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": adapter.config.rank * most,
        "lora_alpha": adapter.config.alpha * most,
        "lora_dropout": adapter.config.dropout,
        "target_modules": sorted({name.split(".")[-2] for name in fused}),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors: dict[str, Tensor] = {}
    for stored, parts in fused.items():
        stem = _PEFT + stored.removesuffix(".weight")
        pairs = [adapter.pairs[name] for name in parts]
        filled = adapter.config.rank * (most - len(parts))
        a = torch.cat([pair.a.detach() for pair in pairs])
        b = [_put_back(pair.b.detach(), places[name]) for pair, name in zip(pairs, parts, strict=True)]
        tensors[stem + _A] = F.pad(a, (0, 0, 0, filled))
        tensors[stem + _B] = F.pad(torch.cat(b, dim=1), (0, filled))
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})


def _put_back(b: Tensor, place: Place) -> Tensor:
    """B [rows of the part, rank] among the rows of the whole matrix: zeros where the others are."""
    whole = b.new_zeros(place.shape[0], b.shape[1])
    place.put(b, whole)
    return whole


def load_peft(folder: Path, arch: Arch, names: Names = NAMES) -> Adapter:
    """An adapter in PEFT's layout.

    Where files of the base fuse matrices that the engine keeps apart (`query_key_value` of ChatGLM), the
    parts share A, and the rows of B are taken apart as those of the weight are.

    Args:
        folder: holds `adapter_config.json` and `adapter_model.safetensors`.
        arch: of the base.
        names: of the base's weights in its files.

    Raises:
        CheckpointError: a file is missing or damaged, does something else than plain LoRA, or does
            not fit the base: one message with all that is wrong.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{folder} holds no adapter in PEFT's layout: {error}") from error
    rank, alpha = _plain(config, folder)
    stem_of = {name: name.removeprefix(_PEFT).removesuffix(_A) for name in tensors if name.endswith(_A)}
    places = {
        name: place
        for name, place in places_in(arch, names, {f"{stem}.weight": () for stem in stem_of.values()}).items()
        if name.startswith("layers.") and len(place.shape) == 2
    }
    pairs: dict[str, Pair] = {}
    faults: list[str] = []
    read: set[str] = set()
    for name, place in places.items():
        stem = _PEFT + place.name.removesuffix(".weight")
        a, b = tensors.get(f"{stem}{_A}"), tensors.get(f"{stem}{_B}")
        if a is None or b is None:
            continue
        if f"{stem}{_A}" not in read and (misfit := _misfit(a, b, place.shape, rank)):
            faults.append(f"the delta of {place.name} {misfit}")
        read |= {f"{stem}{_A}", f"{stem}{_B}"}
        if not faults:
            pairs[name] = Pair(a.float(), place.take(b.float()).contiguous())
    unknown = [f"the model has nothing for {name}" for name in sorted(tensors.keys() - read)]
    if not tensors:
        unknown = ["no delta in it"]
    if faults or unknown:
        shown = "; ".join(faults[:3] + unknown[:3])
        if left := len(faults[3:]) + len(unknown[3:]):
            shown += f"; and {left} more"
        base = config.get("base_model_name_or_path") or "a base that it does not name"
        raise CheckpointError(f"{folder}, made for {base}, does not fit the {arch.family} model: {shown}")
    kinds = tuple(dict.fromkeys(name.split(".", 2)[2].removesuffix(".weight") for name in pairs))
    return Adapter(LoraConfig(rank, alpha, config.get("lora_dropout", 0.0), kinds), pairs)


_PEFT, _A, _B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
_NOT_PLAIN = (
    "use_dora", "use_rslora", "use_qalora", "fan_in_fan_out", "rank_pattern", "alpha_pattern",
    "modules_to_save", "lora_bias", "layer_replication", "alora_invocation_tokens",
)  # fmt: skip
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Beginnings of `init_lora_weights` after which a delta belongs to other weights than the base's file has."""


def _plain(config: Any, folder: Path) -> tuple[int, float]:
    """Rank and alpha of plain LoRA.

    Raises:
        CheckpointError: it is something else, or they are no numbers.
    """
    if not isinstance(config, dict):
        raise CheckpointError(f"{folder}: adapter_config.json holds no JSON object")
    found = cast("dict[str, Any]", config)
    odd = [key for key in _NOT_PLAIN if found.get(key)]
    start = found.get("init_lora_weights")
    odd += [f"init_lora_weights {start}"] if str(start).lower().startswith(_CHANGES_BASE) else []
    if found.get("peft_type") != "LORA" or odd or found.get("bias", "none") != "none":
        told = f"{found.get('peft_type')}, bias {found.get('bias')}, {', '.join(odd) or 'plain'}"
        raise CheckpointError(f"{folder}: only plain LoRA is read; found {told}")
    rank, alpha = found.get("r"), found.get("lora_alpha")
    if (
        not isinstance(rank, int)
        or not isinstance(alpha, int | float)
        or not (rank > 0 and math.isfinite(alpha))
    ):
        raise CheckpointError(
            f"{folder}: r is {rank!r} and lora_alpha {alpha!r}; a positive whole number and a number work"
        )
    return rank, alpha


def _misfit(a: Tensor, b: Tensor, shape: tuple[int, ...], rank: int) -> str:
    """What of a delta does not fit a weight; empty if nothing."""
    if a.dim() != 2 or b.dim() != 2:
        return f"is of {a.dim()} and {b.dim()} dimensions, not of 2"
    rows, columns = shape
    if (len(b), a.shape[1]) != shape:
        return f"is {len(b)} x {a.shape[1]}, not {rows} x {columns}"
    if not len(a) == b.shape[1] == rank:
        return f"has rank {len(a)} and {b.shape[1]}, and the configuration says {rank}"
    return ""


def load_adapter(path: Path, arch: Arch, names: Names = NAMES) -> Adapter:
    """An adapter's file (`load_packed`) or folder (`load_peft`).

    Raises:
        CheckpointError: as these two.
    """
    return load_peft(path, arch, names) if path.is_dir() else load_packed(path, arch)[0]
