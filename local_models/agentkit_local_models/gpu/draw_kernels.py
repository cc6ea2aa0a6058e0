# pyright: basic, reportMissingImports=false
# Triton compiles these functions from their source: pointers have no type, and it may not be installed.
"""One token of each row of logits; see `draw`."""

import triton
import triton.language as tl

# numbers that a draw is described by
FIELDS = tl.constexpr(8)


@triton.jit
def draw(logits, draws, masks, tokens, vocabulary, stride, words, tile: tl.constexpr):
    """Grid: (rows,)."""
    row = tl.program_id(0).to(tl.int64)
    described = draws + row * FIELDS
    temperature = tl.load(described).to(tl.float32, bitcast=True)
    top_k = tl.load(described + 1)
    top_p = tl.load(described + 2).to(tl.float32, bitcast=True)
    least = tl.load(described + 3).to(tl.float32, bitcast=True)
    seed = (tl.load(described + 5).to(tl.int64) << 32) | (tl.load(described + 4).to(tl.int64) & 0xFFFFFFFF)
    number = tl.load(described + 6)
    mask = tl.load(described + 7)
    logits += row * stride
    masks += tl.maximum(mask, 0).to(tl.int64) * words

    largest, token, allowed = _likeliest(logits, masks, mask, vocabulary, tile)
    broken = (token < 0) | (largest == float("inf"))
    if (temperature > 0) & (broken == 0):
        # as bits, distances of 0 and more are in the order of whole numbers; this is the greatest finite one
        within = tl.full([], 0x7F7FFFFF, tl.int32)
        if (top_k > 0) & (top_k < allowed):
            goal = top_k.to(tl.float32)
            within = _nearest(
                logits, masks, mask, vocabulary, largest, temperature, within, goal, False, tile
            )
        if top_p < 1:
            total = _within(logits, masks, mask, vocabulary, largest, temperature, within, tile)
            goal = top_p * total
            within = _nearest(logits, masks, mask, vocabulary, largest, temperature, within, goal, True, tile)
        token = _drawn(
            logits, masks, mask, vocabulary, largest, temperature, within, -least, seed, number, tile
        )
    tl.store(tokens + row, tl.where(broken, -1, token).to(tl.int64))


@triton.jit
def _scores(logits, masks, mask, at, vocabulary, tile: tl.constexpr):
    """A tile's logits, -inf where there is no token or none is allowed."""
    numbers = at + tl.arange(0, tile)
    there = numbers < vocabulary
    # a tensor beside a number: the interpreter makes whole numbers of a tensor of truths & one truth
    masked = tl.full([tile], 0, tl.int32) + mask >= 0
    word = tl.load(masks + numbers // 32, mask=there & masked, other=-1)
    there = there & (((word >> (numbers % 32)) & 1) == 1)
    return tl.load(logits + numbers, mask=there, other=float("-inf"))


@triton.jit
def _distances(logits, masks, mask, at, vocabulary, largest, temperature, tile: tl.constexpr):
    """How far below the likeliest, in units of the temperature: [tile], inf where there is no token."""
    scores = _scores(logits, masks, mask, at, vocabulary, tile)
    return tl.abs((scores - largest) / temperature)


@triton.jit
def _likeliest(logits, masks, mask, vocabulary, tile: tl.constexpr):
    """The greatest logit, its token (-1 where a logit is no number or none is allowed), how many are."""
    largest = tl.full([], float("-inf"), tl.float32)
    token = tl.full([], -1, tl.int32)
    allowed = tl.full([], 0, tl.int32)
    wrong = tl.full([], 0, tl.int32)
    for at in range(0, vocabulary, tile):
        scores = _scores(logits, masks, mask, at, vocabulary, tile)
        wrong += tl.sum((scores != scores).to(tl.int32))
        allowed += tl.sum((scores > float("-inf")).to(tl.int32))
        best = tl.max(tl.where(scores != scores, float("-inf"), scores))
        first = tl.min(tl.where(scores == best, tl.arange(0, tile), tile))
        higher = best > largest
        token = tl.where(higher, at + first, token)
        largest = tl.where(higher, best, largest)
    return largest, tl.where(wrong > 0, -1, token), allowed


@triton.jit
def _within(logits, masks, mask, vocabulary, largest, temperature, within, tile: tl.constexpr):
    """The sum of exponentials of what lies within a distance."""
    total = tl.zeros([], tl.float32)
    for at in range(0, vocabulary, tile):
        distances = _distances(logits, masks, mask, at, vocabulary, largest, temperature, tile)
        kept = distances.to(tl.int32, bitcast=True) <= within
        total += tl.sum(tl.where(kept, tl.exp(-distances), 0.0))
    return total


@triton.jit
def _nearest(
    logits, masks, mask, vocabulary, largest, temperature, within, goal, weighs: tl.constexpr,
    tile: tl.constexpr,
):  # fmt: skip
    """The least distance, no more than `within`, that reaches the goal: so many tokens, or so much weight."""
    found = tl.full([], 0, tl.int32)
    one = tl.full([], 1, tl.int32)
    for place in range(8):
        shift = 28 - 4 * place
        # the first four bits begin with the sign, which no distance has
        most = tl.where(place == 0, 7, 15)
        tried = found | (tl.minimum(tl.arange(0, 16), most) << shift) | ((one << shift) - 1)
        tried = tl.minimum(tried, within)
        reached = tl.zeros([16], tl.float32)
        for at in range(0, vocabulary, tile):
            distances = _distances(logits, masks, mask, at, vocabulary, largest, temperature, tile)
            weights = tl.exp(-distances) if weighs else tl.full([tile], 1.0, tl.float32)
            kept = distances.to(tl.int32, bitcast=True)[None, :] <= tried[:, None]
            reached += tl.sum(tl.where(kept, weights[None, :], 0.0), 1)
        short = tl.sum((reached < goal).to(tl.int32))
        found = found | (tl.minimum(short, most) << shift)
    return tl.minimum(found, within)


@triton.jit
def _drawn(
    logits, masks, mask, vocabulary, largest, temperature, within, farthest, seed, number, tile: tl.constexpr
):
    """The token whose logit plus noise is greatest among what is left."""
    best = tl.full([], float("-inf"), tl.float32)
    token = tl.full([], -1, tl.int32)
    for at in range(0, vocabulary, tile):
        distances = _distances(logits, masks, mask, at, vocabulary, largest, temperature, tile)
        kept = (distances.to(tl.int32, bitcast=True) <= within) & (distances <= farthest)
        numbers = at + tl.arange(0, tile)
        zero = numbers * 0
        word, _, _, _ = tl.philox(seed, numbers, zero + number, zero, zero)
        # in the middle of 2**31 steps, so never 0; what is rare is told apart to 5e-10
        uniform = tl.uint_to_uniform_float(word) + 2.3e-10
        # -log(1 - u); by its series where 1 - u would lose u's last digits
        near = uniform * (1.0 + uniform * (0.5 + uniform * 0.33333334))
        wait = tl.where(uniform < 0.001, near, -tl.log(1.0 - tl.minimum(uniform, 0.9999999)))
        noisy = tl.where(kept, -distances - tl.log(wait), float("-inf"))
        higher = tl.max(noisy)
        first = tl.min(tl.where(noisy == higher, tl.arange(0, tile), tile))
        token = tl.where(higher > best, at + first, token)
        best = tl.maximum(best, higher)
    return token
