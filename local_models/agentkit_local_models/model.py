"""One decoder for every family: what differs between them is the `Arch` and the weights.

Tokens of several sequences lie one after another (varlen); only attention knows where one ends. Shapes in
comments: T tokens of this call, H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight, attend, slopes
from agentkit_local_models.compiling import Compiler
from agentkit_local_models.deltas import RowDeltas
from agentkit_local_models.linear import Linear, Room, Weight
from agentkit_local_models.matrices import Stacked, Stored
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.precision import CacheForm, Form
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.rotary import Rotation, rotate
from agentkit_local_models.share import WHOLE, Share, rows_of
from agentkit_local_models.spans import Span, stages_of
from agentkit_local_models.weights import weight_shapes

if TYPE_CHECKING:  # it reads files, which needs more than torch
    from agentkit_local_models.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Norm:
    """RMSNorm or LayerNorm: weights [width], in float32 or better, and biases or None."""

    weight: Tensor
    bias: Tensor | None


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


StepAttention = Callable[[Tensor, Tensor, int, Sight, Sequence[Span]], Tensor]
"""Attention of all sequences of a step: see `gpu.over_pages.Step`."""
_Beside = Callable[[Tensor, Tensor, str], Tensor]
"""Adds what lies beside a layer's matrix of that name: to its products [T, rows], for its input."""


