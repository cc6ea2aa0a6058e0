"""A model of random weights on the disk, small enough to train in a test, and data for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch.nn.functional as F  # noqa: N812 - its name everywhere
from safetensors.torch import save_file
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.tokenizer import BYTES
from agentkit_local_models.training.forward import Model, learnt_states
from agentkit_local_models.training.packs import Pack
from agentkit_local_models.weights import hub_name

from ..oracle import random_weights  # noqa: TID252

LLAMA = Arch(
    family="llama",
    vocabulary_size=260,
    width=24,
    layers=2,
    heads=4,
    kv_heads=2,
    head_width=6,
    feed_forward_width=40,
    rope_base=10_000.0,
    norm_epsilon=1e-5,
    context=512,
    tied_head=True,
    qkv_bias=False,
)
QWEN2 = dataclasses.replace(LLAMA, family="qwen2", qkv_bias=True, tied_head=False, norm_epsilon=1e-6)
CONFIGS = {"llama": LLAMA, "qwen2": QWEN2}

START, END = "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def hub_model(folder: Path, config: Arch = LLAMA) -> Path:
    """A folder in the hub's layout: random weights, and a tokenizer with a token for each byte."""
    folder.mkdir(parents=True)
    names = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}
    ends = [number for number, text in enumerate((*BYTES, START, END)) if text == END]
    write(
        folder / "config.json",
        {
            "architectures": [names[config.family]],
            "model_type": config.family,
            "vocab_size": config.vocabulary_size,
            "hidden_size": config.width,
            "intermediate_size": config.feed_forward_width,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_width,
            "max_position_embeddings": config.context,
            "rms_norm_eps": config.norm_epsilon,
            "rope_theta": config.rope_base,
            "tie_word_embeddings": config.tied_head,
            "eos_token_id": ends,
        },
    )
    write(folder / "tokenizer.json", tokenizer())
    write(folder / "tokenizer_config.json", {"chat_template": TEMPLATE, "eos_token": END})
    weights = random_weights(config)
    save_file({hub_name(name): weight for name, weight in weights.items()}, folder / "model.safetensors")
    return folder


def tokenizer() -> dict[str, Any]:
    step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [
        {"id": 256 + n, "content": text, "special": True, **flags} for n, text in enumerate((START, END))
    ]
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": step,
        "post_processor": None,
        "decoder": step,
        "model": {
            "type": "BPE",
            "vocab": {text: n for n, text in enumerate((*BYTES, START, END))},
            "merges": [],
        },
    }


def turns(*contents: str, system: str | None = "Add.") -> list[dict[str, str]]:
    """A conversation of user and assistant in turn."""
    opening = [] if system is None else [{"role": "system", "content": system}]
    roles = ("user", "assistant")
    return opening + [{"role": roles[n % 2], "content": content} for n, content in enumerate(contents)]


SUMS = [{"turns": turns(f"{a}+{b}?", str(a + b))} for a in range(6) for b in range(5)]
GENERAL = [{"text": f"The {thing} is here."} for thing in ("cat", "dog", "sun", "sea", "tree", "moon")]


def write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


RECIPE: Mapping[str, Any] = {
    "model": "model",
    "data": {"files": ["train.jsonl"], "most_tokens": 200},
    "lora": {"rank": 4, "alpha": 8.0},
    "training": {
        "steps": 6,
        "rate": 0.01,
        "warmup": 2,
        "pack_tokens": 160,
        "step_tokens": 100,
        "dtype": "float32",
        "seed": 3,
    },
}


def recipe_text(table: Mapping[str, Any]) -> str:
    """A table and its sections as TOML."""
    tops = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    sections = [
        "\n".join((f"[{key}]", *(f"{name} = {json.dumps(item)}" for name, item in value.items())))
        for key, value in table.items()
        if isinstance(value, Mapping)
    ]
    return "\n\n".join(("\n".join(tops), *sections)) + "\n"


def changed(table: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The table with other values: `training__steps=3` is within a section, `None` leaves one out."""
    result = {key: dict(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            result.setdefault(section, {})[name] = value
        elif value is None:
            del result[section]
        else:
            result[section] = value
    return result


def workplace(folder: Path, config: Arch = LLAMA, **changes: Any) -> Path:
    """A folder with a model, data and a recipe; the recipe's path."""
    hub_model(folder / "model", config)
    write_rows(folder / "train.jsonl", SUMS)
    write_rows(folder / "general.jsonl", GENERAL)
    path = folder / "recipe.toml"
    path.write_text(recipe_text(changed(RECIPE, **changes)), encoding="utf-8")
    return path


def learnt_logits(model: Model, pack: Pack) -> Tensor:
    """All logits of what is to be learnt at once: [M, vocabulary_size]."""
    return F.linear(learnt_states(model, pack), model.head)
