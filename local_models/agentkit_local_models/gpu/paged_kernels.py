# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no Python type, and it may not be here.
"""The kernels of attention over pages: answers that go on by one token and chunks of prompts in one launch.

A row is one token and one of the query heads that share a key head, so keys are read once for all of them.
The keys of a block of rows can be split among programs that each give a part (flash decoding, Dao et al.
2023); `joined` weighs the parts by their sums. Pages are those of paged attention (Kwon et al. 2023).
"""

import triton
import triton.language as tl

from agentkit_local_models.gpu.flash_tiles import keys_of, product, rows, weighed


@triton.jit
def over_pages(
    query, pages, mixed, parts, logs, slopes, query_starts, lengths, tables, prefixes,
    query_row, query_head, page_step, page_head, page_row, table_row, mixed_row, mixed_head,
    part_split, part_row, part_head, log_split, log_row, sequences, inner, outer, window,
    kv_heads: tl.constexpr, page: tl.constexpr, splits: tl.constexpr, tile: tl.constexpr,
    group: tl.constexpr, width: tl.constexpr, padded: tl.constexpr, key_tile: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """Grid: (blocks of all tokens, one more for each sequence; key heads; splits).

    With one split `mixed` is written, else `parts` and `logs`: what the split's keys come to by themselves,
    and the base-2 logarithm of the sum of their exponentials.
    """
    tokens: tl.constexpr = tile // group
    block = tl.program_id(0)
    kv_head = tl.program_id(1)
    split = tl.program_id(2)
    sequence = _sequence_of(block, query_starts, sequences, tokens)
    begin = tl.load(query_starts + sequence)
    count = tl.load(query_starts + sequence + 1) - begin
    first_token = (block - begin // tokens - sequence) * tokens
    if first_token >= count:
        return
    keys = tl.load(lengths + sequence)
    prefix = 0
    if prefixed:
        prefix = tl.load(prefixes + sequence)

    numbers = tl.arange(0, tile)
    columns = tl.arange(0, padded)
    token = first_token + numbers // group
    head = kv_head * group + numbers % group
    there = (numbers < tokens * group) & (token < count)
    row = (begin + token).to(tl.int64)
    slope = 0.0
    if penalised:
        slope = tl.load(slopes + head, mask=there, other=0.0)[:, None]
    asked = tl.load(
        query + (row * query_row + head * query_head)[:, None] + columns[None, :],
        mask=there[:, None] & (columns < width)[None, :],
        other=0.0,
    )

    places = token + (keys - count)
    first = first_token + keys - count
    last = tl.minimum(first + tokens, keys) - 1
    start, whole, whole_end, end = keys_of(first, last, keys, window, prefix, key_tile, windowed, prefixed)
    share = tl.cdiv(tl.cdiv(end - start, key_tile), splits) * key_tile
    start += split * share
    end = tl.minimum(end, start + share)
    table = tables + sequence.to(tl.int64) * table_row
    key_pages = pages + kv_head * page_head
    value_pages = pages + (kv_heads + kv_head) * page_head

    largest = tl.full([tile], float("-inf"), tl.float32)
    total = tl.zeros([tile], tl.float32)
    sums = tl.zeros([tile, padded], tl.float32)
    if windowed:
        sums, largest, total = _through(
            sums, largest, total, asked, places, key_pages, value_pages, table, page_step, page_row,
            start, tl.minimum(whole, end), keys, window, prefix, slope, inner, outer,
            page, width, padded, key_tile, True, windowed, prefixed, penalised, capped, exact,
        )  # fmt: skip
    sums, largest, total = _through(
        sums, largest, total, asked, places, key_pages, value_pages, table, page_step, page_row,
        tl.maximum(whole, start), tl.minimum(whole_end, end), keys, window, prefix, slope, inner, outer,
        page, width, padded, key_tile, False, windowed, prefixed, penalised, capped, exact,
    )  # fmt: skip
    sums, largest, total = _through(
        sums, largest, total, asked, places, key_pages, value_pages, table, page_step, page_row,
        tl.maximum(whole_end, start), end, keys, window, prefix, slope, inner, outer,
        page, width, padded, key_tile, True, windowed, prefixed, penalised, capped, exact,
    )  # fmt: skip

    # nothing was seen in rows that are not there, or in a split without a key of theirs
    some = total > 0.0
    result = sums / tl.where(some, total, 1.0)[:, None]
    shown = there[:, None] & (columns < width)[None, :]
    if splits == 1:
        out = mixed + (row * mixed_row + head * mixed_head)[:, None] + columns[None, :]
        tl.store(out, result.to(mixed.dtype.element_ty), mask=shown)
    else:
        out = parts + split.to(tl.int64) * part_split + (row * part_row + head * part_head)[:, None]
        tl.store(out + columns[None, :], result, mask=shown)
        log = tl.where(some, largest + tl.log2(tl.where(some, total, 1.0)), float("-inf"))
        tl.store(logs + split.to(tl.int64) * log_split + row * log_row + head, log, mask=there)


@triton.jit
def joined(
    parts, logs, mixed, part_split, part_row, part_head, log_split, log_row, mixed_row, mixed_head,
    splits: tl.constexpr, padded_splits: tl.constexpr, width: tl.constexpr, padded: tl.constexpr,
):  # fmt: skip
    """The parts of all splits as one. Grid: (tokens, query heads)."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    numbers = tl.arange(0, padded_splits)
    columns = tl.arange(0, padded)
    log = tl.load(
        logs + numbers * log_split + row * log_row + head, mask=numbers < splits, other=float("-inf")
    )
    # a row that only fills a batch has seen nothing in any split: it comes out as 0
    most = tl.max(log, 0)
    share = tl.exp2(log - tl.where(most == float("-inf"), 0.0, most))
    share = share / tl.maximum(tl.sum(share, 0), 1e-30)
    part = tl.load(
        parts + numbers[:, None] * part_split + row * part_row + head * part_head + columns[None, :],
        mask=(numbers < splits)[:, None] & (columns < width)[None, :],
        other=0.0,
    )
    result = tl.sum(part * share[:, None], 0)
    out = mixed + row * mixed_row + head * mixed_head + columns
    tl.store(out, result.to(mixed.dtype.element_ty), mask=columns < width)


@triton.jit
def _sequence_of(block, query_starts, sequences, tokens: tl.constexpr):
    """Whose block it is: the last sequence i with `query_starts[i] // tokens + i <= block`.

    That is room enough for each sequence wherever its first token is in a block; the price is at most one
    empty program a sequence.
    """
    low = block * 0
    high = low + sequences - 1
    while low < high:
        middle = (low + high + 1) // 2
        begins = tl.load(query_starts + middle) // tokens + middle
        low = tl.where(begins <= block, middle, low)
        high = tl.where(begins <= block, high, middle - 1)
    return low


@triton.jit
def _through(
    sums, largest, total, asked, places, key_pages, value_pages, table, page_step, page_row, start, end,
    keys, window, prefix, slope, inner, outer,
    page: tl.constexpr, width: tl.constexpr, padded: tl.constexpr, key_tile: tl.constexpr,
    masked: tl.constexpr, windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr,
    capped: tl.constexpr, exact: tl.constexpr,
):  # fmt: skip
    """Take in the keys from `start` to `end`, page by page of the sequence's table."""
    columns = tl.arange(0, padded)
    for at in range(start, end, key_tile):
        key_places = at + tl.arange(0, key_tile)
        if masked:
            number = tl.load(table + key_places // page, mask=key_places < keys, other=0)
        else:
            number = tl.load(table + key_places // page)
        lie = number.to(tl.int64) * page_step + key_places % page * page_row
        shown = rows(key_pages, lie, 1, columns, key_places, keys, width, padded, masked)
        products = product(asked, tl.trans(shown), exact)
        weights, shrunk, largest, total = weighed(
            products, largest, total, places, key_places, keys, window, prefix, slope, inner, outer,
            masked, windowed, prefixed, penalised, capped,
        )  # fmt: skip
        taken = rows(value_pages, lie, 1, columns, key_places, keys, width, padded, masked)
        sums = sums * shrunk[:, None] + product(weights.to(taken.dtype), taken, exact)
    return sums, largest, total
