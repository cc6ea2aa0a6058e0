"""One decoder for every family: what differs between them is the `Arch` and the weights.

Tokens of several sequences lie one after another (varlen); only attention knows where one ends (`block.py`).
Shapes in comments: T tokens of this call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.block import Attention, Block, StepAttention
from agentkit_local_models.compiling import Compiler
from agentkit_local_models.deltas import RowDeltas
from agentkit_local_models.heap import give_back
from agentkit_local_models.layers import placed, reformed
from agentkit_local_models.linear import Linear, Weight
from agentkit_local_models.matrices import Stored
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.pointwise import Pointwise
from agentkit_local_models.precision import CacheForm, Form
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.rotary import Rotation
from agentkit_local_models.share import WHOLE, Share, whole_logits
from agentkit_local_models.spans import Span, stages_of

if TYPE_CHECKING:  # it reads files, which needs more than torch
    from agentkit_local_models.checkpoint import Checkpoint


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
        self.cache: CacheForm = cache
        self._block = Block(arch, share, attention, compiler)
        there = placed(arch, weights, dtype, form, share)
        self.embed = there.embed
        self.embed_norm = there.embed_norm
        self.layers = there.layers
        self.norm = there.norm
        self.head = there.head

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
        self.embed = changed(self.embed)
        self.head = Linear(self.embed) if self.arch.tied_head else reformed(self.head, changed)
        for number, layer in enumerate(self.layers):
            self.layers[number] = replace(
                layer,
                query_key_value=reformed(layer.query_key_value, changed),
                output=reformed(layer.output, changed),
                up=reformed(layer.up, changed),
                down=reformed(layer.down, changed),
            )
            give_back()  # the other form left holes as large as the next one

    def compute_by(self, pointwise: Pointwise, attend: Attention) -> None:
        """See `Block.compute_by`."""
        self._block.compute_by(pointwise, attend)

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
        logits = whole_logits(self.head(hidden).float(), self.arch.vocabulary_size, self.share)
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
        return self._block.pointwise.norm(x, self.norm)

    @torch.inference_mode()
    def embedded(self, ids: Tensor) -> Tensor:
        """What the first block is given for tokens: int64 [T] to [T, width]."""
        x = self.embed[ids].dense(self.dtype)
        if self.arch.embed_scale != 1:
            x = x * torch.tensor(self.arch.embed_scale, dtype=self.dtype)
        return x if self.embed_norm is None else self._block.pointwise.norm(x, self.embed_norm)

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


def capped(x: Tensor, cap: float) -> Tensor:
    """Squeezed into ±cap by tanh, of the same shape (Gemma 2)."""
    return cap * torch.tanh(x / cap)
