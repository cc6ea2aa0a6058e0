"""The one set of weight names this engine uses, and what GGUF and plain hub files call them.

Canonical names and shapes (torch's [out, in]; `i` counts layers from 0), and what of the `Arch` brings them::

    embed.weight                                 [vocabulary_size, width]
    embed_norm.weight                            [width]                      embed_norm
    layers.{i}.attention_norm.weight             [width]
    layers.{i}.attention.query.weight            [heads * head_width, width]
    layers.{i}.attention.{key,value}.weight      [kv_heads * head_width, width]
    layers.{i}.attention.{query,key,value}.bias  [rows]                       qkv_bias
    layers.{i}.attention.{query,key}_norm.weight [head_width]                 query_key_norm
    layers.{i}.attention.output.weight           [width, heads * head_width]
    layers.{i}.attention.output.bias             [width]                      output_bias
    layers.{i}.attention_post_norm.weight        [width]                      post_norms
    layers.{i}.feed_forward_norm.weight          [width]                      parallel is not "one"
    layers.{i}.feed_forward.gate.weight          [feed_forward_width, width]  gated
    layers.{i}.feed_forward.up.weight            [feed_forward_width, width]
    layers.{i}.feed_forward.down.weight          [width, feed_forward_width]
    layers.{i}.feed_forward.{gate,up,down}.bias  [rows]                       feed_forward_bias
    layers.{i}.feed_forward_post_norm.weight     [width]                      post_norms
    norm.weight                                  [width]
    head.weight                                  [vocabulary_size, width]     unless tied_head

Norms of the width have a bias too with `norm_bias`. Rows of query and key are laid out for rotate-half
RoPE: the two halves of what is rotated of a head are turned against each other, as in most checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import CheckpointError

Shape = tuple[int, ...]

GGUF_PARTS = {
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
GGUF_TOPS = {"embed": "token_embd", "norm": "output_norm", "head": "output"}
HUB_PARTS = {
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
HUB_TOPS = {"embed": "model.embed_tokens", "norm": "model.norm", "head": "lm_head"}


def weight_shapes(arch: Arch) -> dict[str, Shape]:
    """Every canonical name of a model with its shape, in the order of a forward pass."""
    width, hidden = arch.width, arch.feed_forward_width
    query, key = arch.heads * arch.head_width, arch.kv_heads * arch.head_width
    shapes: dict[str, Shape] = {}

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = (width,)
        if arch.norm_bias:
            shapes[f"{name}.bias"] = (width,)

    def linear(name: str, rows: int, columns: int, *, bias: bool) -> None:
        shapes[f"{name}.weight"] = (rows, columns)
        if bias:
            shapes[f"{name}.bias"] = (rows,)

    shapes["embed.weight"] = (arch.vocabulary_size, width)
    if arch.embed_norm:
        norm("embed_norm")
    for layer in range(arch.layers):
        at = f"layers.{layer}"
        norm(f"{at}.attention_norm")
        for part, rows in (("query", query), ("key", key), ("value", key)):
            linear(f"{at}.attention.{part}", rows, width, bias=arch.qkv_bias)
        if arch.query_key_norm:
            shapes[f"{at}.attention.query_norm.weight"] = (arch.head_width,)
            shapes[f"{at}.attention.key_norm.weight"] = (arch.head_width,)
        linear(f"{at}.attention.output", width, query, bias=arch.output_bias)
        if arch.post_norms:
            norm(f"{at}.attention_post_norm")
        if arch.parallel != "one":
            norm(f"{at}.feed_forward_norm")
        for part in ("gate", "up") if arch.gated else ("up",):
            linear(f"{at}.feed_forward.{part}", hidden, width, bias=arch.feed_forward_bias)
        linear(f"{at}.feed_forward.down", width, hidden, bias=arch.feed_forward_bias)
        if arch.post_norms:
            norm(f"{at}.feed_forward_post_norm")
    norm("norm")
    if not arch.tied_head:
        shapes["head.weight"] = (arch.vocabulary_size, width)
    return shapes


_STACKS = (("query", "key", "value"), ("gate", "up"))
"""Parts of a layer that are multiplied by the same input."""


def stack_of(name: str, shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    """The matrices that lie on top of each other with this one as one matrix, in order; itself among them.

    >>> stack_of("layers.0.feed_forward.up.weight", {"layers.0.feed_forward.up.weight": (8, 4)})
    ('layers.0.feed_forward.up.weight',)
    """
    stem, _, leaf = name.rpartition(".")
    at, _, part = stem.rpartition(".")
    for stack in _STACKS:
        if part in stack:
            whole = (f"{at}.{one}.{leaf}" for one in stack)
            return tuple(one for one in whole if one in shapes)
    return (name,)


def hub_name(name: str) -> str:
    """The name in a hub checkpoint of a canonical weight.

    >>> hub_name("layers.3.attention.query.bias")
    'model.layers.3.self_attn.q_proj.bias'
    """
    return _translate(name, HUB_TOPS, "model.layers", HUB_PARTS)


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


def unpermute(rows: Tensor, heads: int, rotated: int = 0) -> Tensor:
    """Order the rows of a query or key whose neighbouring numbers are rotated as rotate-half has them.

    The files of ChatGLM and GLM are so, and llama.cpp's of the LLaMA architecture, whose converter
    interleaves the two halves of each head (`LlamaModel.permute`). The even rows are put first.

    Args:
        rows: [heads * head_width, ...], a weight or a bias.
        heads: query heads for a query, key and value heads for a key.
        rotated: how many rows of each head are rotated, from the first on; 0 for all.
    """
    whole = rows.view(heads, -1, *rows.shape[1:])
    rotated = rotated or whole.shape[1]
    turned = whole[:, :rotated]
    halves = turned.reshape(heads, rotated // 2, 2, *rows.shape[1:]).transpose(1, 2).reshape(turned.shape)
    return torch.cat((halves, whole[:, rotated:]), dim=1).reshape(rows.shape)
