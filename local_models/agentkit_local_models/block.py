"""What one block of a decoder computes, for tokens of several sequences that lie one after another.

Shapes in comments: T tokens of a call, H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight, attend
from agentkit_local_models.compiling import Compiler
from agentkit_local_models.deltas import RowDeltas
from agentkit_local_models.layers import Layer
from agentkit_local_models.pointwise import Pointwise
from agentkit_local_models.share import Share
from agentkit_local_models.spans import Span

Attention = Callable[[Tensor, Tensor, Tensor, int, Sight], Tensor]
"""Attention of one sequence's tokens: see `attention.attend`."""
StepAttention = Callable[[Tensor, Tensor, int, Sight, Sequence[Span]], Tensor]
"""Attention of all sequences of a step: see `gpu.over_pages.Step`."""
_Beside = Callable[[Tensor, Tensor, str], Tensor]
"""Adds what lies beside a layer's matrix of that name: to its products [T, rows], for its input."""


class Block:
    """The computation of a block, the same for every layer of a model.

    Attributes:
        pointwise: computes what is neither a product nor attention.
        attend: computes a sequence's attention, where nothing computes that of a whole step.
    """

    def __init__(
        self, arch: Arch, share: Share, attention: StepAttention | None, compiler: Compiler | None
    ) -> None:
        """Nothing is compiled before it is called; the arguments are `Model`'s."""
        self._arch = arch
        self._share = share
        self._step_attention = attention
        self.pointwise = Pointwise(arch)
        self.attend: Attention = attend
        self._compiled = None if compiler is None else (compiler(self._before), compiler(self._after))

    def compute_by(self, pointwise: Pointwise, attend: Attention) -> None:
        """Have something else than torch compute these; what is compiled stays torch's."""
        self.attend = attend
        if self._compiled is None:
            self.pointwise = pointwise

    def __call__(
        self,
        x: Tensor,
        layer: Layer,
        number: int,
        table: tuple[Tensor, Tensor] | None,
        spans: Sequence[Span],
        deltas: RowDeltas,
    ) -> Tensor:
        """What a layer makes of the residual stream.

        Args:
            x: [T, width].
            layer: its weights.
            number: of the layer.
            table: cosines and sines of the tokens' places, or None where heads are not rotated.
            spans: the sequences, whose pages the tokens' keys and values are written to.
            deltas: what adapters have beside the weights.

        Returns:
            [T, width].
        """
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
        arch = self._arch
        normed = self.pointwise.norm(x, layer.attention_norm)
        heads = beside(layer.query_key_value(normed), normed, "query_key_value")
        heads = heads.contiguous().view(len(heads), -1, arch.head_width)  # attention reads a head at once
        query, key = heads[:, : arch.heads], heads[:, arch.heads : arch.heads + arch.kv_heads]
        if layer.query_norm is not None and layer.key_norm is not None:
            query.copy_(self.pointwise.norm(query, layer.query_norm))
            key.copy_(self.pointwise.norm(key, layer.key_norm))
        if table is not None:
            self.pointwise.rotate(heads[:, : arch.heads + arch.kv_heads], *table)
        return normed, heads

    def _after(self, x: Tensor, normed: Tensor, seen: Tensor, layer: Layer, beside: _Beside) -> Tensor:
        """What comes after attention, which gave `seen` [T, H * D]: [T, width]."""
        mixed = self._share.sum(beside(layer.output(seen), seen, "output"))
        if layer.attention_post_norm is not None:
            mixed = self.pointwise.norm(mixed, layer.attention_post_norm)
        if self._arch.parallel != "no":
            second = layer.feed_forward_norm
            read = normed if second is None else self.pointwise.norm(x, second)
            return x + mixed + self._feed_forward(read, layer, beside)
        x = self._kept(x, normed) + mixed
        assert layer.feed_forward_norm is not None
        normed = self.pointwise.norm(x, layer.feed_forward_norm)
        changed = self._feed_forward(normed, layer, beside)
        if layer.feed_forward_post_norm is not None:
            changed = self.pointwise.norm(changed, layer.feed_forward_post_norm)
        return self._kept(x, normed) + changed

    def _kept(self, x: Tensor, normed: Tensor) -> Tensor:
        """What a block's result is added to."""
        return normed * self._arch.normed_residual if self._arch.normed_residual else x

    def _attention(self, heads: Tensor, layer: Layer, number: int, spans: Sequence[Span]) -> Tensor:
        """Each sequence's tokens over that sequence: [T, H + 2 K, D] to [T, H * D]."""
        arch = self._arch
        query = heads[:, : arch.heads]
        # keys that were learnt lie in no page, so who has such goes the other way
        if self._step_attention is not None and all(span.cache.variant.prefix is None for span in spans):
            return self._step_attention(query, heads[:, arch.heads :], number, layer.sight, spans)
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
            pieces.append(self.attend(query[asked], keys, values, before + span.start, sight))
            row += span.count
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def _feed_forward(self, normed: Tensor, layer: Layer, beside: _Beside) -> Tensor:
        hidden = beside(layer.up(normed), normed, "up")
        hidden = self.pointwise.activated(hidden)
        return self._share.sum(beside(layer.down(hidden), hidden, "down"))


def _nothing(y: Tensor, _x: Tensor, _stack: str) -> Tensor:
    """No adapter: the products as they are."""
    return y


def _beside(deltas: RowDeltas, layer: int) -> _Beside:
    """What adapters have beside a layer's matrices."""
    return lambda y, x, stack: deltas.add(y, x, layer, stack)
