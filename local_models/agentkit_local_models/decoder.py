"""The decoder of the LLaMA family in plain torch: the readable reference.

One sequence at a time: token ids in, logits out, with the keys and values of earlier tokens kept
in a `KVCache`. Shapes in comments: T tokens of this call, S tokens in the cache after it, H query
heads, K key and value heads, D numbers a head.

The parts and where they come from: RMSNorm before each block (Zhang & Sennrich 2019, placed as in
LLaMA, Touvron et al. 2023), rotary position embedding in its rotate-half form (RoFormer, Su et al.
2021; the layout of the hub's checkpoints), grouped-query attention (Ainslie et al. 2023), and the
SwiGLU feed-forward block (Shazeer 2020). Qwen2 adds biases to query, key and value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.kv_cache import KVCache
from agentkit_local_models.linear import Linear, Room
from agentkit_local_models.weights import weight_shapes


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one block; what is multiplied by the same input is kept as one matrix.

    Attributes:
        attention_norm: [width].
        query_key_value: rows of all query heads, then key heads, then value heads.
        output: [width, H * D].
        feed_forward_norm: [width].
        gate_up: rows of the gate, then of the values it gates.
        down: [width, feed_forward_width].
    """

    attention_norm: Tensor
    query_key_value: Linear
    output: Linear
    feed_forward_norm: Tensor
    gate_up: Linear
    down: Linear


