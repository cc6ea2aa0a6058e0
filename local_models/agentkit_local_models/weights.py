"""The one set of weight names this engine uses, and how each file format maps to it.

Canonical names and shapes (torch's [out, in]; `i` counts layers from 0)::

    embed.weight                                 [vocabulary_size, width]
    layers.{i}.attention_norm.weight             [width]
    layers.{i}.attention.query.weight            [heads * head_width, width]
    layers.{i}.attention.{key,value}.weight      [kv_heads * head_width, width]
    layers.{i}.attention.{query,key,value}.bias  only with config.qkv_bias
    layers.{i}.attention.output.weight           [width, heads * head_width]
    layers.{i}.feed_forward_norm.weight          [width]
    layers.{i}.feed_forward.{gate,up}.weight     [feed_forward_width, width]
    layers.{i}.feed_forward.down.weight          [width, feed_forward_width]
    norm.weight                                  [width]
    head.weight                                  [vocabulary_size, width]; absent when tied

Rows of query and key are laid out for rotate-half RoPE: the two halves of a head are rotated
against each other, as in the hub's checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from agentkit_local_models.config import DecoderConfig
from agentkit_local_models.errors import CheckpointError

Shape = tuple[int, ...]

_GGUF_PARTS = {
    "attention_norm": "attn_norm",
    "attention.query": "attn_q",
    "attention.key": "attn_k",
    "attention.value": "attn_v",
    "attention.output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}
_GGUF_TOPS = {"embed": "token_embd", "norm": "output_norm", "head": "output"}
_HUB_PARTS = {
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}
_HUB_TOPS = {"embed": "model.embed_tokens", "norm": "model.norm", "head": "lm_head"}


def weight_shapes(config: DecoderConfig) -> dict[str, Shape]:
    """Every canonical name of a model with its shape, in the order of a forward pass."""
    width, hidden = config.width, config.feed_forward_width
    query, key = config.heads * config.head_width, config.kv_heads * config.head_width
    shapes: dict[str, Shape] = {"embed.weight": (config.vocabulary_size, width)}
    for layer in range(config.layers):
        at = f"layers.{layer}"
        shapes[f"{at}.attention_norm.weight"] = (width,)
        for part, rows in (("query", query), ("key", key), ("value", key)):
            shapes[f"{at}.attention.{part}.weight"] = (rows, width)
            if config.qkv_bias:
                shapes[f"{at}.attention.{part}.bias"] = (rows,)
        shapes[f"{at}.attention.output.weight"] = (width, query)
        shapes[f"{at}.feed_forward_norm.weight"] = (width,)
        shapes[f"{at}.feed_forward.gate.weight"] = (hidden, width)
        shapes[f"{at}.feed_forward.up.weight"] = (hidden, width)
        shapes[f"{at}.feed_forward.down.weight"] = (width, hidden)
    shapes["norm.weight"] = (width,)
    if not config.tied_head:
        shapes["head.weight"] = (config.vocabulary_size, width)
    return shapes


def gguf_name(name: str) -> str:
    """The name in a GGUF file of a canonical weight.

    >>> gguf_name("layers.3.attention.query.bias")
    'blk.3.attn_q.bias'
    """
    return _translate(name, _GGUF_TOPS, "blk", _GGUF_PARTS)


def hub_name(name: str) -> str:
    """The name in a hub checkpoint of a canonical weight.

    >>> hub_name("layers.3.attention.query.bias")
    'model.layers.3.self_attn.q_proj.bias'
    """
    return _translate(name, _HUB_TOPS, "model.layers", _HUB_PARTS)


def _translate(name: str, tops: Mapping[str, str], layers: str, parts: Mapping[str, str]) -> str:
    stem, _, leaf = name.rpartition(".")
    if not stem.startswith("layers."):
        return f"{tops[stem]}.{leaf}"
    _, layer, part = stem.split(".", 2)
    return f"{layers}.{layer}.{parts[part]}.{leaf}"


def check_weights(
    path: Path, wanted: Mapping[str, Shape], found: Mapping[str, Shape], known_extras: Iterable[str]
) -> None:
    """Accept exactly the wanted names and shapes, and extras that are known.

    Args:
        path: named in the error.
        wanted: names as the file should have them, with shapes.
        found: names and shapes the file has.
        known_extras: names that may also be there and are not used.

    Raises:
        CheckpointError: one message with all that is missing, extra or misshapen.
    """
    faults = [f"missing {name} {shape}" for name, shape in wanted.items() if name not in found]
    faults += [
        f"{name} is {found[name]}, not {shape}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    extras = found.keys() - wanted.keys() - set(known_extras)
    faults += [f"unexpected {name} {found[name]}" for name in sorted(extras)]
    if faults:
        shown = "; ".join(faults[:8]) + (f"; and {len(faults) - 8} more" if faults[8:] else "")
        raise CheckpointError(f"{path}: the tensors do not fit the config: {shown}")


def unpermute(rows: Tensor, heads: int) -> Tensor:
    """Undo the row order GGUF gives query and key of the LLaMA architecture.

    llama.cpp rotates neighbouring values of a head, so its converter interleaves the two halves
    of each head (`LlamaModel.permute` in conversion). The inverse puts the even rows first.

    Args:
        rows: [heads * head_width, ...], a weight or a bias.
        heads: query heads for a query, key and value heads for a key.
    """
    pairs = rows.view(heads, -1, 2, *rows.shape[1:])
    return pairs.transpose(1, 2).reshape(rows.shape)
