// Attention of one token over the pages of its sequence, a span of positions at a time.
//
// Each span gives a largest score, a sum and a mix of values; they are joined in order afterwards (flash decoding).
// Spans depend on positions alone, so an answer does not depend on how many threads there are.
#pragma once

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
    float most[G];
    for (int g = 0; g < G; g++) most[g] = -INFINITY;
    const int64_t begin = first / PAGE * PAGE;
    for (int64_t at = begin; at < end; at += PAGE) {
        const T *keys = pages + table[at / PAGE] * page_size + key_head * PAGE * width;
        f32x16 scores[G];
        scores_of<G>(keys, queries, width, scores);
        if (scales) {
            f32x16 steps = load_halves(scales + (table[at / PAGE] * 2 * key_heads + key_head) * PAGE);
            for (int g = 0; g < G; g++) scores[g] *= steps;
        }
        for (int g = 0; g < G; g++) {
            for (int t = 0; t < PAGE; t++) {
                bool seen = at + t >= first && at + t < end;
                float score = scores[g][t] * sight.scale;
                if (sight.slopes) score -= sight.slopes[head + g] * (float)(position - at - t);
                score = seen ? score : -INFINITY;
                weights[g][at - begin + t] = score;
                most[g] = score > most[g] ? score : most[g];
            }
        }
    }
    const int64_t count = (end - begin + PAGE - 1) / PAGE * PAGE;
    for (int g = 0; g < G; g++) {
        f32x16 total = {};
        for (int64_t i = 0; i < count; i += 16) {
            f32x16 score = load(weights[g] + i);
            // where nothing is to be seen e^-87 would be left
            f32x16 weight = score > -1e30f ? exponential(score - most[g]) : splat(0);
            store(weights[g] + i, weight);
            total += weight;
        }
        found[g * (2 + width)] = most[g];
        found[g * (2 + width) + 1] = sum(total);
    }
    if (scales)  // of the values; what is not seen is not mixed in
        for (int64_t at = begin; at < end; at += PAGE) {
            f32x16 steps = load_halves(scales + (table[at / PAGE] * 2 * key_heads + key_heads + key_head) * PAGE);
            for (int g = 0; g < G; g++) store(weights[g] + at - begin, load(weights[g] + at - begin) * steps);
        }
    for (int64_t i = 0; i < width; i += 16) {
        f32x16 mix[G] = {};
        for (int64_t at = first; at < end; at++) {
            const T *from = pages + table[at / PAGE] * page_size + values + (key_head * PAGE + at % PAGE) * width;
            f32x16 value = load(from + i);
            for (int g = 0; g < G; g++) mix[g] += value * weights[g][at - begin];
        }
        for (int g = 0; g < G; g++) store(found + g * (2 + width) + 2 + i, mix[g]);
    }
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
        float weight = exponential(splat(one[0] - most))[0];
        total += weight * one[1];
        for (int64_t i = 0; i < width; i += 16) store(to + i, load(to + i) + load(one + 2 + i) * weight);
    }
    for (int64_t i = 0; i < width; i += 16) store(to + i, load(to + i) / total);
}
