# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no type, and it may not be installed.
"""What the kernels of projections share: rows of x times rows of a matrix in any form, and activations.

A step of few tokens is bound by reading the weights once. One token is multiplied number by number and summed
at the end, so that loads wait for nothing; from two on they are tiles of `tl.dot`, whose spare rows are free
as long as memory is what is waited for. Quantised weights become floats in registers, never in memory.
"""

import triton
import triton.language as tl

FLOATS = tl.constexpr(0)
INT8 = tl.constexpr(1)
INT4 = tl.constexpr(2)


@triton.jit
def product(
    x, matrix, scales, lows, tokens, token_there, rows, row_there, columns,
    token_tile: tl.constexpr, row_tile: tl.constexpr, depth_tile: tl.constexpr,
    form: tl.constexpr, exact: tl.constexpr,
):  # fmt: skip
    """`x wᵀ` of some tokens and some rows of a matrix: float32 [token_tile, row_tile].

    Args:
        x: [all tokens, columns], contiguous.
        matrix: floats or int8 codes [all rows, columns], or bytes of two codes each (`matrices.Int4Groups`).
        scales: of int8 codes one a row, of int4 codes one for 32 columns.
        lows: of int4 codes, as `scales`.
        tokens: which of x, int64 [token_tile].
        token_there: which of these exist; the others are read as 0.
        rows: which of the matrix, int64 [row_tile].
        row_there: which of these exist.
        columns: of x.
        token_tile: 1, or 16 and more.
        row_tile: as `rows`.
        depth_tile: columns at once; of int4 bytes at once.
        form: of the matrix.
        exact: whether products are made in float32 (see `flash_tiles.product`).
    """
    depth = columns // 2 if form == INT4 else columns
    if token_tile == 1:
        sums = tl.zeros([row_tile, depth_tile], tl.float32)
    else:
        sums = tl.zeros([token_tile, row_tile], tl.float32)
    for at in range(0, depth, depth_tile):
        places = at + tl.arange(0, depth_tile)
        there = places < depth
        both = row_there[:, None] & there[None, :]
        codes = tl.load(matrix + rows[:, None] * depth + places[None, :], mask=both, other=0)
        if form == INT4:
            # byte j of a group's 16 has the codes of its columns j and j + 16
            group = places // 16
            of_groups = rows[:, None] * (depth // 16) + group[None, :]
            scale = tl.load(scales + of_groups, mask=both, other=0).to(tl.float32)
            low = tl.load(lows + of_groups, mask=both, other=0).to(tl.float32)
            column = group * 32 + places % 16
            first = (codes & 15).to(tl.float32) * scale + low
            second = (codes >> 4).to(tl.float32) * scale + low
            sums = _taken(sums, x, first, tokens, token_there, column, there, columns, token_tile, exact)
            sums = _taken(
                sums, x, second, tokens, token_there, column + 16, there, columns, token_tile, exact
            )
        else:
            sums = _taken(sums, x, codes, tokens, token_there, places, there, columns, token_tile, exact)
    if token_tile == 1:
        sums = tl.sum(sums, 1)[None, :]
    if form == INT8:
        sums *= tl.load(scales + rows, mask=row_there, other=0)[None, :]
    return sums


@triton.jit
def _taken(
    sums, x, tile, tokens, token_there, column, there, columns,
    token_tile: tl.constexpr, exact: tl.constexpr,
):  # fmt: skip
    """The sums with one tile of the matrix [row_tile, depth_tile] more."""
    shown = tl.load(
        x + tokens[:, None] * columns + column[None, :], mask=token_there[:, None] & there[None, :], other=0
    )
    if token_tile == 1:
        sums += tile.to(tl.float32) * shown.to(tl.float32)
    elif exact:
        sums += tl.dot(shown.to(tl.float32), tl.trans(tile.to(tl.float32)), input_precision="ieee")
    else:
        sums += tl.dot(shown, tl.trans(tile.to(shown.dtype)), input_precision="ieee")
    return sums


@triton.jit
def activated(x, activation: tl.constexpr):
    """`x` in float32 through an activation, named as in `Arch.activation`; "none" leaves it."""
    result = x
    if activation == "silu":
        result = x / (1.0 + tl.exp(-x))
    elif activation == "gelu":
        result = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    elif activation == "gelu-tanh":
        inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
        # tanh(y) / 2 + 1/2 is the logistic function of 2 y
        result = x / (1.0 + tl.exp(-2.0 * inner))
    return result