class Decoder:
    """A LLaMA-family decoder; its weights never change, so threads can share it."""

    def __init__(self, config: Arch, weights: Iterable[tuple[str, Tensor]], dtype: torch.dtype) -> None:
        """Copy the weights into place one by one, so that they are never held twice.

        Args:
            config: the shape.
            weights: each canonical name once (see `weights`), in any order and dtype.
            dtype: of the weights, the cache and the computation.

        Raises:
            CheckpointError: a weight is missing, extra, there twice, or has another shape.
        """
        self.config = config
        self.dtype = dtype
        if not config.plain:
            raise CheckpointError(
                f"the reference decoder computes plain LLaMA and Qwen2, not {config.family}"
            )
        room = Room(weight_shapes(config), dtype)
        room.fill(weights)

        def layer(at: str) -> Layer:
            return Layer(
                attention_norm=room.vector(f"{at}.attention_norm.weight"),
                query_key_value=room.linear(f"{at}.attention", "query", "key", "value"),
                output=room.linear(f"{at}.attention", "output"),
                feed_forward_norm=room.vector(f"{at}.feed_forward_norm.weight"),
                gate_up=room.linear(f"{at}.feed_forward", "gate", "up"),
                down=room.linear(f"{at}.feed_forward", "down"),
            )

        embed = room.rows("embed.weight")
        self.embed = embed.dense(dtype)
        self.layers = [layer(f"layers.{number}") for number in range(config.layers)]
        self.norm = room.vector("norm.weight")
        self.head = Linear(embed if config.tied_head else room.rows("head.weight"))

        halves = torch.arange(0, config.head_width, 2, dtype=torch.float32) / config.head_width
        self._frequencies = 1.0 / config.rope_base**halves  # [D / 2], radians a position

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, dtype: torch.dtype) -> Decoder:
        """The decoder of an open checkpoint.

        Raises:
            CheckpointError: its weights do not fit its config.
        """
        return cls(checkpoint.config, checkpoint.load_weights(dtype), dtype)

    def new_cache(self) -> KVCache:
        """An empty cache for one sequence."""
        return KVCache(self.config, self.dtype)

    @torch.inference_mode()
    def logits(self, tokens: Sequence[int], cache: KVCache, *, every: bool = False) -> Tensor:
        """What the model expects after `tokens`, which follow the tokens in `cache` and join them.

        Args:
            tokens: at least one id.
            cache: of the tokens before; longer by `tokens` afterwards, unchanged on an error.
            every: the logits after each of the tokens, not only after the last.

        Returns:
            float32 [vocabulary_size], or [T, vocabulary_size] with `every`.

        Raises:
            PromptTooLong: more tokens than the context holds.
        """
        start, end = cache.length, cache.length + len(tokens)
        cache.reserve(end)
        cosines, sines = self._rotation(start, end)
        mask = _causal_mask(start, end, self.dtype) if start and len(tokens) > 1 else None
        x = F.embedding(torch.tensor(tokens, dtype=torch.long), self.embed)  # [T, width]
        for layer, memory in zip(self.layers, cache.layers, strict=True):
            heads = layer.query_key_value(self._normalised(x, layer.attention_norm))
            heads = heads.view(len(tokens), -1, self.config.head_width)  # [T, H + 2 K, D]
            self._rotate(heads, cosines, sines)
            memory[:, start:end] = heads[:, self.config.heads :].transpose(0, 1)
            x = x + layer.output(self._attend(heads[:, : self.config.heads], memory[:, :end], mask))
            gate, up = layer.gate_up(self._normalised(x, layer.feed_forward_norm)).chunk(2, dim=-1)
            x = x + layer.down(F.silu(gate).mul_(up))
        cache.length = end
        if not every:
            x = x[-1:]
        logits = self.head(self._normalised(x, self.norm)).float()
        return logits if every else logits[0]

    def _normalised(self, x: Tensor, weight: Tensor) -> Tensor:
        """RMSNorm: `x / sqrt(mean(x²) + ε) * weight`."""
        return F.rms_norm(x, weight.shape, weight, self.config.norm_epsilon)

    def _rotation(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Cosines, and sines signed for `_rotate`, of the positions: [T, 1, D] each."""
        positions = torch.arange(start, end, dtype=torch.float32)
        angles = torch.outer(positions, self._frequencies).unsqueeze(1)
        cosines, sines = angles.cos(), angles.sin()
        return (
            torch.cat((cosines, cosines), dim=-1).to(self.dtype),
            torch.cat((-sines, sines), dim=-1).to(self.dtype),
        )

    def _rotate(self, heads: Tensor, cosines: Tensor, sines: Tensor) -> None:
        """Turn queries and keys by their position, in place; values stay.

        The first half (a) and second half (b) of a head are one point each in D / 2 planes:
        a' = a cos - b sin, b' = b cos + a sin. Rolling by half a head puts b beside a; the
        minus is in the sines.
        """
        turned = heads[:, : self.config.heads + self.config.kv_heads]
        partners = turned.roll(self.config.head_width // 2, dims=-1)
        turned.mul_(cosines).addcmul_(partners, sines)

    def _attend(self, query: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """Scaled dot-product attention of the T last tokens over all S.

        Args:
            query: [T, H, D].
            memory: [2 K, S, D], keys then values.
            mask: [T, S], added to the scores; None for one token, or when the cache was empty.

        Returns:
            [T, H * D].
        """
        count, width = query.shape[0], query.shape[2]
        keys, values = memory.unsqueeze(0).chunk(2, dim=1)  # [1, K, S, D]
        if count == 1:
            # The query heads that share a key head are passed as rows of one query: with a single
            # token nothing is masked, and keys and values are read once a group, not once a head.
            grouped = query.view(1, keys.shape[1], -1, width)
            return F.scaled_dot_product_attention(grouped, keys, values).view(1, -1)
        mixed = F.scaled_dot_product_attention(
            query.transpose(0, 1).unsqueeze(0),
            keys,
            values,
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=True,
        )  # [1, H, T, D]
        return mixed[0].transpose(0, 1).reshape(count, -1)


def _causal_mask(start: int, end: int, dtype: torch.dtype) -> Tensor:
    """[T, S]: 0 where the token at `start` + row may look, -inf at later tokens."""
    return torch.full((end - start, end), -math.inf, dtype=dtype).triu_(start + 1)
