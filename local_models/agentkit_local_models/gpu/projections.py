"""Projections with what follows them in the same kernel.

Query, key and value are one matrix, and so are gate and up. A program that computes number i of a rotated
head computes its partner too, so heads are turned in registers, and keys and values go to their pages at
once. A gate is multiplied by what it gates where both were summed. Beyond `SMALL` tokens the products are
bound by arithmetic: those of floats are the library's, tuned to each GPU, and what follows is one kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.gpu.blocks import blocks_of, power_of_two, rows_at_once
from agentkit_local_models.gpu.packed import Packed

SMALL = 16
"""Up to so many tokens a projection is one kernel of ours, whatever the form of its matrix."""


Beside = Callable[[Tensor, Tensor], object]
"""Adds what lies beside a matrix to its products [T, rows], in place, by what it multiplied [T, columns]."""


@dataclass(frozen=True, slots=True)
class Heads:
    """How the rows of a query-key-value matrix are heads.

    Attributes:
        query: how many are queries.
        keys: how many are keys, and how many values.
        width: numbers of one.
        rotated: how many of these are turned, from the first on; 0 for none.
        query_norm: [width], float32, RMSNorm over each query before it is turned; None for none.
        key_norm: the same of keys; both or none.
        epsilon: of these norms.
    """

    query: int
    keys: int
    width: int
    rotated: int
    query_norm: Tensor | None = None
    key_norm: Tensor | None = None
    epsilon: float = 0.0


def project(
    x: Tensor,
    matrix: Packed,
    *,
    activation: str = "none",
    gated: bool = False,
    dtype: torch.dtype | None = None,
    beside: Beside | None = None,
) -> Tensor:
    """`activation(x wᵀ + bias)`, or of a gate and what it gates `activation(x gᵀ) · x uᵀ`.

    Args:
        x: [T, columns], contiguous.
        matrix: [rows, columns]; with `gated` the first half of its rows is the gate.
        activation: as `Arch.activation`, or "none".
        gated: whether half of the rows are a gate.
        dtype: of the result; that of x where None.
        beside: is added before the activation, which is a kernel of its own then.

    Returns:
        [T, rows], or [T, rows / 2] with `gated`.
    """
    count, columns = x.shape
    if beside is not None:
        whole = project(x, matrix)
        beside(whole, x)
        if activation == "none" and not gated:
            return whole if dtype is None else whole.to(dtype)
        return _after(whole, activation, gated)
    if matrix.form == 0 and count > SMALL:
        bias = None if matrix.bias is None else matrix.bias.to(x.dtype)
        whole = F.linear(x, matrix.codes, bias)
        if activation == "none" and not gated:
            return whole if dtype is None else whole.to(dtype)
        return _after(whole, activation, gated)
    from agentkit_local_models.gpu import projection_kernels

    kernels = cast("Any", projection_kernels)  # what Triton makes of its functions
    width = matrix.rows // 2 if gated else matrix.rows
    result = torch.empty(count, width, dtype=dtype or x.dtype, device=x.device)
    token_tile, row_tile, depth_tile = _tiles(x, matrix)
    outputs = row_tile // 2 if gated else row_tile
    kernels.project[(blocks_of(width, outputs), blocks_of(count, token_tile))](
        x, matrix.codes, matrix.scales, matrix.lows, x if matrix.bias is None else matrix.bias, result,
        count, width, columns,
        form=matrix.form, biased=matrix.bias is not None, activation=activation, gated=gated,
        token_tile=token_tile, row_tile=row_tile, depth_tile=depth_tile, exact=not x.is_cuda,
    )  # fmt: skip
    return result


def query_key_value(
    x: Tensor,
    matrix: Packed,
    heads: Heads,
    cosines: Tensor,
    sines: Tensor,
    slots: Tensor,
    pages: Tensor,
    beside: Beside | None = None,
) -> Tensor:
    """Project, turn by position, and store keys and values in their pages.

    Args:
        x: [T, columns], contiguous.
        matrix: rows of all query heads, then key heads, then value heads.
        heads: how they lie.
        cosines: float32 [T, rotated / 2], of each plane; unused where nothing is turned.
        sines: the same.
        slots: int32 [T], page number times 16 plus place in the page; below 0 nothing is stored.
        pages: of the layer, [pages, 2 * keys, 16, width] (see `pages.PagePool`); written to.
        beside: is added before heads are turned, which is a kernel of its own then.

    Returns:
        Queries: [T, query, width].
    """
    from agentkit_local_models.gpu import projection_kernels

    kernels = cast("Any", projection_kernels)  # what Triton makes of its functions
    count, columns = x.shape
    query = torch.empty(count, heads.query, heads.width, dtype=x.dtype, device=x.device)
    if count > SMALL or heads.query_norm is not None or beside is not None:
        whole = project(x, matrix, beside=beside)
        padded = power_of_two(heads.width // 2)
        norm = heads.query_norm
        rows = rows_at_once(x)
        kernels.turn[(blocks_of(count, rows), heads.query + 2 * heads.keys)](
            whole, query, pages, slots, cosines, sines,
            whole if norm is None else norm, whole if heads.key_norm is None else heads.key_norm,
            heads.epsilon, count, heads.query, heads.keys,
            width=heads.width, rotated=heads.rotated, padded=padded, normed=norm is not None, token_tile=rows,
            num_warps=1,
        )  # fmt: skip
        return query
    token_tile, row_tile, depth_tile = _tiles(x, matrix)
    planes = min(row_tile // 2, power_of_two(heads.width // 2))
    blocks = blocks_of(heads.width // 2, planes)
    programs = (heads.query + 2 * heads.keys) * blocks
    kernels.query_key_value[(programs, blocks_of(count, token_tile))](
        x, matrix.codes, matrix.scales, matrix.lows, x if matrix.bias is None else matrix.bias,
        query, pages, slots, cosines, sines,
        count, columns, heads.query, heads.keys,
        width=heads.width, rotated=heads.rotated, planes=planes, blocks=blocks,
        form=matrix.form, biased=matrix.bias is not None,
        token_tile=token_tile, depth_tile=depth_tile, exact=not x.is_cuda,
    )  # fmt: skip
    return query


def _tiles(x: Tensor, matrix: Packed) -> tuple[int, int, int]:
    """Tokens, rows and columns of a program; not yet tuned on a GPU."""
    count = len(x)
    most = power_of_two(matrix.columns // 2 if matrix.form == 2 else matrix.columns)
    if not x.is_cuda:
        # in the interpreter a program's steps take as long whatever their size
        return (1 if count == 1 else 16), min(2048, power_of_two(matrix.rows)), max(16, min(128, most))
    if count == 1:
        # 16 KiB of bfloat16 under way a program; fewer rows where there are few, so that every
        # multiprocessor has some programs
        rows = 8 if matrix.rows <= 8192 else 16
        return 1, rows, max(16, min(8192 // rows, most))
    return (16 if count <= SMALL else 64), (32 if count <= SMALL else 64), max(16, min(128, most))


def _after(whole: Tensor, activation: str, gated: bool) -> Tensor:
    """The activation of a product that is there already."""
    from agentkit_local_models.gpu import projection_kernels

    kernels = cast("Any", projection_kernels)  # what Triton makes of its functions
    count, rows = whole.shape
    width = rows // 2 if gated else rows
    result = whole.new_empty(count, width)
    tile, tokens = min(1024, power_of_two(width)), rows_at_once(whole)
    kernels.activate[(blocks_of(count, tokens), blocks_of(width, tile))](
        whole, result, count, width, rows,
        activation=activation, gated=gated, token_tile=tokens, tile=tile,
    )  # fmt: skip
    return result