class Model:
    """A decoder of any family; its weights never change, so threads can share it."""

    def __init__(
        self,
        arch: Arch,
        weights: Iterable[tuple[str, Weight]],
        dtype: torch.dtype,
        form: Form = "float",
        share: Share = WHOLE,
        *,
        attention: StepAttention | None = None,
        compiler: Compiler | None = None,
        cache: CacheForm = "float",
    ) -> None:
        """Put the weights into place one by one, so that they are never held twice.

        Args:
            arch: what is computed.
            weights: each canonical name once (see `weights`), in any order and dtype.
            dtype: of the cache and the computation; norms are computed in float32 or better.
            form: what matrices are kept as.
            share: of a model that several processes compute; arch and weights are this share's.
            attention: computes that of all sequences of a step at once; None is torch, one after another.
            compiler: makes faster functions of those between two attentions; None leaves them as they are.
            cache: what keys and values are kept as.

        Raises:
            CheckpointError: a weight is missing, extra, there twice, or has another shape.
            ValueError: a compiler, and matrices that are not floats; or attention that reads other pages.
        """
        if attention is not None and cache != "float":
            raise ValueError(
                f"attention that is not torch's reads floats; cache={cache} is for attention='torch'"
            )
        if compiler is not None and form != "float":
            raise ValueError(f"what is compiled has weights in floats, not in {form}; bfloat16 works")
        self.arch = arch
        self.dtype = dtype
        self.share = share
        self.attention = attention
        self.cache: CacheForm = cache
        self._compiled = None if compiler is None else (compiler(self._before), compiler(self._after))
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

        sights, rotations = _sights(arch, share), _rotations(arch)

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
                sight=sights[windowed],
                rotation=rotations[windowed],
            )

        self.embed = room.rows("embed.weight")
        self.embed_norm = norm("embed_norm")
        self.layers = [layer(number) for number in range(arch.layers)]
        self.norm = sure("norm")
        self.head = Linear(room.rows("head.weight") if not arch.tied_head else self.embed)
        if arch.tied_head and share.size > 1:
            self.head = Linear(self.embed[own])

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        dtype: torch.dtype,
        form: Form = "float",
        *,
        attention: StepAttention | None = None,
        compiler: Compiler | None = None,
        cache: CacheForm = "float",
    ) -> Model:
        """The model of an open checkpoint.

        Raises:
            CheckpointError: its weights do not fit its config.
            ValueError: as `Model`.
        """
        weights = checkpoint.load_weights(dtype) if form == "float" else checkpoint.load_stored(dtype)
        return cls(
            checkpoint.config, weights, dtype, form, attention=attention, compiler=compiler, cache=cache
        )

    def reform(self, changed: Callable[[Stored], Stored]) -> None:
        """Put each matrix into another form with the same values, one by one, so that few are held twice."""

        def linear(one: Linear) -> Linear:
            if isinstance(one.matrix, Stacked):
                return replace(one, matrix=Stacked(tuple(map(changed, one.matrix.parts))))
            return replace(one, matrix=changed(one.matrix))

        self.embed = changed(self.embed)
        self.head = Linear(self.embed) if self.arch.tied_head else linear(self.head)
        for number, layer in enumerate(self.layers):
            self.layers[number] = replace(
                layer,
                query_key_value=linear(layer.query_key_value),
                output=linear(layer.output),
                up=linear(layer.up),
                down=linear(layer.down),
            )

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        pool = PagePool(self.arch, self.dtype, pages_for(self.arch.context), form=self.cache)
        return PagedCache(pool, self.arch.context)

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """What the model expects after `tokens`, which follow the tokens in `cache` and join them.

        Args:
            tokens: at least one id.
            cache: of the tokens before; longer by `tokens` afterwards, unchanged on an error.
            every: the logits after each of the tokens, not only after the last.

        Returns:
            float32 [vocabulary_size], or [T, vocabulary_size] with `every`.

        Raises:
            PromptTooLong: more tokens than the context holds.
            ValueError: the first tokens of a prefix language model lack the one that begins the answer.
        """
        hidden = self.hidden([(tokens, cache)])
        return self.logits_of(hidden if every else hidden[-1:])[slice(None) if every else 0]

    @torch.inference_mode()
    def logits_of(self, hidden: Tensor) -> Tensor:
        """The logits of normed hidden states: [T, width] to float32 [T, vocabulary_size]."""
        logits = self.head(hidden).float()
        if self.share.size > 1:  # the last may have fewer rows
            each = -(-self.arch.vocabulary_size // self.share.size)
            whole = self.share.gather(F.pad(logits, (0, each - logits.shape[1])))
            logits = whole[:, : self.arch.vocabulary_size]
        return logits if not self.arch.logit_cap else capped(logits, self.arch.logit_cap)

    @torch.inference_mode()
    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        """The last hidden states, normed, of the next tokens of several sequences: [T, width].

        Args:
            steps: for each sequence its next tokens, one or more, and its cache, which they join.

        Raises:
            PromptTooLong: more tokens than the context holds; no cache is longer then.
            PoolFull: the pool has too few pages; no cache is longer then.
            ValueError: the first tokens of a prefix language model lack the one that begins the answer.
        """
        positions = torch.cat([self._begin(tokens, cache) for tokens, cache in steps], dim=-1)
        ids = torch.tensor([token for tokens, _ in steps for token in tokens], dtype=torch.long)
        x = self.embedded(ids)
        spans = [Span(cache, len(tokens)) for tokens, cache in steps]
        deltas = RowDeltas([(cache.variant.deltas, len(tokens)) for tokens, cache in steps])
        x = self._blocks(x, positions, spans, deltas)
        for tokens, cache in steps:
            cache.length += len(tokens)
        return self._normed(x, self.norm)

    @torch.inference_mode()
    def embedded(self, ids: Tensor) -> Tensor:
        """What the first block is given for tokens: int64 [T] to [T, width]."""
        x = self.embed[ids].dense(self.dtype)
        if self.arch.embed_scale != 1:
            x = x * torch.tensor(self.arch.embed_scale, dtype=self.dtype)
        return x if self.embed_norm is None else self._normed(x, self.embed_norm)

    @torch.inference_mode()
    def through_blocks(self, x: Tensor) -> Tensor:
        """What all blocks make of the embedded tokens of one sequence, from its first on.

        Args:
            x: [T, width], at most as many as the context holds; not of a prefix language model.

        Returns:
            [T, width], not normed. Nothing is kept.
        """
        cache, positions = self.new_cache(), torch.arange(len(x))
        cache.reserve(len(x))
        return self._blocks(x, positions, [Span(cache, len(x))], RowDeltas([(None, len(x))]))

    def _blocks(self, x: Tensor, positions: Tensor, spans: Sequence[Span], deltas: RowDeltas) -> Tensor:
        """[T, width] to [T, width]."""
        tables: dict[Rotation, tuple[Tensor, Tensor]] = {}
        stages = stages_of([(span.cache, span.count) for span in spans])
        for number, layer in enumerate(self.layers):
            if layer.rotation is not None and layer.rotation not in tables:
                tables[layer.rotation] = layer.rotation.table(positions, self.dtype, stages)
            table = None if layer.rotation is None else tables[layer.rotation]
            x = self._block(x, layer, number, table, spans, deltas)
        return x

    def _block(
        self,
        x: Tensor,
        layer: Layer,
        number: int,
        table: tuple[Tensor, Tensor] | None,
        spans: Sequence[Span],
        deltas: RowDeltas,
    ) -> Tensor:
        """[T, width] to [T, width]."""
        if self._compiled is None or deltas:  # of adapters each would be compiled anew
            normed, heads = self._before(x, layer, table, _beside(deltas, number))
            seen = self._attention(heads, layer, number, spans)
            return self._after(x, normed, seen, layer, _beside(deltas, number))
        before, after = self._compiled
        normed, heads = before(x, layer, table, _nothing)
        return after(x, normed, self._attention(heads, layer, number, spans), layer, _nothing)

    def _before(
        self, x: Tensor, layer: Layer, table: tuple[Tensor, Tensor] | None, beside: _Beside
    ) -> tuple[Tensor, Tensor]:
        """What comes before attention: [T, width] to the same normed, and [T, H + 2 K, D]."""
        arch = self.arch
        normed = self._normed(x, layer.attention_norm)
        heads = beside(layer.query_key_value(normed), normed, "query_key_value")
        heads = heads.view(len(heads), -1, arch.head_width)
        query, key = heads[:, : arch.heads], heads[:, arch.heads : arch.heads + arch.kv_heads]
        if layer.query_norm is not None and layer.key_norm is not None:
            query.copy_(self._normed(query, layer.query_norm))
            key.copy_(self._normed(key, layer.key_norm))
        if table is not None:
            rotate(heads[:, : arch.heads + arch.kv_heads], *table)
        return normed, heads

    def _after(self, x: Tensor, normed: Tensor, seen: Tensor, layer: Layer, beside: _Beside) -> Tensor:
        """What comes after attention, which gave `seen` [T, H * D]: [T, width]."""
        mixed = self.share.sum(beside(layer.output(seen), seen, "output"))
        if layer.attention_post_norm is not None:
            mixed = self._normed(mixed, layer.attention_post_norm)
        if self.arch.parallel != "no":
            second = layer.feed_forward_norm
            read = normed if second is None else self._normed(x, second)
            return x + mixed + self._feed_forward(read, layer, beside)
        x = self._kept(x, normed) + mixed
        assert layer.feed_forward_norm is not None
        normed = self._normed(x, layer.feed_forward_norm)
        changed = self._feed_forward(normed, layer, beside)
        if layer.feed_forward_post_norm is not None:
            changed = self._normed(changed, layer.feed_forward_post_norm)
        return self._kept(x, normed) + changed

    def _kept(self, x: Tensor, normed: Tensor) -> Tensor:
        """What a block's result is added to."""
        return normed * self.arch.normed_residual if self.arch.normed_residual else x

    def _attention(self, heads: Tensor, layer: Layer, number: int, spans: Sequence[Span]) -> Tensor:
        """Each sequence's tokens over that sequence: [T, H + 2 K, D] to [T, H * D]."""
        arch = self.arch
        query = heads[:, : arch.heads]
        # keys that were learnt lie in no page, so who has such goes the other way
        if self.attention is not None and all(span.cache.variant.prefix is None for span in spans):
            return self.attention(query, heads[:, arch.heads :], number, layer.sight, spans)
        pieces: list[Tensor] = []
        row = 0
        for span in spans:
            asked = slice(row, row + span.count)
            keys, values = span.join(number, heads[asked, arch.heads :]).chunk(2)
            before = 0
            if (tuned := span.cache.variant.prefix) is not None:
                first_keys, first_values = tuned.layers[number].chunk(2)
                keys, values = torch.cat((first_keys, keys), dim=1), torch.cat((first_values, values), dim=1)
                before = tuned.length
            prompt = span.cache.prompt
            sight = layer.sight if prompt is None else replace(layer.sight, prefix=before + prompt.end)
            pieces.append(attend(query[asked], keys, values, before + span.start, sight))
            row += span.count
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def _feed_forward(self, normed: Tensor, layer: Layer, beside: _Beside) -> Tensor:
        hidden = beside(layer.up(normed), normed, "up")
        if self.arch.gated:
            gate, up = hidden.chunk(2, dim=-1)
            hidden = self._activated(gate).mul_(up)
        else:
            hidden = self._activated(hidden)
        return self.share.sum(beside(layer.down(hidden), hidden, "down"))

    def _activated(self, x: Tensor) -> Tensor:
        if self.arch.activation == "silu":
            return F.silu(x)
        return F.gelu(x, approximate="tanh" if self.arch.activation == "gelu-tanh" else "none")

    def _normed(self, x: Tensor, norm: Norm) -> Tensor:
        exact = x.to(norm.weight.dtype)
        if self.arch.norm == "rms" or norm.weight.shape[0] != self.arch.width:
            result = F.rms_norm(exact, norm.weight.shape, norm.weight, self.arch.norm_epsilon)
        else:
            result = F.layer_norm(exact, norm.weight.shape, norm.weight, norm.bias, self.arch.norm_epsilon)
        return result.to(x.dtype)

    def _begin(self, tokens: Sequence[int], cache: PagedCache) -> Tensor:
        """Make room in the cache; the tokens' positions: [T], or [2, T] where they are of two kinds."""
        prefix = self.arch.prefix
        if prefix is not None and cache.length == 0:
            cache.prompt = Prompt.of(tokens, prefix)
        start, end = cache.length, cache.length + len(tokens)
        cache.reserve(end)
        positions = torch.arange(start, end)
        if cache.prompt is None:
            return positions
        answered = (positions - cache.prompt.end + 1).clamp_min(0)  # 0 in the prompt, then 1, 2, ...
        return torch.stack((positions.masked_fill(answered > 0, cache.prompt.mask), answered))


def _nothing(y: Tensor, _x: Tensor, _stack: str) -> Tensor:
    """No adapter: the products as they are."""
    return y


def _beside(deltas: RowDeltas, layer: int) -> _Beside:
    """What adapters have beside a layer's matrices."""
    return lambda y, x, stack: deltas.add(y, x, layer, stack)


def _sights(arch: Arch, share: Share) -> dict[bool, Sight]:
    """What tokens see in layers without and with a window."""
    scale = arch.attention_scale or arch.head_width**-0.5
    penalty = None
    if arch.position == "alibi":
        every = slopes(arch.heads * share.size, arch.alibi_max).chunk(share.size)
        penalty = every[share.rank] * (scale if arch.alibi_scaled else 1.0)
    sight = Sight(scale, slopes=penalty, cap=arch.attention_cap)
    return {False: sight, True: replace(sight, window=arch.window)}


def _rotations(arch: Arch) -> dict[bool, Rotation | None]:
    """How heads are rotated in layers without and with a window."""
    if arch.position == "alibi":
        return {False: None, True: None}
    rotation = Rotation(arch, arch.rope_base, arch.rope_scaling)
    local = Rotation(arch, arch.window_rope_base, None) if arch.window_rope_base else rotation
    return {False: rotation, True: local}


def capped(x: Tensor, cap: float) -> Tensor:
    """Squeezed into ±cap by tanh, of the same shape (Gemma 2)."""
    return cap * torch.tanh(x / cap)
