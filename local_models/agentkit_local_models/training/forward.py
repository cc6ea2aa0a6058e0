"""The forward pass of training: a whole pack at once, with gradients.

The same arithmetic as `model`, for every family but those whose prompt sees itself in both directions. It is
written for many short sequences that share their beginning: tokens lie flat as [P + N·L] (the prefix, then N
padded conversations), linear layers see them all, and attention lets each see the prefix and itself.
Shapes in comments: T = P + N·L tokens, H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight
from agentkit_local_models.layers import Norm, is_rms
from agentkit_local_models.rotary import Rotation
from agentkit_local_models.training.attending import Attend
from agentkit_local_models.training.packs import Pack
from agentkit_local_models.training.pieces import Pieces

Projection = Callable[[Tensor], Tensor]
"""A linear layer: [T, in] to [T, out]."""
Angles = tuple[Tensor, Tensor]
"""Cosines and sines of a pack's places: [T, 1, rotated / 2] each."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block as training sees it; what a family does not have is None.

    Attributes:
        attention_norm: before attention.
        query_key_value: to all query heads, then key heads, then value heads.
        query_norm: over each head's query, as `key_norm` over its key.
        key_norm: see there.
        output: of attention.
        attention_post_norm: of what attention returns.
        feed_forward_norm: before the feed-forward block; None where it reads what attention reads.
        up: to the gate, if any, then to the hidden layer.
        down: from the hidden layer.
        feed_forward_post_norm: of what the feed-forward block returns.
        sight: what its tokens see.
        rotation: which turns its heads; None with ALiBi.
    """

    attention_norm: Norm
    query_key_value: Projection
    query_norm: Norm | None
    key_norm: Norm | None
    output: Projection
    attention_post_norm: Norm | None
    feed_forward_norm: Norm | None
    up: Projection
    down: Projection
    feed_forward_post_norm: Norm | None
    sight: Sight
    rotation: Rotation | None


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder's parts, with whatever is trained joined into them."""

    config: Arch
    embed: Tensor
    embed_norm: Norm | None
    blocks: tuple[Block, ...]
    norm: Norm
    head: Tensor
    pieces: Pieces


def hidden_states(model: Model, pack: Pack) -> Tensor:
    """The normalised last hidden state of every token: [P + N·L, width].

    Padding is computed like any other token; nothing that counts attends to it.
    """
    config, dtype = model.config, model.embed.dtype
    attend = model.pieces.attending(pack, config, dtype)
    angles = _angles(model, pack)
    x = F.embedding(torch.cat((pack.prefix, pack.ids.flatten())), model.embed)
    if config.embed_scale != 1:
        x = x * torch.tensor(config.embed_scale, dtype=dtype)
    if model.embed_norm is not None:
        x = _normed(model, x, model.embed_norm)
    for block in model.blocks:
        x = _through(model, block, x, attend, angles)
    return _normed(model, x, model.norm)


def learnt_states(model: Model, pack: Pack) -> Tensor:
    """Hidden states only where there is something to learn: [M, width]."""
    return hidden_states(model, pack)[pack.sources]


def _through(
    model: Model, block: Block, x: Tensor, attend: Attend, angles: Mapping[Rotation, Angles]
) -> Tensor:
    """What a block makes of the residual stream: [T, width]."""
    config = model.config
    normed = _normed(model, x, block.attention_norm)
    query, key, value = _heads(model, block, normed, angles)
    mixed = block.output(attend(query, key, value, block.sight))
    if block.attention_post_norm is not None:
        mixed = _normed(model, mixed, block.attention_post_norm)
    after = _kept(config, x, normed) + mixed
    reads = x if config.parallel != "no" else after
    second = normed if block.feed_forward_norm is None else _normed(model, reads, block.feed_forward_norm)
    inner = model.pieces.activated(block.up(second), config.activation, config.gated)
    changed = block.down(inner)
    if block.feed_forward_post_norm is not None:
        changed = _normed(model, changed, block.feed_forward_post_norm)
    return _kept(config, after, second) + changed


def _kept(config: Arch, x: Tensor, normed: Tensor) -> Tensor:
    """What a block's result is added to."""
    return normed * config.normed_residual if config.normed_residual else x


def _heads(
    model: Model, block: Block, normed: Tensor, angles: Mapping[Rotation, Angles]
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [T, H, D], keys and values [T, K, D], normed and turned."""
    config = model.config
    heads = block.query_key_value(normed)
    heads = heads.view(-1, config.heads + 2 * config.kv_heads, config.head_width)
    # split rather than sliced: the gradients of slices are padded with zeros and added up
    turned, value = torch.split(heads, [config.heads + config.kv_heads, config.kv_heads], dim=1)
    if block.query_norm is not None and block.key_norm is not None:
        query, key = torch.split(turned, [config.heads, config.kv_heads], dim=1)
        turned = torch.cat((_normed(model, query, block.query_norm), _normed(model, key, block.key_norm)), 1)
    if block.rotation is not None:
        turned = _turned(model, turned, angles[block.rotation])
    query, key = torch.split(turned, [config.heads, config.kv_heads], dim=1)
    return query, key, value


def _turned(model: Model, heads: Tensor, angles: Angles) -> Tensor:
    """Heads [T, any, D] of which the first numbers are turned by their place."""
    config = model.config
    if config.rotated == config.head_width:
        return model.pieces.rotated(heads, *angles)
    first, rest = torch.split(heads, [config.rotated, config.head_width - config.rotated], dim=-1)
    return torch.cat((model.pieces.rotated(first, *angles), rest), dim=-1)


def _normed(model: Model, x: Tensor, norm: Norm) -> Tensor:
    """RMSNorm or LayerNorm over the last dimension, in the dtype of the norm; shape and dtype of `x`."""
    exact = x.to(norm.weight.dtype)
    epsilon = model.config.norm_epsilon
    if is_rms(model.config, norm):
        return model.pieces.normalised(exact, norm.weight, epsilon).to(x.dtype)
    return F.layer_norm(exact, norm.weight.shape, norm.weight, norm.bias, epsilon).to(x.dtype)


def _angles(model: Model, pack: Pack) -> dict[Rotation, Angles]:
    """Of each of the model's rotations."""
    positions, half = _positions(pack), model.config.rotated // 2
    found: dict[Rotation, Angles] = {}
    for rotation in {block.rotation for block in model.blocks if block.rotation is not None}:
        cosines, sines = rotation.table(positions, model.embed.dtype)
        device = model.embed.device  # signed for a rotation by rolling; here the second half is wanted
        found[rotation] = cosines[..., half:].to(device), sines[..., half:].to(device)
    return found


def _positions(pack: Pack) -> Tensor:
    """Of the prefix, then of each conversation after it: int64 [T], on the processor."""
    prefix, (count, length) = pack.prefix.numel(), pack.ids.shape
    after = torch.arange(prefix, prefix + length)
    return torch.cat((torch.arange(prefix), after.repeat(count)))
