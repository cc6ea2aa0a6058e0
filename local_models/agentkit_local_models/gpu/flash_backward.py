# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no Python type, and it may not be here.
"""The backward kernels of flash attention (Dao 2023): weights are computed again, a tile at a time.

Of the forward pass only the result and the logarithm of each query's sum are kept. With P the weights, O the
result and dO its gradient: dV = Pᵀ dO, dP = dO Vᵀ, dS = P (dP - rowsum(dO O)), dQ = dS K, dK = dSᵀ Q.
One kernel goes through the queries of a block of keys, another through the keys of a block of queries. Each
number is written once by one program and summed in a fixed order, without atomics: the same gradients come
out to the last bit every time.
"""

import triton
import triton.language as tl

from agentkit_local_models.gpu.flash_tiles import keys_of, product, rows, seen, tanh


@triton.jit
def shares(
    mixed, gradient, result, mixed_row, mixed_head, gradient_row, gradient_head, result_head, count,
    width: tl.constexpr, padded: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """The sum of O dO over each head of each query. Grid: (blocks of all queries, query heads)."""
    head = tl.program_id(1)
    numbers = tl.program_id(0).to(tl.int64) * tile + tl.arange(0, tile)
    columns = tl.arange(0, padded)
    mine = rows(mixed + head * mixed_head, numbers, mixed_row, columns, numbers, count, width, padded, True)
    given = rows(
        gradient + head * gradient_head, numbers, gradient_row, columns, numbers, count, width, padded, True
    )
    total = tl.sum(mine.to(tl.float32) * given.to(tl.float32), 1)
    tl.store(result + head * result_head + numbers, total, mask=numbers < count)


@triton.jit
def weights_of(
    products, logs, distance, key_places, keys, window, prefix, slope, inner, outer,
    masked: tl.constexpr, windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr,
    capped: tl.constexpr,
):  # fmt: skip
    """The weights again, and what the cap lets through of a score's gradient (1 without a cap)."""
    passed = 1.0
    if capped:
        squeezed = tanh(products * inner)
        passed = 1.0 - squeezed * squeezed
        scores = outer * squeezed
    else:
        scores = products * inner
    if penalised:
        scores -= slope * tl.maximum(distance, 0).to(tl.float32)
    scores -= logs
    if masked:
        shown = seen(distance, key_places, keys, window, prefix, windowed, prefixed)
        scores = tl.where(shown, scores, float("-inf"))
    return tl.exp2(scores), passed


@triton.jit
def keys_and_values(
    query, key, value, gradient, logs, sums, to_key, to_value, slopes, query_starts, key_starts, prefixes,
    query_row, query_head, key_row, key_head, value_row, value_head, gradient_row, gradient_head, logs_head,
    to_row, to_head, inner, outer, scale, window,
    group: tl.constexpr, width: tl.constexpr, padded: tl.constexpr,
    query_tile: tl.constexpr, key_tile: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """The gradients of a block of keys. Grid: (blocks of most keys of a sequence, key heads, sequences)."""
    block = tl.program_id(0)  # the first keys are seen by the most queries, and these begin first
    kv_head = tl.program_id(1)
    sequence = tl.program_id(2)
    key_begin = tl.load(key_starts + sequence).to(tl.int64)
    keys = (tl.load(key_starts + sequence + 1) - key_begin).to(tl.int32)
    if block * key_tile >= keys:
        return
    begin = tl.load(query_starts + sequence).to(tl.int64)
    count = (tl.load(query_starts + sequence + 1) - begin).to(tl.int32)
    prefix = 0
    if prefixed:
        prefix = tl.load(prefixes + sequence)

    key_places = block * key_tile + tl.arange(0, key_tile)
    columns = tl.arange(0, padded)
    shown = rows(
        key + key_begin * key_row + kv_head * key_head,
        key_places, key_row, columns, key_places, keys, width, padded, True,
    )  # fmt: skip
    taken = rows(
        value + key_begin * value_row + kv_head * value_head,
        key_places, value_row, columns, key_places, keys, width, padded, True,
    )  # fmt: skip
    to_shown = tl.zeros([key_tile, padded], tl.float32)
    to_taken = tl.zeros([key_tile, padded], tl.float32)

    shift = keys - count  # the position of query 0
    start, whole, whole_end, end = _queries_of(
        block * key_tile, keys, count, shift, window, prefix, query_tile, key_tile, windowed, prefixed
    )
    for member in range(group):
        head = kv_head * group + member
        slope = 0.0
        if penalised:
            slope = tl.load(slopes + head)
        asking = query + begin * query_row + head * query_head
        giving = gradient + begin * gradient_row + head * gradient_head
        log = logs + head * logs_head + begin
        share = sums + head * logs_head + begin
        to_shown, to_taken = _through_queries(
            to_shown, to_taken, shown, taken, key_places, asking, giving, log, share, query_row,
            gradient_row, start, whole, count, shift, keys, window, prefix, slope, inner, outer,
            width, padded, query_tile, True, windowed, prefixed, penalised, capped, exact,
        )  # fmt: skip
        to_shown, to_taken = _through_queries(
            to_shown, to_taken, shown, taken, key_places, asking, giving, log, share, query_row,
            gradient_row, whole, whole_end, count, shift, keys, window, prefix, slope, inner, outer,
            width, padded, query_tile, False, windowed, prefixed, penalised, capped, exact,
        )  # fmt: skip
        to_shown, to_taken = _through_queries(
            to_shown, to_taken, shown, taken, key_places, asking, giving, log, share, query_row,
            gradient_row, whole_end, end, count, shift, keys, window, prefix, slope, inner, outer,
            width, padded, query_tile, True, windowed, prefixed, penalised, capped, exact,
        )  # fmt: skip

    out = (key_begin + key_places[:, None]) * to_row + kv_head * to_head + columns[None, :]
    there = (key_places < keys)[:, None] & (columns < width)[None, :]
    tl.store(to_key + out, (to_shown * scale).to(to_key.dtype.element_ty), mask=there)
    tl.store(to_value + out, to_taken.to(to_value.dtype.element_ty), mask=there)


@triton.jit
def _queries_of(
    first, keys, count, shift, window, prefix,
    query_tile: tl.constexpr, key_tile: tl.constexpr, windowed: tl.constexpr, prefixed: tl.constexpr,
):  # fmt: skip
    """As `flash_tiles.keys_of`: which tiles of queries see the keys from `first` on, in part and wholly."""
    last = tl.minimum(first + key_tile, keys) - 1
    start = tl.maximum(first - shift, 0)
    whole = tl.maximum(last - shift, 0)
    if prefixed:
        start = tl.where(first < prefix, 0, start)
        whole = tl.where(last < prefix, 0, whole)
    end = count + first * 0
    whole_end = end
    if windowed:
        end = tl.maximum(tl.minimum(end, last + window - shift), 0)
        whole_end = tl.maximum(tl.minimum(whole_end, first + window - shift), 0)
    start = start // query_tile * query_tile
    whole = tl.minimum(tl.cdiv(whole, query_tile), tl.cdiv(end, query_tile)) * query_tile
    whole = tl.maximum(whole, start)
    whole_end = tl.maximum(whole, whole_end // query_tile * query_tile)
    # keys beyond the last are hidden by the mask
    whole_end = tl.where(first + key_tile > keys, whole, whole_end)
    return start, whole, whole_end, end


@triton.jit
def _through_queries(
    to_shown, to_taken, shown, taken, key_places, asking, giving, log, share, query_row, gradient_row,
    start, end, count, shift, keys, window, prefix, slope, inner, outer,
    width: tl.constexpr, padded: tl.constexpr, query_tile: tl.constexpr, masked: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """Add what the queries from `start` to `end` give back; tiles are [keys, queries], as sums need them."""
    columns = tl.arange(0, padded)
    for at in range(start, end, query_tile):
        numbers = at + tl.arange(0, query_tile)
        # beyond the last query everything is 0 and adds nothing
        asked = rows(asking, numbers, query_row, columns, numbers, count, width, padded, masked)
        given = rows(giving, numbers, gradient_row, columns, numbers, count, width, padded, masked)
        if masked:
            logs = tl.load(log + numbers, mask=numbers < count, other=0.0)
            sums = tl.load(share + numbers, mask=numbers < count, other=0.0)
        else:
            logs = tl.load(log + numbers)
            sums = tl.load(share + numbers)
        distance = (numbers + shift)[None, :] - key_places[:, None]
        weights, passed = weights_of(
            product(shown, tl.trans(asked), exact), logs[None, :], distance, key_places[:, None], keys,
            window, prefix, slope, inner, outer, masked, windowed, prefixed, penalised, capped,
        )  # fmt: skip
        to_taken += product(weights.to(given.dtype), given, exact)
        to_weights = product(taken, tl.trans(given), exact)
        to_scores = weights * (to_weights - sums[None, :]) * passed
        to_shown += product(to_scores.to(asked.dtype), asked, exact)
    return to_shown, to_taken


@triton.jit
def queries(
    query, key, value, gradient, logs, sums, to_query, slopes, query_starts, key_starts, prefixes,
    query_row, query_head, key_row, key_head, value_row, value_head, gradient_row, gradient_head, logs_head,
    to_row, to_head, inner, outer, scale, window,
    group: tl.constexpr, width: tl.constexpr, padded: tl.constexpr,
    query_tile: tl.constexpr, key_tile: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """The gradient of a block of queries. Grid: as the forward kernel's."""
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
    there = numbers < count
    places = numbers + (keys - count)
    query += begin * query_row + head * query_head
    gradient += begin * gradient_row + head * gradient_head
    key += key_begin * key_row + head // group * key_head
    value += key_begin * value_row + head // group * value_head
    asked = rows(query, numbers, query_row, columns, numbers, count, width, padded, True)
    given = rows(gradient, numbers, gradient_row, columns, numbers, count, width, padded, True)
    log = tl.load(logs + head * logs_head + begin + numbers, mask=there, other=0.0)
    share = tl.load(sums + head * logs_head + begin + numbers, mask=there, other=0.0)

    to_asked = tl.zeros([query_tile, padded], tl.float32)
    first = block * query_tile + keys - count
    last = tl.minimum(first + query_tile, keys) - 1
    start, whole, whole_end, end = keys_of(first, last, keys, window, prefix, key_tile, windowed, prefixed)
    if windowed:
        to_asked = _through_keys(
            to_asked, asked, given, log, share, places, key, value, key_row, value_row, start, whole,
            keys, window, prefix, slope, inner, outer, width, padded, key_tile,
            True, windowed, prefixed, penalised, capped, exact,
        )  # fmt: skip
    to_asked = _through_keys(
        to_asked, asked, given, log, share, places, key, value, key_row, value_row, whole, whole_end,
        keys, window, prefix, slope, inner, outer, width, padded, key_tile,
        False, windowed, prefixed, penalised, capped, exact,
    )  # fmt: skip
    to_asked = _through_keys(
        to_asked, asked, given, log, share, places, key, value, key_row, value_row, whole_end, end,
        keys, window, prefix, slope, inner, outer, width, padded, key_tile,
        True, windowed, prefixed, penalised, capped, exact,
    )  # fmt: skip
    out = to_query + (begin + numbers[:, None]) * to_row + head * to_head + columns[None, :]
    tl.store(
        out,
        (to_asked * scale).to(to_query.dtype.element_ty),
        mask=there[:, None] & (columns < width)[None, :],
    )


@triton.jit
def _through_keys(
    to_asked, asked, given, log, share, places, key, value, key_row, value_row, start, end,
    keys, window, prefix, slope, inner, outer,
    width: tl.constexpr, padded: tl.constexpr, key_tile: tl.constexpr, masked: tl.constexpr,
    windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr, capped: tl.constexpr,
    exact: tl.constexpr,
):  # fmt: skip
    """Add what comes back through the keys from `start` to `end`."""
    columns = tl.arange(0, padded)
    for at in range(start, end, key_tile):
        key_places = at + tl.arange(0, key_tile)
        shown = rows(key, key_places, key_row, columns, key_places, keys, width, padded, masked)
        taken = rows(value, key_places, value_row, columns, key_places, keys, width, padded, masked)
        weights, passed = weights_of(
            product(asked, tl.trans(shown), exact), log[:, None], places[:, None] - key_places[None, :],
            key_places[None, :], keys, window, prefix, slope, inner, outer,
            masked, windowed, prefixed, penalised, capped,
        )  # fmt: skip
        to_weights = product(given, tl.trans(taken), exact)
        to_scores = weights * (to_weights - share[:, None]) * passed
        to_asked += product(to_scores.to(shown.dtype), shown, exact)
    return to_asked
