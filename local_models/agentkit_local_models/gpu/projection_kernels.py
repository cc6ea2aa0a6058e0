# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no type, and it may not be installed.
"""Projections with what follows them in the same kernel; see `projections`."""

import triton
import triton.language as tl

from agentkit_local_models.gpu.products import activated, product


@triton.jit
def project(
    x, matrix, scales, lows, bias, result, count, width, columns,
    form: tl.constexpr, biased: tl.constexpr, activation: tl.constexpr, gated: tl.constexpr,
    token_tile: tl.constexpr, row_tile: tl.constexpr, depth_tile: tl.constexpr, exact: tl.constexpr,
):  # fmt: skip
    """Grid: (blocks of rows, blocks of tokens)."""
    tokens = tl.program_id(1).to(tl.int64) * token_tile + tl.arange(0, token_tile)
    token_there = tokens < count
    numbers = tl.arange(0, row_tile).to(tl.int64)
    if gated:
        # neighbours are a gate and what it gates
        outputs: tl.constexpr = row_tile // 2
        at = tl.program_id(0).to(tl.int64) * outputs
        columns_out = at + tl.arange(0, outputs)
        rows = at + numbers // 2 + numbers % 2 * width
        row_there = at + numbers // 2 < width
    else:
        columns_out = tl.program_id(0).to(tl.int64) * row_tile + numbers
        rows = columns_out
        row_there = rows < width
    sums = product(
        x, matrix, scales, lows, tokens, token_there, rows, row_there, columns,
        token_tile, row_tile, depth_tile, form, exact,
    )  # fmt: skip
    if biased:
        sums += tl.load(bias + rows, mask=row_there, other=0)[None, :]
    if gated:
        gate, up = tl.split(tl.reshape(sums, (token_tile, row_tile // 2, 2)))
        sums = activated(gate, activation) * up
    else:
        sums = activated(sums, activation)
    tl.store(
        result + tokens[:, None] * width + columns_out[None, :],
        sums.to(result.dtype.element_ty),
        mask=token_there[:, None] & (columns_out < width)[None, :],
    )


@triton.jit
def query_key_value(
    x, matrix, scales, lows, bias, query, pages, slots, cosines, sines, count, columns, query_heads, keys,
    width: tl.constexpr, rotated: tl.constexpr, planes: tl.constexpr, blocks: tl.constexpr,
    form: tl.constexpr, biased: tl.constexpr,
    token_tile: tl.constexpr, depth_tile: tl.constexpr, exact: tl.constexpr,
):  # fmt: skip
    """Grid: (heads times blocks of planes, blocks of tokens). Neighbouring rows are a plane's two numbers."""
    head = tl.program_id(0) // blocks
    start = tl.program_id(0) % blocks * planes
    tokens = tl.program_id(1).to(tl.int64) * token_tile + tl.arange(0, token_tile)
    token_there = tokens < count
    numbers = tl.arange(0, 2 * planes)
    plane = start + numbers // 2
    rows = head.to(tl.int64) * width + _number(plane, numbers % 2, width, rotated)
    row_there = plane < width // 2
    sums = product(
        x, matrix, scales, lows, tokens, token_there, rows, row_there, columns,
        token_tile, 2 * planes, depth_tile, form, exact,
    )  # fmt: skip
    if biased:
        sums += tl.load(bias + rows, mask=row_there, other=0)[None, :]
    first, second = tl.split(tl.reshape(sums, (token_tile, planes, 2)))
    plane = start + tl.arange(0, planes)
    if rotated > 0:  # noqa: SIM102 - the first is known when it is compiled, the second is not
        if head < query_heads + keys:
            first, second = _turned(first, second, tokens, token_there, plane, cosines, sines, rotated)
    there = token_there[:, None] & (plane < width // 2)[None, :]
    for half in tl.static_range(2):
        _put(
            first if half == 0 else second, _number(plane, half, width, rotated), tokens, token_there, there,
            head, query, pages, slots, query_heads, keys, width,
        )  # fmt: skip


@triton.jit
def turn(
    whole, query, pages, slots, cosines, sines, query_norm, key_norm, epsilon, count, query_heads, keys,
    width: tl.constexpr, rotated: tl.constexpr, padded: tl.constexpr, normed: tl.constexpr,
    token_tile: tl.constexpr,
):  # fmt: skip
    """Grid: (blocks of tokens, heads): the same for a product that is there already."""
    tokens = tl.program_id(0).to(tl.int64) * token_tile + tl.arange(0, token_tile)
    token_there = tokens < count
    head = tl.program_id(1)
    plane = tl.arange(0, padded)
    there = token_there[:, None] & (plane < width // 2)[None, :]
    row = whole + tokens[:, None] * ((query_heads + 2 * keys) * width) + head * width
    first_number, second_number = _number(plane, 0, width, rotated), _number(plane, 1, width, rotated)
    first = tl.load(row + first_number[None, :], mask=there, other=0).to(tl.float32)
    second = tl.load(row + second_number[None, :], mask=there, other=0).to(tl.float32)
    if head < query_heads + keys:
        if normed:
            squares = tl.sum(first * first, 1) + tl.sum(second * second, 1)
            scale = (1.0 / tl.sqrt(squares / width + epsilon))[:, None]
            first *= scale * _weight(query_norm, key_norm, first_number, plane, head < query_heads, width)
            second *= scale * _weight(query_norm, key_norm, second_number, plane, head < query_heads, width)
        if rotated > 0:
            first, second = _turned(first, second, tokens, token_there, plane, cosines, sines, rotated)
    _put(first, first_number, tokens, token_there, there, head, query, pages, slots, query_heads, keys, width)
    _put(
        second, second_number, tokens, token_there, there, head, query, pages, slots, query_heads, keys, width
    )


@triton.jit
def _weight(query_norm, key_norm, number, plane, is_query, width: tl.constexpr):
    there = (plane < width // 2)[None, :]
    of_queries = tl.load(query_norm + number[None, :], mask=there, other=0)
    return tl.where(is_query, of_queries, tl.load(key_norm + number[None, :], mask=there, other=0))


@triton.jit
def _number(plane, half, width: tl.constexpr, rotated: tl.constexpr):
    """Which number of a head is a plane's first (half 0) or second; what is not turned comes last."""
    still: tl.constexpr = (width - rotated) // 2
    turned = plane + half * (rotated // 2)
    return tl.where(plane < rotated // 2, turned, rotated // 2 + plane + half * still)


@triton.jit
def _turned(first, second, tokens, token_there, plane, cosines, sines, rotated: tl.constexpr):
    """A plane's numbers (a, b) by its angle: a cos - b sin, b cos + a sin (Su et al. 2021)."""
    places = tokens[:, None] * (rotated // 2) + plane[None, :]
    there = token_there[:, None] & (plane < rotated // 2)[None, :]
    cosine = tl.load(cosines + places, mask=there, other=1.0)
    sine = tl.load(sines + places, mask=there, other=0.0)
    return first * cosine - second * sine, second * cosine + first * sine


@triton.jit
def _put(
    numbers, number, tokens, token_there, there, head, query, pages, slots, query_heads, keys,
    width: tl.constexpr,
):  # fmt: skip
    """Store numbers of one head, [tokens, planes]: queries in their rows, keys and values in their pages."""
    if head < query_heads:
        places = query + tokens[:, None] * (query_heads * width) + head * width + number[None, :]
        tl.store(places, numbers.to(query.dtype.element_ty), mask=there)
    else:
        slot = tl.load(slots + tokens, mask=token_there, other=-1).to(tl.int64)
        kept = there & (slot >= 0)[:, None]
        rows = (slot // 16 * (2 * keys) + (head - query_heads)) * 16 + slot % 16
        places = pages + rows[:, None] * width + number[None, :]
        tl.store(places, numbers.to(pages.dtype.element_ty), mask=kept)


@triton.jit
def activate(
    whole, result, count, width, rows, activation: tl.constexpr, gated: tl.constexpr,
    token_tile: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """Grid: (blocks of tokens, blocks of columns)."""
    tokens = tl.program_id(0).to(tl.int64) * token_tile + tl.arange(0, token_tile)[:, None]
    columns = tl.program_id(1) * tile + tl.arange(0, tile)[None, :]
    there = (tokens < count) & (columns < width)
    places = whole + tokens * rows + columns
    numbers = activated(tl.load(places, mask=there, other=0).to(tl.float32), activation)
    if gated:
        numbers *= tl.load(places + width, mask=there, other=0).to(tl.float32)
    tl.store(result + tokens * width + columns, numbers.to(result.dtype.element_ty), mask=there)
