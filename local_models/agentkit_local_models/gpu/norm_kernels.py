# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no type, and it may not be installed.
"""The residual and the norm after it in one kernel; see `norms`."""

import triton
import triton.language as tl


@triton.jit
def add_norm(
    x, added, weight, bias, normed, total, count, width, epsilon, kept,
    rows: tl.constexpr, padded: tl.constexpr, adds: tl.constexpr, biased: tl.constexpr, layer: tl.constexpr,
    keeps: tl.constexpr,
):  # fmt: skip
    """Grid: (blocks of tokens,)."""
    columns = tl.arange(0, padded)[None, :]
    tokens = tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows)[:, None]
    there = (columns < width) & (tokens < count)
    places = tokens * width + columns
    row = tl.load(x + places, mask=there, other=0)
    if adds:
        more = tl.load(added + places, mask=there, other=0)
        row = (row.to(tl.float32) + more.to(tl.float32)).to(x.dtype.element_ty)
    numbers = row.to(tl.float32)
    if layer:
        numbers = tl.where(there, numbers - (tl.sum(numbers, 1) / width)[:, None], 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(numbers * numbers, 1) / width + epsilon)
    result = numbers * scale[:, None] * tl.load(weight + columns, mask=columns < width, other=0)
    if biased:
        result += tl.load(bias + columns, mask=columns < width, other=0)
    rounded = result.to(x.dtype.element_ty)
    tl.store(normed + places, rounded, mask=there)
    if keeps:
        row = (rounded.to(tl.float32) * kept).to(x.dtype.element_ty)
    tl.store(total + places, row, mask=there)
