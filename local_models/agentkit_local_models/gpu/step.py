"""One pass of a decoder over the next tokens of many sequences, without asking the device anything.

Everything that differs from pass to pass lies in a few tensors (`Inputs`), so a pass can be captured once
and replayed over the same memory. Tokens that the pass before has drawn are taken from where they lie.
Kernels: a projection with what follows it, attention over pages, the residual with the norm after it. The
same arithmetic as `model.Model`, with fewer roundings between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.attention import Sight
from agentkit_local_models.deltas import RowDeltas
from agentkit_local_models.gpu.norms import add_norm
from agentkit_local_models.gpu.packed import Packed, packed
from agentkit_local_models.gpu.projections import Beside, Heads, project, query_key_value
from agentkit_local_models.layers import Layer, Norm
from agentkit_local_models.model import Model, capped
from agentkit_local_models.rotary import Rotation
from agentkit_local_models.share import whole_logits


class Attend(Protocol):
    """Attention of packed tokens over the pages of their sequences."""

    def __call__(self, query: Tensor, pages: Tensor, inputs: Inputs, sight: Sight) -> Tensor:
        """The mixed values.

        Args:
            query: [T, H, D].
            pages: of the layer, with the tokens' own keys and values in them.
            inputs: where sequences begin and where their pages are.
            sight: what tokens see.

        Returns:
            [T, H * D]; of rows that belong to no sequence, anything.
        """
        ...


@dataclass(frozen=True, slots=True)
class Inputs:
    """A pass: T tokens of R sequences, of which W are asked for logits. All tensors are int32.

    Attributes:
        ids: [T], of known tokens; unused where there is a source.
        sources: [T], where among the tokens drawn last a token is; -1 for none.
        positions: [T].
        slots: [T], page number times 16 plus place in the page; -1 for a row that only fills a bucket.
        starts: [R + 1], where each sequence's tokens begin, and the end.
        lengths: [R], tokens of each with these; 0 for one that only fills a bucket.
        wanted: [W], after which tokens logits are wanted.
        tables: [R, P], the numbers of each sequence's pages.
        most_tokens: of a sequence, in this pass.
        most_length: of a sequence, with this pass; what a captured pass is good for.
    """

    ids: Tensor
    sources: Tensor
    positions: Tensor
    slots: Tensor
    starts: Tensor
    lengths: Tensor
    wanted: Tensor
    tables: Tensor
    most_tokens: int
    most_length: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """A block's weights on the device; see `model.Layer`."""

    attention_norm: Norm
    query_key_value: Packed
    heads: Heads
    output: Packed
    attention_post_norm: Norm | None
    feed_forward_norm: Norm | None
    up: Packed
    down: Packed
    feed_forward_post_norm: Norm | None
    sight: Sight
    rotation: Rotation | None


