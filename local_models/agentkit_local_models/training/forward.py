"""The forward pass of training: a whole pack at once, with gradients.

The same arithmetic as `decoder`, written for many short sequences that share their beginning: tokens
lie flat as [P + N·L] (the prefix, then N padded conversations), linear layers see them all, and
attention lets each conversation see the prefix and itself. Shapes in comments: T = P + N·L tokens,
H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.training.packs import Pack
from agentkit_local_models.training.pieces import Pieces

Projection = Callable[[Tensor], Tensor]
"""A linear layer: [T, in] to [T, out]."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block as training sees it."""

    attention_norm: Tensor
    query_key_value: Projection
    output: Projection
    feed_forward_norm: Tensor
    gate_up: Projection
    down: Projection


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder's parts, with whatever is trained joined into them."""

    config: Arch
    embed: Tensor
    blocks: tuple[Block, ...]
    norm: Tensor
    head: Tensor
    pieces: Pieces


def hidden_states(model: Model, pack: Pack) -> Tensor:
    """The normalised last hidden state of every token: [P + N·L, width].

    Padding is computed like any other token; nothing that counts attends to it.
    """
    config, pieces = model.config, model.pieces
    attend = pieces.attending(pack, config, model.embed.dtype)
    cosines, sines = rotation(_positions(pack), config, model.embed.dtype)
    x = F.embedding(torch.cat((pack.prefix, pack.ids.flatten())), model.embed)
    for block in model.blocks:
        heads = block.query_key_value(pieces.normalised(x, block.attention_norm, config.norm_epsilon))
        heads = heads.view(-1, config.heads + 2 * config.kv_heads, config.head_width)
        # split rather than sliced: the gradients of slices are padded with zeros and added up
        turned, value = torch.split(heads, [config.heads + config.kv_heads, config.kv_heads], dim=1)
        turned = pieces.rotated(turned, cosines, sines)
        query, key = torch.split(turned, [config.heads, config.kv_heads], dim=1)
        x = x + block.output(attend(query, key, value))
        inner = block.gate_up(pieces.normalised(x, block.feed_forward_norm, config.norm_epsilon))
        x = x + block.down(pieces.gated(inner))
    return pieces.normalised(x, model.norm, config.norm_epsilon)


def learnt_states(model: Model, pack: Pack) -> Tensor:
    """Hidden states only where there is something to learn: [M, width]."""
    return hidden_states(model, pack)[pack.sources]


def _positions(pack: Pack) -> Tensor:
    """Of the prefix, then of each conversation after it: int64 [T]."""
    prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
    device = pack.ids.device
    after = torch.arange(prefix, prefix + length, device=device)
    return torch.cat((torch.arange(prefix, device=device), after.repeat(count)))


def rotation(positions: Tensor, config: Arch, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of positions [T]: [T, 1, D/2] each."""
    halves = torch.arange(0, config.head_width, 2, dtype=torch.float32, device=positions.device)
    frequencies = 1.0 / config.rope_base ** (halves / config.head_width)
    angles = torch.outer(positions.float(), frequencies).unsqueeze(1)
    return angles.cos().to(dtype), angles.sin().to(dtype)
