// Attention of a prompt's tokens over their sequence in bfloat16: some keys at a time, never all scores at once.
//
// Keys and values are laid out once as tiles (`products.h`); then thirty-two tokens of a head go over the keys that
// they see, and what was summed under a smaller largest score is scaled down when a larger one is met. A token's numbers
// do not depend on where a prompt is cut: its keys are taken in the same portions.
// Source: Milakov & Gimelshein 2018; Dao et al. 2022.
#pragma once

#include "products.h"

// As `attending.py` describes it.
struct Asking {
    const bf16 *query, *keys, *values;  // [tokens, heads, head width], [key heads, seen, head width] twice
    bf16 *to;                           // [tokens, heads, head width]
    const float *slopes;                // [heads], or none
    int64_t tokens, start, seen;        // the first token's position, and how many keys there are
    int64_t heads, key_heads, head_width;
    int64_t query_apart, key_apart, head_apart;  // of tokens that ask; of keys, and of their heads
    int64_t window;                              // 0 for all before
    float scale;
    int32_t unused;
};

#if defined(__AVX512BF16__)

// Keys at a time, and tokens.
enum { KEYS = 128, ASKERS = 32 };

// Two to the power of x, to four millionths; nothing for what is below -200. What is no number stays none.
INLINE f32x16 power_of_two(f32x16 x) {
    const __m512 least = (__m512)(x < -200.0f ? splat(-200.0f) : x), whole = _mm512_roundscale_ps(least, _MM_FROUND_TO_NEAREST_INT);
    const f32x16 rest = (f32x16)least - (f32x16)whole;
    f32x16 p = rest * 0.009676037f + 0.055922035f;
    p = p * rest + 0.24022107f;
    p = p * rest + 0.69312102f;
    p = p * rest + 1.00000012f;
    return (f32x16)_mm512_scalef_ps((__m512)p, whole);
}

// A sequence as tiles, up to a multiple of 32 with zeros: [key heads, keys / 16, ...] and [key heads, head width / 16, ...].
struct Tiled {
    bf16 *keys, *values;
    int64_t padded;

    const bf16 *key(const Asking &a, int64_t head, int64_t at) const { return keys + (head * padded + at) * a.head_width; }
    const bf16 *value(const Asking &a, int64_t head, int64_t at, int64_t sixteen) const {
        return values + (head * a.head_width + sixteen * 16) * padded + at * 16;
    }
};

// 32 keys of a head, and their values: of two keys the numbers of sixteen columns lie side by side.
inline void tile_sequence(const Asking &a, int64_t head, int64_t at, const Tiled &to) {
    const int64_t offset = head * a.head_apart + at * a.key_apart, present = a.seen - at;
    const bf16 *values = a.values + offset;
    for (int64_t half = 0; half < 2; half++)
        tile_rows(a.keys + offset + half * 16 * a.key_apart, a.key_apart, std::clamp<int64_t>(present - half * 16, 0, 16), a.head_width,
                  (bf16 *)to.key(a, head, at + half * 16));
    for (int64_t sixteen = 0; sixteen < a.head_width / 16; sixteen++)
        for (int64_t pair = 0; pair < 16; pair++) {
            auto of = [&](int64_t key) {
                return key < present ? __builtin_convertvector(load_as<u16x16>(values + key * a.key_apart + sixteen * 16), u32x16) : u32x16{};
            };
            const u32x16 both = of(2 * pair) | of(2 * pair + 1) << 16;
            memcpy((bf16 *)to.value(a, head, at, sixteen) + pair * SPAN, &both, sizeof both);
        }
}

// How far a row of tokens is with its softmax.
struct Softmax {
    float largest[ASKERS], total[ASKERS];

    Softmax() {
        for (int row = 0; row < ASKERS; row++) largest[row] = -INFINITY, total[row] = 0;
    }

