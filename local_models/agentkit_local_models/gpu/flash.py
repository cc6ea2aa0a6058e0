"""Flash attention over packed sequences, with its gradient, in Triton.

Tokens of several sequences lie one after another (varlen), without padding. Keys and values are read as they
lie, once for the query heads that share them (GQA, MQA); no matrix of all scores exists, in either
direction. The page docs/flash_attention.md explains the algorithm and counts what it reads and writes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch.autograd import Function

from agentkit_local_models.attention import Sight
from agentkit_local_models.gpu.tiles import FUSED, Tiles, padded_width, tiles_for
from agentkit_local_models.gpu.triton_here import require_triton
from agentkit_local_models.gpu.varlen import Packed

DTYPES: Final = (torch.float32, torch.float16, torch.bfloat16)
WIDEST: Final = 256
"""The widest head; all between 1 and this work, computed as the next power of two."""
_LOG2_E: Final = math.log2(math.e)
# Rows of the kernel that sums the products of a result and its gradient.
_SHARES_TILE: Final = 64


def flash_attention(
    query: Tensor, key: Tensor, value: Tensor, packed: Packed, sight: Sight, *, tiles: Tiles | None = None
) -> Tensor:
    """Scaled dot-product attention of packed sequences, differentiable.

    Args:
        query: [T, H, D], float32, float16 or bfloat16.
        key: [S, K, D], of the same dtype; H is a multiple of K.
        value: [S, K, D].
        packed: where the sequences lie in T and S.
        sight: what each token sees.
        tiles: instead of those of the table.

    Returns:
        [T, H, D], in the dtype of the query.

    Raises:
        NoTriton: Triton is not here, or there is neither a GPU nor its interpreter.
        ValueError: shapes or dtypes that do not fit.
    """
    _check(query, key, value, packed)
    require_triton(query.device)
    prefixes = packed.prefixes
    if prefixes is None and sight.prefix:
        prefixes = torch.full_like(packed.key_starts[1:], sight.prefix)
    slopes = base_two(sight.slopes, query.device)
    apply = cast("Any", _Flash.apply)  # pyright: ignore[reportUnknownMemberType]
    return apply(
        query, key, value, slopes, prefixes, packed, sight, tiles or tiles_for(query.shape[2], query.dtype)
    )


class _Flash(Function):
    """The kernels as one differentiable operation."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        slopes: Tensor | None,
        prefixes: Tensor | None,
        packed: Packed,
        sight: Sight,
        tiles: Tiles,
    ) -> Tensor:
        from agentkit_local_models.gpu import flash_forward

        kernels = cast("Any", flash_forward)  # what Triton makes of its functions
        query, key, value = (_rows_whole(part) for part in (query, key, value))
        mixed = torch.empty(query.shape, dtype=query.dtype, device=query.device)
        logs = torch.empty(query.shape[1], query.shape[0], dtype=torch.float32, device=query.device)
        call = Call.of(query, key.shape[1], slopes, prefixes, sight)
        tile = tiles.forward
        grid = (blocks(packed.most_queries, tile.queries), query.shape[1], packed.query_starts.numel() - 1)
        if query.numel():
            kernels.forward[grid](
                query, key, value, mixed, logs,
                call.slopes, packed.query_starts, packed.key_starts, call.prefixes,
                *query.stride()[:2], *key.stride()[:2], *value.stride()[:2], *mixed.stride()[:2],
                logs.stride(0), call.inner, call.outer, sight.window,
                **call.constants, query_tile=tile.queries, key_tile=tile.keys,
                num_warps=tile.warps, num_stages=tile.stages,
            )  # fmt: skip
        ctx.save_for_backward(query, key, value, mixed, logs, slopes, prefixes)
        ctx.packed, ctx.sight, ctx.tiles = packed, sight, tiles
        return mixed

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        from agentkit_local_models.gpu import flash_backward

        kernels = cast("Any", flash_backward)  # what Triton makes of its functions
        query, key, value, mixed, logs, slopes, prefixes = ctx.saved_tensors
        packed, sight, tiles = ctx.packed, ctx.sight, ctx.tiles
        gradient = _rows_whole(grad_outputs[0])
        to_query = torch.empty(query.shape, dtype=query.dtype, device=query.device)
        to_key = torch.empty(key.shape, dtype=key.dtype, device=key.device)
        to_value = torch.empty_like(to_key)
        if not query.numel():
            return to_query, to_key.zero_(), to_value.zero_(), None, None, None, None, None
        sums = torch.empty_like(logs)
        call = Call.of(query, key.shape[1], slopes, prefixes, sight)
        heads, sequences = query.shape[1], packed.query_starts.numel() - 1
        kernels.shares[(blocks(query.shape[0], _SHARES_TILE), heads)](
            mixed, gradient, sums, *mixed.stride()[:2], *gradient.stride()[:2], sums.stride(0),
            query.shape[0], width=query.shape[2], padded=call.constants["padded"], tile=_SHARES_TILE, **FUSED,
        )  # fmt: skip
        places = (call.slopes, packed.query_starts, packed.key_starts, call.prefixes)
        strides = [step for part in (query, key, value, gradient) for step in part.stride()[:2]]
        strides.append(logs.stride(0))
        numbers = (call.inner, call.outer, sight.scale, sight.window)
        tile = tiles.keys
        kernels.keys_and_values[(blocks(packed.most_keys, tile.keys), key.shape[1], sequences)](
            query, key, value, gradient, logs, sums, to_key, to_value, *places,
            *strides, *to_key.stride()[:2], *numbers,
            **call.constants, query_tile=tile.queries, key_tile=tile.keys,
            num_warps=tile.warps, num_stages=tile.stages,
        )  # fmt: skip
        tile = tiles.queries
        kernels.queries[(blocks(packed.most_queries, tile.queries), heads, sequences)](
            query, key, value, gradient, logs, sums, to_query, *places,
            *strides, *to_query.stride()[:2], *numbers,
            **call.constants, query_tile=tile.queries, key_tile=tile.keys,
            num_warps=tile.warps, num_stages=tile.stages,
        )  # fmt: skip
        return to_query, to_key, to_value, None, None, None, None, None


