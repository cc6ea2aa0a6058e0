# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no Python type, and it may not be here.
"""What the kernels of attention share: products, scores, what is seen, and the online softmax.

A tile is a block of queries against a block of keys. Scores are logarithms to the base 2, because the GPU
has an instruction for `exp2`: the factor log2(e) is part of the scale. The online softmax is that of Milakov
and Gimelshein (2018), in the order of flash attention 2 (Dao 2023): one rescaling a tile, one division
at the end.
"""

import triton
import triton.language as tl


@triton.jit
def product(left, right, exact: tl.constexpr):
    """`left @ right`, in the operands' dtype and summed in float32.

    float32 is three products of TF32 on the tensor cores (3xTF32), about as exact as float32's own; one alone
    would keep 10 bits. With `exact` the operands are made float32 first: the interpreter has no bfloat16 and
    would multiply bit patterns.
    """
    if exact:
        left = left.to(tl.float32)
        right = right.to(tl.float32)
    return tl.dot(left, right, input_precision="tf32x3")


@triton.jit
def tanh(x):
    """The hyperbolic tangent; from 10 on it is 1 in float32."""
    return 1.0 - 2.0 / (1.0 + tl.exp2(tl.minimum(x, 10.0) * 2.885390081777927))


@triton.jit
def scored(products, inner, outer, capped: tl.constexpr):
    """Scores to the base 2: `inner * products`, or `outer * tanh(inner * products)` where they are capped."""
    if capped:
        return outer * tanh(products * inner)
    return products * inner


@triton.jit
def seen(distance, key_places, keys, window, prefix, windowed: tl.constexpr, prefixed: tl.constexpr):
    """Whether queries see keys, in the shape of `distance`; see `attention.Sight`.

    Args:
        distance: how far each key lies before each query; negative after it.
        key_places: of the keys, as a row or a column of that shape.
        keys: how many there are.
    """
    shown = distance >= 0
    if prefixed:
        shown = shown | (key_places < prefix)
    if windowed:
        shown = shown & (distance < window)
    return shown & (key_places < keys)


@triton.jit
def keys_of(
    first, last, keys, window, prefix, step: tl.constexpr, windowed: tl.constexpr, prefixed: tl.constexpr
):
    """Which tiles of `step` keys the queries at first to last need, so that hidden ones are never loaded.

    Returns:
        Four places: tiles from the first to the second, and from the third to the fourth, are seen in part;
        those from the second to the third are seen wholly by every query and need no mask.
    """
    end = last + 1
    whole_end = first + 1
    if prefixed:
        end = tl.maximum(end, prefix)
        whole_end = tl.maximum(whole_end, prefix)
    end = tl.minimum(end, keys)
    whole_end = tl.minimum(whole_end, keys) // step * step
    start = first * 0
    whole = start
    if windowed:
        start = tl.maximum(first - window + 1, 0) // step * step
        whole = tl.cdiv(tl.maximum(last - window + 1, 0), step) * step
        whole = tl.minimum(whole, tl.cdiv(end, step) * step)
    return start, whole, tl.maximum(whole, whole_end), end


@triton.jit
def weighed(
    products, largest, total, places, key_places, keys, window, prefix, slope, inner, outer,
    masked: tl.constexpr, windowed: tl.constexpr, prefixed: tl.constexpr, penalised: tl.constexpr,
    capped: tl.constexpr,
):  # fmt: skip
    """One step of the online softmax.

    Args:
        products: queries times keys, float32 [queries, keys].
        largest: the greatest score of each query so far; -inf before the first.
        total: the sum of weights so far.
        places: positions of the queries; `key_places` those of the keys.

    Returns:
        The tile's weights, what earlier sums are scaled by, the new greatest scores, the new sums.
    """
    if masked or penalised or capped:
        distance = places[:, None] - key_places[None, :]
        scores = scored(products, inner, outer, capped)
        if penalised:
            scores -= slope * tl.maximum(distance, 0).to(tl.float32)
        if masked:
            shown = seen(distance, key_places[None, :], keys, window, prefix, windowed, prefixed)
            scores = tl.where(shown, scores, float("-inf"))
        higher = tl.maximum(largest, tl.max(scores, 1))
        # a query that has seen nothing yet has no greatest score: its weights stay 0, not NaN
        base = tl.where(higher == float("-inf"), 0.0, higher)
        weights = tl.exp2(scores - base[:, None])
        shrunk = tl.exp2(largest - base)
    else:
        # the scale is positive, so the greatest is found before it: then one fused multiply-add a number
        higher = tl.maximum(largest, tl.max(products, 1) * inner)
        weights = tl.exp2(products * inner - higher[:, None])
        shrunk = tl.exp2(largest - higher)
    return weights, shrunk, higher, total * shrunk + tl.sum(weights, 1)


@triton.jit
def rows(
    pointer,
    numbers,
    stride,
    columns,
    there,
    count,
    width: tl.constexpr,
    padded: tl.constexpr,
    masked: tl.constexpr,
):
    """Rows of a tensor: [numbers, padded]; 0 beyond `count` (with `masked`) and beyond `width` columns."""
    places = pointer + numbers[:, None] * stride + columns[None, :]
    if masked:
        if width == padded:
            return tl.load(places, mask=(there < count)[:, None], other=0.0)
        return tl.load(places, mask=(there < count)[:, None] & (columns < width)[None, :], other=0.0)
    if width == padded:
        return tl.load(places)
    return tl.load(places, mask=(columns < width)[None, :], other=0.0)
