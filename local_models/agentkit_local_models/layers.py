"""The weights of a decoder in the order in which they are computed with, and what tokens see in each layer.

Shapes in comments: T tokens of a call, H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight, slopes
from agentkit_local_models.linear import Linear, Room, Weight
from agentkit_local_models.matrices import Stacked, Stored
from agentkit_local_models.precision import Form
from agentkit_local_models.rotary import Rotation
from agentkit_local_models.share import WHOLE, Share, rows_of
from agentkit_local_models.weights import weight_shapes


@dataclass(frozen=True, slots=True)
class Norm:
    """RMSNorm or LayerNorm: weights [width], in float32 or better, and biases or None."""

    weight: Tensor
    bias: Tensor | None


def is_rms(arch: Arch, norm: Norm) -> bool:
    """Whether it is RMSNorm; over a single head it always is."""
    return arch.norm == "rms" or norm.weight.shape[0] != arch.width


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one block; what is multiplied by the same input is kept as one matrix.

    Attributes:
        attention_norm: before attention.
        query_key_value: rows of all query heads, then key heads, then value heads.
        query_norm: over each head's query; None for none, as `key_norm`.
        key_norm: over each head's key.
        output: [width, H * D].
        attention_post_norm: of what attention returns, or None.
        feed_forward_norm: before the feed-forward block; None where it reads what attention reads.
        up: rows of the gate, if any, then of the hidden layer.
        down: [width, feed_forward_width].
        feed_forward_post_norm: of what the feed-forward block returns, or None.
        sight: what its tokens see.
        rotation: which of the model's rotations turns its heads; None with ALiBi.
    """

    attention_norm: Norm
    query_key_value: Linear
    query_norm: Norm | None
    key_norm: Norm | None
    output: Linear
    attention_post_norm: Norm | None
    feed_forward_norm: Norm | None
    up: Linear
    down: Linear
    feed_forward_post_norm: Norm | None
    sight: Sight
    rotation: Rotation | None


@dataclass(frozen=True, slots=True)
class Placed:
    """Every weight of a decoder in its place.

    Attributes:
        embed: [vocabulary_size, width].
        embed_norm: of the embedding, or None.
        layers: from the first to the last.
        norm: after the last.
        head: [rows of this share, width]; the embedding's own rows where the two are tied.
    """

    embed: Stored
    embed_norm: Norm | None
    layers: list[Layer]
    norm: Norm
    head: Linear


def placed(
    arch: Arch, weights: Iterable[tuple[str, Weight]], dtype: torch.dtype, form: Form, share: Share
) -> Placed:
    """Put the weights into place one by one, so that they are never held twice: as `Model` takes them.

    Raises:
        CheckpointError: a weight is missing, extra, there twice, or has another shape.
    """
    shapes = weight_shapes(arch)
    own = rows_of(arch.vocabulary_size, share.rank, share.size)
    if not arch.tied_head:
        shapes["head.weight"] = (own.stop - own.start, arch.width)
    room = Room(shapes, dtype, form)
    room.fill(weights)
    exact = torch.promote_types(dtype, torch.float32)

    def sure(name: str) -> Norm:
        weight = room.vector(f"{name}.weight", dtype=exact) + arch.norm_offset
        biased = f"{name}.bias" in shapes
        return Norm(weight, room.vector(f"{name}.bias", dtype=exact) if biased else None)

    def norm(name: str) -> Norm | None:
        return sure(name) if f"{name}.weight" in shapes else None

    sees, turns = sights(arch, share), rotations(arch)

    def layer(number: int) -> Layer:
        at = f"layers.{number}"
        windowed = bool(arch.window_of(number))
        return Layer(
            attention_norm=sure(f"{at}.attention_norm"),
            query_key_value=room.linear(f"{at}.attention", "query", "key", "value"),
            query_norm=norm(f"{at}.attention.query_norm"),
            key_norm=norm(f"{at}.attention.key_norm"),
            output=room.linear(f"{at}.attention", "output"),
            attention_post_norm=norm(f"{at}.attention_post_norm"),
            feed_forward_norm=norm(f"{at}.feed_forward_norm"),
            up=room.linear(f"{at}.feed_forward", *(("gate", "up") if arch.gated else ("up",))),
            down=room.linear(f"{at}.feed_forward", "down"),
            feed_forward_post_norm=norm(f"{at}.feed_forward_post_norm"),
            sight=sees[windowed],
            rotation=turns[windowed],
        )

    embed = room.rows("embed.weight")
    head = Linear(embed if arch.tied_head else room.rows("head.weight"))
    if arch.tied_head and share.size > 1:
        head = Linear(embed[own])
    return Placed(
        embed, norm("embed_norm"), [layer(number) for number in range(arch.layers)], sure("norm"), head
    )


def reformed(one: Linear, changed: Callable[[Stored], Stored]) -> Linear:
    """A matrix in another form, each of its parts if it is stacked; its bias as it was."""
    if isinstance(one.matrix, Stacked):
        return replace(one, matrix=Stacked(tuple(map(changed, one.matrix.parts))))
    return replace(one, matrix=changed(one.matrix))


def sights(arch: Arch, share: Share = WHOLE) -> dict[bool, Sight]:
    """What tokens see in layers without and with a window."""
    scale = arch.attention_scale or arch.head_width**-0.5
    penalty = None
    if arch.position == "alibi":
        every = slopes(arch.heads * share.size, arch.alibi_max).chunk(share.size)
        penalty = every[share.rank] * (scale if arch.alibi_scaled else 1.0)
    sight = Sight(scale, slopes=penalty, cap=arch.attention_cap)
    return {False: sight, True: replace(sight, window=arch.window)}


def rotations(arch: Arch) -> dict[bool, Rotation | None]:
    """How heads are rotated in layers without and with a window."""
    if arch.position == "alibi":
        return {False: None, True: None}
    rotation = Rotation(arch, arch.rope_base, arch.rope_scaling)
    local = Rotation(arch, arch.window_rope_base, None) if arch.window_rope_base else rotation
    return {False: rotation, True: local}