@dataclass(frozen=True, slots=True)
class Call:
    """What kernels are called with beside their tensors.

    Attributes:
        slopes: to the base 2, or any tensor where there are none: a kernel does not read it then.
        prefixes: the same.
        inner: what products are multiplied by.
        outer: what is multiplied by the tanh of that, where scores are capped.
        constants: what a kernel is compiled for.
    """

    slopes: Tensor
    prefixes: Tensor
    inner: float
    outer: float
    constants: dict[str, Any]

    @classmethod
    def of(
        cls, query: Tensor, kv_heads: int, slopes: Tensor | None, prefixes: Tensor | None, sight: Sight
    ) -> Call:
        """The call for queries [T, H, D], the heads of their keys, and what they see."""
        capped = bool(sight.cap)
        return cls(
            query if slopes is None else slopes,
            query if prefixes is None else prefixes,
            sight.scale / sight.cap if capped else sight.scale * _LOG2_E,
            sight.cap * _LOG2_E,
            {
                "group": query.shape[1] // kv_heads,
                "width": query.shape[2],
                "padded": padded_width(query.shape[2]),
                "windowed": bool(sight.window),
                "prefixed": prefixes is not None,
                "penalised": slopes is not None,
                "capped": capped,
                # only the interpreter has CPU tensors, and it has no bfloat16
                "exact": query.dtype == torch.bfloat16 and query.device.type == "cpu",
                **FUSED,
            },
        )


def base_two(slopes: Tensor | None, device: torch.device) -> Tensor | None:
    """ALiBi's slopes as the kernels add them to scores: float32 [H]."""
    return None if slopes is None else slopes.to(device, torch.float32).mul(_LOG2_E).contiguous()


def _check(query: Tensor, key: Tensor, value: Tensor, packed: Packed) -> None:
    shapes = f"query {list(query.shape)}, key {list(key.shape)}, value {list(value.shape)}"
    if (
        query.dim() != 3
        or key.dim() != 3
        or key.shape != value.shape
        or query.shape[2] != key.shape[2]
        or query.shape[1] % key.shape[1]
    ):
        raise ValueError(f"{shapes}; [T, H, D] and twice [S, K, D] work, where H is a multiple of K")
    if not 1 <= query.shape[2] <= WIDEST:
        raise ValueError(f"heads of {query.shape[2]} numbers; 1 to {WIDEST} work")
    if query.dtype not in DTYPES or not query.dtype == key.dtype == value.dtype:
        raise ValueError(
            f"query is {query.dtype}, key {key.dtype}, value {value.dtype}; "
            "all of them float32, float16 or bfloat16 work"
        )
    if (query.shape[0], key.shape[0]) != (packed.queries, packed.keys):
        raise ValueError(f"{shapes}; the sequences have {packed.queries} queries and {packed.keys} keys")


def _rows_whole(part: Tensor) -> Tensor:
    """The tensor, copied where the numbers of a head are not neighbours."""
    return part if part.stride(-1) == 1 else part.contiguous()


def blocks(count: int, size: int) -> int:
    """How many tiles of a size hold so many; 1 at least, for a grid."""
    return max(1, -(-count // size))
