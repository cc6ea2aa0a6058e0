"""A model whose small steps are one C++ call: a token for each of a few sequences, or a few of one.

Torch takes some three hundred calls for a token, and reads quantised weights no faster than whole ones;
a step that reads each weight once at the speed of the memory is what decoding can be on a processor.
Long prompts stay torch's, but for products with quantised weights (`packed`).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.large_pages import LargePages
from agentkit_local_models.layers import Layer, Norm
from agentkit_local_models.linear import Linear
from agentkit_local_models.matrices import Floats, Matrix, Stacked
from agentkit_local_models.model import Model, capped
from agentkit_local_models.native import library as c
from agentkit_local_models.native.attending import NativeAttention
from agentkit_local_models.native.beside import NativeDeltas
from agentkit_local_models.native.build import NotBuilt
from agentkit_local_models.native.packed import Packed, PackedAdapted, packed
from agentkit_local_models.native.pointwise import ACTIVATIONS, NativePointwise
from agentkit_local_models.pages import PagedCache
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.rotary import Rotation
from agentkit_local_models.spans import stages_of

# Tokens of one call, as in `matrix.h`.
MOST_ROWS = 16
# Of quantised matrices numbers are made first for many tokens, all of them for few as for many: up to so many
# tokens, one call after the other is done sooner (measured with 0.1 and 1.5 billion weights of four bits). It
# depends on what multiplies prompts in bfloat16: see `products.h`.
MOST_IN_CALLS = {"nothing": 192, "vectors": 48, "amx": 32}
_Kept = TypeVar("_Kept")
_Steps = Sequence[tuple[Sequence[int], PagedCache]]
_KINDS = {torch.float32: c.F32, torch.bfloat16: c.BF16}


def why_not(arch: Arch, dtype: torch.dtype) -> str:
    """What of a model is not written in C++; empty for nothing."""
    differences = {
        f"{arch.norm} norms": arch.norm != "rms",
        f"{arch.position} positions": arch.position == "rope-2d",
        f"{arch.activation} activation": arch.activation not in ("silu", "gelu-tanh"),
        "parallel blocks": arch.parallel != "no",
        "a residual of what is normed": bool(arch.normed_residual),
        "a prompt that is seen whole": arch.prefix is not None,
        "a norm of the embedding": arch.embed_norm,
        "capped scores": bool(arch.attention_cap),
        f"heads of {arch.head_width} numbers": bool(arch.head_width % 16) or arch.head_width > 512,
        f"{dtype} weights": dtype not in _KINDS,
    }
    sizes = (arch.width, arch.feed_forward_width, arch.heads * arch.head_width)
    differences["widths that 32 does not divide"] = any(size % 32 for size in sizes)
    rows = (arch.kv_heads * arch.head_width, arch.vocabulary_size)
    differences["matrices whose rows 16 does not divide"] = any(size % 16 for size in rows)
    return ", ".join(what for what, differs in differences.items() if differs)


class NativeModel:
    """A model, and the same in C++ over the same weights."""

    def __init__(self, model: Model, workers: c.Workers) -> None:
        """Describe the model to the library.

        Args:
            model: floats stay where they are; quantised matrices are packed one by one, in its place.
            workers: that compute a step.

        Raises:
            NotBuilt: the model has something that is not written in C++; it computes what it did.
        """
        if missing := why_not(model.arch, model.dtype):
            raise NotBuilt(f"the native step does not compute {missing}")
        self.arch = model.arch
        self.dtype = model.dtype
        self.cache: CacheForm = model.cache
        self._workers = workers
        self._library = workers.library
        self._kept: list[Any] = []  # what the library points at
        self._rotations: list[Rotation] = []
        self._besides: weakref.WeakKeyDictionary[Deltas, NativeDeltas] = weakref.WeakKeyDictionary()
        pages = LargePages()
        model.reform(lambda matrix: packed(workers, pages, matrix))
        self._model = model
        quantised = isinstance(model.layers[0].down.matrix, Packed | PackedAdapted)
        tiles_by = workers.library.tiles_by if model.dtype == torch.bfloat16 else "nothing"
        self._most = MOST_IN_CALLS[tiles_by] if quantised else MOST_ROWS
        self._engine: int = self._library.create(ctypes.byref(self._decoder(model)), workers.handle)
        weakref.finalize(self, self._library.destroy, self._engine)
        model.compute_by(NativePointwise(model.arch, workers), NativeAttention(workers))

    @property
    def layers(self) -> list[Layer]:
        """The model's; both compute with the same floats."""
        return self._model.layers

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        return self._model.new_cache()

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """As `Model.logits`."""
        hidden = self.hidden([(tokens, cache)])
        return self.logits_of(hidden if every else hidden[-1:])[slice(None) if every else 0]

    @torch.inference_mode()
    def logits_of(self, hidden: Tensor) -> Tensor:
        """The logits of normed hidden states: [T, width] to float32 [T, vocabulary_size]."""
        if not 0 < len(hidden) <= MOST_ROWS:
            return self._model.logits_of(hidden.to(self.dtype))
        exact = hidden.to(torch.float32).contiguous()
        logits = torch.empty(len(hidden), self.arch.vocabulary_size)
        self._library.logits(self._engine, len(hidden), exact.data_ptr(), logits.data_ptr())
        return capped(logits, self.arch.logit_cap) if self.arch.logit_cap else logits

    @torch.inference_mode()
    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        """As `Model.hidden`; float32 where it is computed here."""
        pools = {id(cache.pool) for _, cache in steps}
        prefixed = any(cache.variant.prefix is not None for _, cache in steps)
        if prefixed or sum(len(tokens) for tokens, _ in steps) > self._most or len(pools) > 1:
            return self._model.hidden(steps)
        for tokens, cache in steps:
            cache.reserve(cache.length + len(tokens))
        return torch.cat([self._called(call) for call in _calls(steps)])

    def _called(self, steps: _Steps) -> Tensor:
        """The same of tokens for one call, for which there is room."""
        ids = torch.tensor([token for tokens, _ in steps for token in tokens], dtype=torch.long)
        positions = torch.cat(
            [torch.arange(cache.length, cache.length + len(tokens)) for tokens, cache in steps]
        )
        stages = stages_of([(cache, len(tokens)) for tokens, cache in steps])
        turns = [_turns(rotation, positions, stages) for rotation in self._rotations]
        tables = [torch.tensor(cache.pages, dtype=torch.int32) for _, cache in steps]
        rows = [table for (tokens, _), table in zip(steps, tables, strict=True) for _ in tokens]
        hidden = torch.empty(len(ids), self.arch.width)
        pool = steps[0][1].pool
        of_rows, of_turns, of_pages = (_pointers(one) for one in (rows, turns, pool.layers))
        of_scales = _pointers(pool.scales)
        besides = [self._beside(cache.variant.deltas) for tokens, cache in steps for _ in tokens]
        of_tokens = (ctypes.c_void_p * len(ids))(*(one and one.address for one in besides))
        call = c.Call(
            tokens=len(ids),
            ids=ids.data_ptr(),
            positions=positions.data_ptr(),
            tables=ctypes.addressof(of_rows),
            turns=ctypes.addressof(of_turns),
            pages=ctypes.addressof(of_pages),
            scales=ctypes.addressof(of_scales) if pool.scales else None,
            hidden=hidden.data_ptr(),
            beside=ctypes.addressof(of_tokens),
            ranks=max(0 if one is None else one.ranks for one in besides),
        )
        self._library.step(self._engine, ctypes.byref(call))
        for tokens, cache in steps:
            cache.length += len(tokens)
        return hidden

    def _beside(self, deltas: Deltas | None) -> NativeDeltas | None:
        if deltas is None:
            return None
        if deltas not in self._besides:
            self._besides[deltas] = NativeDeltas(deltas)
        return self._besides[deltas]

    def _decoder(self, model: Model) -> c.Decoder:
        """The whole model as the library reads it."""
        arch, sight = model.arch, model.layers[0].sight
        head, head_parts = self._parts(model.head)
        layers = [self._layer(layer, arch.window_of(number)) for number, layer in enumerate(model.layers)]
        return self._keep(
            c.Decoder(
                width=arch.width,
                heads=arch.heads,
                key_heads=arch.kv_heads,
                head_width=arch.head_width,
                hidden_width=arch.feed_forward_width,
                rotated=arch.rotated,
                layers=arch.layers,
                epsilon=arch.norm_epsilon,
                scale=sight.scale,
                embed_scale=float(torch.tensor(arch.embed_scale, dtype=model.dtype)),
                activation=ACTIVATIONS.index(arch.activation),
                gated=arch.gated,
                bf16_pages=model.dtype == torch.bfloat16,
                slopes=None if sight.slopes is None else self._exact(sight.slopes),
                norm=self._exact(model.norm.weight),
                layer=self._array(c.Layer, layers),
                embed=self._parts(Linear(model.embed))[0],
                head=head,
                head_parts=head_parts,
            )
        )

    def _layer(self, layer: Layer, window: int) -> c.Layer:
        query_key_value, query_key_value_parts = self._parts(layer.query_key_value)
        output, output_parts = self._parts(layer.output)
        up, up_parts = self._parts(layer.up)
        down, down_parts = self._parts(layer.down)
        return c.Layer(
            attention_norm=self._norm(layer.attention_norm),
            attention_post_norm=self._norm(layer.attention_post_norm),
            feed_forward_norm=self._norm(layer.feed_forward_norm),
            feed_forward_post_norm=self._norm(layer.feed_forward_post_norm),
            query_norm=self._norm(layer.query_norm),
            key_norm=self._norm(layer.key_norm),
            query_key_value=query_key_value,
            output=output,
            up=up,
            down=down,
            query_key_value_parts=query_key_value_parts,
            output_parts=output_parts,
            up_parts=up_parts,
            down_parts=down_parts,
            window=window,
            rotation=self._rotation(layer.rotation),
        )

    def _rotation(self, rotation: Rotation | None) -> int:
        if rotation is None:
            return -1
        if rotation not in self._rotations:
            self._rotations.append(rotation)
        return self._rotations.index(rotation)

    def _parts(self, linear: Linear) -> tuple[int, int]:
        """Where the matrices are described that lie on top of each other, and how many."""
        matrix = linear.matrix
        parts = matrix.parts if isinstance(matrix, Stacked) else (matrix,)
        bias = None if linear.bias is None else self._keep(linear.bias.to(torch.float32).contiguous())
        found: list[c.Matrix] = []
        above = 0
        for part in parts:
            rows = part.shape[0]
            found.append(self._described(part, None if bias is None else bias[above : above + rows]))
            above += rows
        return self._array(c.Matrix, found), len(found)

    def _described(self, matrix: Matrix, bias: Tensor | None) -> c.Matrix:
        if isinstance(matrix, Packed | PackedAdapted):
            return self._keep(matrix).description(bias)
        assert isinstance(matrix, Floats)  # every other form was packed
        rows, columns = matrix.shape
        return c.Matrix(
            kind=_KINDS[matrix.weight.dtype],
            rows=rows,
            columns=columns,
            codes=self._keep(matrix.weight.contiguous()).data_ptr(),
            bias=None if bias is None else bias.data_ptr(),
        )

    def _norm(self, norm: Norm | None) -> int | None:
        return None if norm is None else self._exact(norm.weight)

    def _exact(self, tensor: Tensor) -> int:
        """The address of the numbers in float32."""
        return self._keep(tensor.to(torch.float32).contiguous()).data_ptr()

    def _array(self, kind: type[ctypes.Structure], items: Sequence[ctypes.Structure]) -> int:
        return ctypes.addressof(self._keep((kind * len(items))(*items)))

    def _keep(self, thing: _Kept) -> _Kept:
        self._kept.append(thing)
        return thing


def _calls(steps: _Steps) -> Iterator[_Steps]:
    """The tokens of some sequences in the calls that they take, in their order."""
    call: list[tuple[Sequence[int], PagedCache]] = []
    room = MOST_ROWS
    for tokens, cache in steps:
        start = 0
        while start < len(tokens):
            piece = tokens[start : start + room]
            call.append((piece, cache))
            start, room = start + len(piece), room - len(piece)
            if not room:
                yield call
                call, room = [], MOST_ROWS
    if call:
        yield call


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


def _turns(rotation: Rotation, positions: Tensor, stages: Tensor | None) -> Tensor:
    """Cosines, then sines, of the planes that heads are turned in: float32 [2, T, rotated / 2]."""
    cosines, sines = rotation.table(positions, torch.float32, stages)
    half = cosines.shape[-1] // 2
    return torch.stack((cosines[:, 0, :half], sines[:, 0, half:])).contiguous()
