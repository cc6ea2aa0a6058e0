"""A fully trained model as a folder in the hub's layout, which the engine and transformers load."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.hub_weights import HubWeights
from agentkit_local_models.weights import hub_name

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}
BESIDE = (".json", ".jinja", ".model", ".tiktoken", ".txt", ".py")
"""Endings of what a hub folder has beside its weights: settings, tokenizers, and the makers' own code."""


def require_writable(checkpoint: Checkpoint) -> None:
    """Refuse a model of whose weights no folder can be written that is read as what was trained.

    Raises:
        CheckpointError: it is a file, of another family than plain LLaMA and Qwen2; or its head's rows are
            set to length 1 whenever they are read.
    """
    arch, source = checkpoint.config, checkpoint.source
    if isinstance(source, HubWeights):
        if any(place.normed for place in source.places.values()):
            raise CheckpointError(
                f"the rows of {arch.family}'s head are set to length 1 when they are read, so they cannot be "
                "trained freely; an adapter of it can be ([lora] in the recipe)"
            )
    elif not (arch.plain and arch.family in ARCHITECTURES):
        raise CheckpointError(
            f"{checkpoint.path} does not say how its makers write a folder of {arch.family}; all weights can "
            "be trained of its folder from the hub, and of the file an adapter ([lora] in the recipe)"
        )


def save_hub(
    checkpoint: Checkpoint,
    weights: Mapping[str, Tensor],
    folder: Path,
    dtype: torch.dtype,
    card: Mapping[str, Any],
) -> None:
    """Write `model.safetensors` and the files beside it.

    A source that is a hub folder gives its own side files and the layout of its weights; those of another
    are made from what the engine read of it.

    Args:
        checkpoint: the source; may be closed.
        weights: by canonical name.
        folder: is made.
        dtype: of the written weights.
        card: what the model was made from, as `card.json` and in the weights' metadata.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(checkpoint.source, HubWeights):
        for source in checkpoint.path.iterdir():
            if source.suffix in BESIDE and not source.name.endswith(".index.json") and source.is_file():
                shutil.copyfile(source, folder / source.name)
    else:
        for name, content in _side_files(checkpoint, dtype).items():
            _write(folder / name, content)
    _write(folder / "card.json", card)
    tensors = _stored(checkpoint, weights, dtype)
    part = folder / "model.part"
    save_file(tensors, part, {"format": "pt", "card": json.dumps(dict(card))})
    part.replace(folder / "model.safetensors")


def _stored(checkpoint: Checkpoint, weights: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights as files hold them: under their makers' names, those together that lie together."""
    if not isinstance(checkpoint.source, HubWeights):
        return {
            hub_name(name): weight.detach().to("cpu", dtype).contiguous() for name, weight in weights.items()
        }
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        place = checkpoint.source.places[name]
        whole = tensors.setdefault(place.name, torch.empty(place.shape, dtype=dtype))
        place.put(weight.detach().cpu(), whole)
    return tensors


def _side_files(checkpoint: Checkpoint, dtype: torch.dtype) -> dict[str, dict[str, Any]]:
    stops = sorted(checkpoint.stop_ids)
    texts: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", **checkpoint.special_texts}
    if checkpoint.chat_template is not None:
        texts["chat_template"] = checkpoint.chat_template
    return {
        "config.json": {
            **_shape(checkpoint.config),
            "eos_token_id": stops,
            "torch_dtype": str(dtype).removeprefix("torch."),
        },
        "generation_config.json": {"eos_token_id": stops},
        "tokenizer.json": checkpoint.tokenizer.to_hub(),
        "tokenizer_config.json": texts,
    }


def _shape(config: Arch) -> dict[str, Any]:
    return {
        "architectures": [ARCHITECTURES[config.family]],
        "model_type": config.family,
        "vocab_size": config.vocabulary_size,
        "hidden_size": config.width,
        "intermediate_size": config.feed_forward_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rope_base,
        "tie_word_embeddings": config.tied_head,
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(dict(content), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