class Step:
    """A decoder on a device."""

    def __init__(self, model: Model, device: torch.device, attend: Attend) -> None:
        """Move a model's weights to the device, block by block; the model has none afterwards.

        Args:
            model: whose matrices are floats, int8 rows or int4 groups.
            device: a GPU, or the processor where Triton interprets.
            attend: attention over pages.

        Raises:
            UnsupportedCheckpoint: a matrix of another form.
        """
        self.arch = model.arch
        self.dtype = model.dtype
        self._share = model.share
        self._attend = attend
        self._head = packed(model.head, device)
        # of a split model each process has all embeddings, and some rows of the head
        one_matrix = model.arch.tied_head and model.share.size == 1
        self._embed = self._head if one_matrix else packed(replace(model.head, matrix=model.embed), device)
        self._embed_norm = _norm(model.embed_norm, device)
        # as `Model` rounds it
        self._embed_scale = float(torch.tensor(model.arch.embed_scale, dtype=model.dtype))
        self._norm = Norm(model.norm.weight.to(device), _moved(model.norm.bias, device))
        self._layers: list[_Layer] = []
        while model.layers:
            self._layers.append(_layer(model.layers.pop(0), model.arch, device))
        self._frequencies = {
            layer.rotation: layer.rotation.frequencies.to(device)
            for layer in self._layers
            if layer.rotation is not None
        }

    @property
    def weight_bytes(self) -> int:
        """Bytes of matrices that a pass over one token reads."""
        matrices = [self._head]
        for layer in self._layers:
            matrices += [layer.query_key_value, layer.output, layer.up, layer.down]
        return sum(matrix.nbytes for matrix in matrices)

    def hidden(
        self, inputs: Inputs, drawn: Tensor, pages: Sequence[Tensor], deltas: RowDeltas | None = None
    ) -> Tensor:
        """The last hidden states, normed: [T, width].

        Args:
            inputs: of the pass.
            drawn: int64, the tokens drawn last.
            pages: of each layer; the tokens' keys and values are written to them.
            deltas: of adapters, beside the weights for the rows that have some; None where none has.
        """
        ids = torch.where(inputs.sources >= 0, drawn[inputs.sources.clamp_min(0).long()], inputs.ids.long())
        x = self._embed.picked(ids, self.dtype)
        if self._embed_scale != 1:
            x = x * self._embed_scale
        if self._embed_norm is not None:
            x, _ = self._normed(x, None, self._embed_norm)
        tables = {rotation: self._table(rotation, inputs.positions) for rotation in self._frequencies}
        added: Tensor | None = None
        for number, (layer, memory) in enumerate(zip(self._layers, pages, strict=True)):
            normed, x = self._normed(x, added, layer.attention_norm)
            beside = partial(_beside, deltas, number)
            x, added = self._block(x, normed, layer, inputs, tables, memory, beside)
        return self._normed(x, added, self._norm)[0]

    def logits(self, hidden: Tensor) -> Tensor:
        """Of normed hidden states [T, width], float32 [T, vocabulary_size]."""
        own = project(hidden, self._head, dtype=torch.float32)
        logits = whole_logits(own, self.arch.vocabulary_size, self._share)
        return capped(logits, self.arch.logit_cap) if self.arch.logit_cap else logits

    def _block(
        self,
        x: Tensor,
        normed: Tensor,
        layer: _Layer,
        inputs: Inputs,
        tables: dict[Rotation, tuple[Tensor, Tensor]],
        memory: Tensor,
        beside: Callable[[str], Beside | None],
    ) -> tuple[Tensor, Tensor]:
        """What is added to, and what is to be added to it: both [T, width]."""
        # nothing is turned where there is no rotation; any tensors will do then
        cosines, sines = (normed, normed) if layer.rotation is None else tables[layer.rotation]
        query = query_key_value(
            normed,
            layer.query_key_value,
            layer.heads,
            cosines,
            sines,
            inputs.slots,
            memory,
            beside("query_key_value"),
        )
        attended = self._attend(query, memory, inputs, layer.sight)
        mixed = self._share.sum(project(attended, layer.output, beside=beside("output")))
        if layer.attention_post_norm is not None:
            mixed, _ = self._plainly_normed(mixed, layer.attention_post_norm)
        if self.arch.parallel != "no":
            second = layer.feed_forward_norm
            read = normed if second is None else self._plainly_normed(x, second)[0]
            return x + mixed, self._feed_forward(read, layer, beside)
        assert layer.feed_forward_norm is not None
        normed, x = self._normed(x, mixed, layer.feed_forward_norm)
        changed = self._feed_forward(normed, layer, beside)
        if layer.feed_forward_post_norm is not None:
            changed, _ = self._plainly_normed(changed, layer.feed_forward_post_norm)
        return x, changed

    def _feed_forward(self, normed: Tensor, layer: _Layer, beside: Callable[[str], Beside | None]) -> Tensor:
        arch = self.arch
        inner = project(normed, layer.up, activation=arch.activation, gated=arch.gated, beside=beside("up"))
        return self._share.sum(project(inner, layer.down, beside=beside("down")))

    def _normed(self, x: Tensor, added: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]:
        """The norm of the sum, and what the next block adds to."""
        return add_norm(
            x, added, norm.weight, norm.bias, self.arch.norm_epsilon,
            layer=self.arch.norm == "layer", kept=self.arch.normed_residual,
        )  # fmt: skip

    def _plainly_normed(self, x: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
        return add_norm(
            x, None, norm.weight, norm.bias, self.arch.norm_epsilon, layer=self.arch.norm == "layer"
        )

    def _table(self, rotation: Rotation, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the planes: float32 [T, rotated / 2] each."""
        angles = torch.outer(positions.float(), self._frequencies[rotation])
        return angles.cos() * rotation.factor, angles.sin() * rotation.factor


def _beside(deltas: RowDeltas | None, layer: int, stack: str) -> Beside | None:
    """What is added to the products of one matrix of a layer, where a row has an adapter."""
    return None if deltas is None else partial(deltas.add, layer=layer, stack=stack)


def _layer(layer: Layer, arch: Arch, device: torch.device) -> _Layer:
    slopes = layer.sight.slopes
    query_norm, key_norm = _norm(layer.query_norm, device), _norm(layer.key_norm, device)
    return _Layer(
        attention_norm=Norm(
            layer.attention_norm.weight.to(device), _moved(layer.attention_norm.bias, device)
        ),
        query_key_value=packed(layer.query_key_value, device),
        heads=Heads(
            arch.heads,
            arch.kv_heads,
            arch.head_width,
            0 if layer.rotation is None else arch.rotated,
            None if query_norm is None else query_norm.weight,
            None if key_norm is None else key_norm.weight,
            arch.norm_epsilon,
        ),
        output=packed(layer.output, device),
        attention_post_norm=_norm(layer.attention_post_norm, device),
        feed_forward_norm=_norm(layer.feed_forward_norm, device),
        up=packed(layer.up, device),
        down=packed(layer.down, device),
        feed_forward_post_norm=_norm(layer.feed_forward_post_norm, device),
        sight=layer.sight if slopes is None else replace(layer.sight, slopes=slopes.to(device)),
        rotation=layer.rotation,
    )


def _norm(norm: Norm | None, device: torch.device) -> Norm | None:
    return None if norm is None else Norm(norm.weight.to(device), _moved(norm.bias, device))


def _moved(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