    // A row's scores, `count` times sixteen from `key` on, become weights in `to`; what the sums before them shrink by.
    float weigh(const Asking &a, float *scores, int64_t row, int64_t position, int64_t key, int64_t count, float slope, bf16 *to) {
        const float scale = a.scale * LOG2E;
        const bool all = key + 16 * count <= position + 1 && !(a.window && key <= position - a.window);
        f32x16 x[KEYS / 16], most = splat(-INFINITY);
        for (int64_t i = 0; i < count; i++) {
            x[i] = load(part_of(scores, row, i)) * scale;
            if (slope != 0 || !all) {
                const i32x16 behind = (int32_t)(position - key - 16 * i) - COUNTING;
                if (slope != 0) x[i] -= __builtin_convertvector(behind, f32x16) * (slope * LOG2E);
                if (!all) x[i] = (behind < 0) | (a.window ? behind >= (int32_t)a.window : i32x16{}) ? splat(-INFINITY) : x[i];
            }
            most = ::largest(most, x[i]);
        }
        const float before = largest[row], now = std::max(before, _mm512_reduce_max_ps((__m512)most));
        const float base = now == -INFINITY ? 0 : now;  // who has seen nothing yet has no largest score
        f32x16 sum = {};
        for (int64_t i = 0; i < count; i++) {
            const f32x16 weight = power_of_two(x[i] - base);
            sum += weight;
            const __m256bh rounded = _mm512_cvtneps_pbh((__m512)weight);
            memcpy(to + i / 2 * 16 * SPAN + row % 16 * SPAN + i % 2 * 16, &rounded, sizeof rounded);
        }
        const float shrink = before == now ? 1 : exp2f(before - base);
        largest[row] = now;
        total[row] = total[row] * shrink + _mm512_reduce_add_ps((__m512)sum);
        return shrink;
    }

  private:
    static constexpr float LOG2E = 1.44269504088896341f;
    static constexpr i32x16 COUNTING = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
};

// Thirty-two tokens of a head, from `first` on.
template <class Square> void attend_some(const Asking &a, const Tiled &sequence, int64_t head, int64_t first) {
    static thread_local Near<bf16> asked, weights;
    static thread_local Near<float> scores, sums;
    const int64_t width = a.head_width, sixteens = width / 16, group = head / (a.heads / a.key_heads);
    const int64_t rows = std::min<int64_t>(a.tokens - first, ASKERS), end = a.start + first + rows;
    bf16 *query = asked.of(ASKERS * width), *weight = weights.of(ASKERS * KEYS);
    float *found = scores.of(ASKERS * KEYS), *mixed = sums.of(ASKERS * width);
    for (int64_t half = 0; half < 2; half++)
        tile_tokens(a.query + head * width, a.query_apart, a.tokens, width, first + half * 16, query + half * 16 * width);
    memset(mixed, 0, ASKERS * width * sizeof(float));
    Softmax softmax;
    const float slope = a.slopes ? a.slopes[head] : 0;
    const int64_t begin = a.window ? std::max<int64_t>(a.start + first - a.window + 1, 0) / KEYS * KEYS : 0;
    for (int64_t key = begin; key < end; key += KEYS) {
        const int64_t steps = (std::min<int64_t>(end - key, KEYS) + 31) / 32;
        for (int64_t step = 0; step < steps; step++) {
            const int64_t at = key + 32 * step;
            Square::multiply(query, query + 16 * width, sequence.key(a, group, at), sequence.key(a, group, at + 16), 16 * width, true, found + step * 1024);
        }
        for (int64_t row = 0; row < ASKERS; row++) {
            const float shrink = softmax.weigh(a, found, row, a.start + first + row, key, 2 * steps, slope, weight + row / 16 * 16 * KEYS);
            if (shrink != 1)
                for (int64_t i = 0; i < sixteens; i++) store(part_of(mixed, row, i), load(part_of(mixed, row, i)) * shrink);
        }
        for (int64_t i = 0; i < sixteens; i += 2)
            Square::multiply(weight, weight + 16 * KEYS, sequence.value(a, group, key, i), sequence.value(a, group, key, i + 1), steps * 16 * SPAN, false,
                             mixed + i / 2 * 1024);
    }
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < sixteens; i++)
            store(a.to + ((first + row) * a.heads + head) * width + i * 16, load(part_of(mixed, row, i)) / softmax.total[row]);
}

template <class Square> void attend_in(Threads &threads, const Asking &a, const Tiled &sequence) {
    const int64_t steps = sequence.padded / 32, blocks = (a.tokens + ASKERS - 1) / ASKERS;
    each_row(threads, steps * a.key_heads, [&](int64_t i) { tile_sequence(a, i / steps, i % steps * 32, sequence); });
    each_square<Square>(threads, blocks * a.heads, [&](int64_t i) {  // those that see most come first, so that little is left at the end
        attend_some<Square>(a, sequence, i % a.heads, (blocks - 1 - i / a.heads) * ASKERS);
    });
}

// Of a sequence in `room`, which holds it twice, its length rounded up to 32.
inline void attend_many(Threads &threads, const Asking &a, bf16 *room) {
    const int64_t padded = (a.seen + 31) / 32 * 32;
    const Tiled sequence{room, room + a.key_heads * padded * a.head_width, padded};
    if (tiles_by() == AMX) attend_in<InAmx>(threads, a, sequence);
    else attend_in<InVectors>(threads, a, sequence);
}

#else

inline void attend_many(Threads &, const Asking &, bf16 *) {}

#endif
