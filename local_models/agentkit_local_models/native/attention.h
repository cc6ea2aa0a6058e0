// Attention of one token over the pages of its sequence, a span of positions at a time.
//
// Each span gives a largest score, a sum and a mix of values; they are joined in order afterwards (flash decoding).
// Spans depend on positions alone, so an answer does not depend on how many threads there are.
#pragma once

#include <algorithm>

#include "lanes.h"

enum { PAGE = 16, POSITIONS = 256, MOST_HEADS = 8 };

struct Sight {
    float scale;
    int64_t window;        // how many positions a token sees, itself included; 0 for all
    const float *slopes;   // [heads], or none
};

// The keys of a page by the queries of a group: 16 scores a head, a lane a position.
template <int G, class T> INLINE void scores_of(const T *keys, const float *queries, int64_t width, f32x16 *found) {
    f32x16 parts[G][PAGE];
    for (int t = 0; t < PAGE; t++) {
        f32x16 acc[G] = {};
        for (int64_t i = 0; i < width; i += 16) {
            f32x16 key = load(keys + t * width + i);
            for (int g = 0; g < G; g++) acc[g] += key * load(queries + g * width + i);
        }
        for (int g = 0; g < G; g++) parts[g][t] = acc[g];
    }
    for (int g = 0; g < G; g++) found[g] = sums(parts[g]);
}

// Some columns of the values of positions [first, end), by their weights.
template <int G, int V, class Values>
INLINE void mix(Values &&values_of, const float (&weights)[G][POSITIONS + PAGE], int64_t first, int64_t end, int64_t width,
                int64_t column, float *found) {
    f32x16 mixed[V][G] = {};
    const int64_t begin = first / PAGE * PAGE;
    for (int64_t at = begin; at < end; at += PAGE) {
        const auto *values = values_of(at) + column;
        for (int64_t t = std::max(first - at, (int64_t)0); t < std::min(end - at, (int64_t)PAGE); t++)
            for (int v = 0; v < V; v++) {
                f32x16 value = load(values + t * width + 16 * v);
                for (int g = 0; g < G; g++) mixed[v][g] += value * weights[g][at - begin + t];
            }
    }
    for (int v = 0; v < V; v++)
        for (int g = 0; g < G; g++) store(found + g * (2 + width) + 2 + column + 16 * v, mixed[v][g]);
}

// One key head and its G query heads over positions [first, end), which lie in one span.
//
// `pages` are the layer's, each [2 K, 16, width] with the heads of keys first; codes have `scales`, [2 K, 16] a page.
// `found` gets for each query head the largest score, the sum, and the mix: 2 + width numbers.
template <int G, class T>
void attend(const T *pages, const half *scales, const int32_t *table, int64_t key_heads, int64_t key_head, int64_t width,
            const float *queries, const Sight &sight, int64_t head, int64_t position, int64_t first, int64_t end,
            float *found) {
    const int64_t page_size = 2 * key_heads * PAGE * width, values = key_heads * PAGE * width;
    alignas(64) float weights[G][POSITIONS + PAGE];
    f32x16 most[G];
    for (int g = 0; g < G; g++) most[g] = splat(-INFINITY);
    const int64_t begin = first / PAGE * PAGE;
    for (int64_t at = begin; at < end; at += PAGE) {
        const T *keys = pages + table[at / PAGE] * page_size + key_head * PAGE * width;
        f32x16 scores[G];
        scores_of<G>(keys, queries, width, scores);
        if (scales) {
            f32x16 steps = load_halves(scales + (table[at / PAGE] * 2 * key_heads + key_head) * PAGE);
            for (int g = 0; g < G; g++) scores[g] *= steps;
        }
        const i32x16 lanes = counting();
        const i32x16 seen = (lanes >= (int32_t)(first - at)) & (lanes < (int32_t)(end - at));
        const f32x16 back = floats((int32_t)(position - at) - lanes);
        for (int g = 0; g < G; g++) {
            f32x16 score = scores[g] * sight.scale;
            if (sight.slopes) score -= back * sight.slopes[head + g];
            score = select(seen, score, splat(-INFINITY));
            store(weights[g] + at - begin, score);
            most[g] = largest(score, most[g]);
        }
    }
    const int64_t count = (end - begin + PAGE - 1) / PAGE * PAGE;
    for (int g = 0; g < G; g++) {
        f32x16 total = {};
        const float top = largest_of(most[g]);
        for (int64_t i = 0; i < count; i += 16) {
            f32x16 score = load(weights[g] + i);
            // where nothing is to be seen e^-87 would be left
            f32x16 weight = select(score > -1e30f, exponential(score - top), splat(0));
            store(weights[g] + i, weight);
            total += weight;
        }
        found[g * (2 + width)] = top;
        found[g * (2 + width) + 1] = sum(total);
    }
    if (scales)  // of the values; what is not seen is not mixed in
        for (int64_t at = begin; at < end; at += PAGE) {
            f32x16 steps = load_halves(scales + (table[at / PAGE] * 2 * key_heads + key_heads + key_head) * PAGE);
            for (int g = 0; g < G; g++) store(weights[g] + at - begin, load(weights[g] + at - begin) * steps);
        }
    auto values_of = [&](int64_t at) { return pages + table[at / PAGE] * page_size + values + key_head * PAGE * width; };
#if defined(__AVX512F__)
    constexpr int V = 2;
#else
    constexpr int V = 1;  // two would be more than there are registers
#endif
    int64_t i = 0;
    for (; i + 16 * V <= width; i += 16 * V) mix<G, V>(values_of, weights, first, end, width, i, found);
    for (; i < width; i += 16) mix<G, 1>(values_of, weights, first, end, width, i, found);
}

template <class T, class... Rest> void attend_group(int heads, const T *pages, Rest... rest) {
    switch (heads) {
        case 1: return attend<1>(pages, rest...);
        case 2: return attend<2>(pages, rest...);
        case 3: return attend<3>(pages, rest...);
        case 4: return attend<4>(pages, rest...);
        case 5: return attend<5>(pages, rest...);
        case 6: return attend<6>(pages, rest...);
        case 7: return attend<7>(pages, rest...);
        default: return attend<8>(pages, rest...);
    }
}

// The spans of one head joined: [width].
inline void join(const float *found, int64_t spans, int64_t stride, int64_t width, float *to) {
    float most = -INFINITY, total = 0;
    for (int64_t s = 0; s < spans; s++) most = found[s * stride] > most ? found[s * stride] : most;
    for (int64_t i = 0; i < width; i += 16) store(to + i, splat(0));
    for (int64_t s = 0; s < spans; s++) {
        const float *one = found + s * stride;
        float weight = exponential(one[0] - most);
        total += weight * one[1];
        for (int64_t i = 0; i < width; i += 16) store(to + i, load(to + i) + load(one + 2 + i) * weight);
    }
    for (int64_t i = 0; i < width; i += 16) store(to + i, load(to + i) / total);
}
