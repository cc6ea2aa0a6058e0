# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no Python type, and it may not be here.
"""The forward kernel of flash attention (Dao et al. 2022, Dao 2023): a block of queries, all keys it sees.

A program computes `query_tile` queries of one head. It goes through the keys a tile at a time and keeps the
mixed values, the greatest score and the sum of weights, so the memory it needs does not depend on how many
keys there are. Tiles that nothing is seen of are not loaded, and only those at the edges are masked.
"""

import triton
import triton.language as tl

from agentkit_local_models.gpu.flash_tiles import keys_of, product, rows, weighed


@triton.jit
def forward(
    query, key, value, mixed, logs, slopes, query_starts, key_starts, prefixes,
    query_row, query_head, key_row, key_head, value_row, value_head, mixed_row, mixed_head, logs_head,
    inner, outer, window,
    group: tl.constexpr, width: tl.constexpr, padded: tl.constexpr,
    query_tile: tl.constexpr, key_tile: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """Grid: (blocks of the longest sequence's queries, query heads, sequences).

    `logs` gets, for each query, the base-2 logarithm of the sum of exponentials: all that the backward
    pass needs to compute the weights again.
    """
    # the last blocks see the most keys: they begin first, so that no long one is left for the end
    block = tl.num_programs(0) - 1 - tl.program_id(0)
    head = tl.program_id(1)
    sequence = tl.program_id(2)
    begin = tl.load(query_starts + sequence).to(tl.int64)
    count = (tl.load(query_starts + sequence + 1) - begin).to(tl.int32)
    if block * query_tile >= count:
        return
    key_begin = tl.load(key_starts + sequence).to(tl.int64)
    keys = (tl.load(key_starts + sequence + 1) - key_begin).to(tl.int32)
    prefix = 0
    if prefixed:
        prefix = tl.load(prefixes + sequence)
    slope = 0.0
    if penalised:
        slope = tl.load(slopes + head)

    numbers = block * query_tile + tl.arange(0, query_tile)
    columns = tl.arange(0, padded)
    places = numbers + (keys - count)  # the queries are the last tokens
    query += begin * query_row + head * query_head
    key += key_begin * key_row + head // group * key_head
    value += key_begin * value_row + head // group * value_head
    asked = rows(query, numbers, query_row, columns, numbers, count, width, padded, True)

    largest = tl.full([query_tile], float("-inf"), tl.float32)
    total = tl.zeros([query_tile], tl.float32)
    sums = tl.zeros([query_tile, padded], tl.float32)
    first = block * query_tile + keys - count
    last = tl.minimum(first + query_tile, keys) - 1
    start, whole, whole_end, end = keys_of(first, last, keys, window, prefix, key_tile, windowed, prefixed)
    if windowed:
        sums, largest, total = _through(
            sums, largest, total, asked, places, key, value, key_row, value_row, start, whole,
            keys, window, prefix, slope, inner, outer, width, padded, key_tile,
            True, windowed, prefixed, penalised, capped, exact,
        )  # fmt: skip
    sums, largest, total = _through(
        sums, largest, total, asked, places, key, value, key_row, value_row, whole, whole_end,
        keys, window, prefix, slope, inner, outer, width, padded, key_tile,
        False, windowed, prefixed, penalised, capped, exact,
    )  # fmt: skip
    sums, largest, total = _through(
        sums, largest, total, asked, places, key, value, key_row, value_row, whole_end, end,
        keys, window, prefix, slope, inner, outer, width, padded, key_tile,
        True, windowed, prefixed, penalised, capped, exact,
    )  # fmt: skip

    there = numbers < count
    # rows beyond the sequence may have seen nothing; they are not stored
    total = tl.where(there, total, 1.0)
    result = sums / total[:, None]
    out = mixed + begin * mixed_row + head * mixed_head + numbers[:, None] * mixed_row + columns[None, :]
    tl.store(out, result.to(mixed.dtype.element_ty), mask=there[:, None] & (columns < width)[None, :])
    tl.store(logs + head * logs_head + begin + numbers, largest + tl.log2(total), mask=there)


@triton.jit
def _through(
    sums, largest, total, asked, places, key, value, key_row, value_row, start, end,
    keys, window, prefix, slope, inner, outer,
    width: tl.constexpr, padded: tl.constexpr, key_tile: tl.constexpr, masked: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """Take in the keys from `start` to `end`."""
    columns = tl.arange(0, padded)
    for at in range(start, end, key_tile):
        key_places = at + tl.arange(0, key_tile)
        shown = rows(key, key_places, key_row, columns, key_places, keys, width, padded, masked)
        products = product(asked, tl.trans(shown), exact)
        weights, shrunk, largest, total = weighed(
            products, largest, total, places, key_places, keys, window, prefix, slope,
            inner, outer, masked, windowed, prefixed, penalised, capped,
        )  # fmt: skip
        taken = rows(value, key_places, value_row, columns, key_places, keys, width, padded, masked)
        sums = sums * shrunk[:, None] + product(weights.to(taken.dtype), taken, exact)
    return sums, largest, total
