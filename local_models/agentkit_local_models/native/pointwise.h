// What a prompt's tokens go through between two products, in bfloat16: each token by itself, and rounded once.
#pragma once

#include "pack.h"

enum Activation : int32_t { SILU = 0, GELU_TANH = 1 };

// Rows of numbers that lie so far apart.
struct Rows {
    bf16 *at;
    int64_t apart;
};

INLINE f32x16 activated(f32x16 x, int32_t how) {
    // (1 + tanh(y)) / 2 is 1 / (1 + exp(-2 y)), which loses nothing where it is small
    f32x16 twice = how == GELU_TANH ? (x + x * x * x * 0.044715f) * 1.5957691216057308f : x;
    return x / (1.0f + exponential(-twice));
}

template <class T> INLINE void norm(const T *x, const float *weight, int64_t width, float epsilon, T *to) {
    f32x16 squares = {};
    for (int64_t i = 0; i < width; i += 16) squares += load(x + i) * load(x + i);
    float scale = 1 / sqrtf(sum(squares) / (float)width + epsilon);
    for (int64_t i = 0; i < width; i += 16) store(to + i, load(x + i) * scale * load(weight + i));
}

// Every row by whoever is free.
template <class Work> inline void each_row(Threads &threads, int64_t rows, Work &&work) {
    Claims claims;
    threads.run([&](int) {
        claims.share(rows, threads.count, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; row++) work(row);
        });
    });
}

inline void norm_many(Threads &threads, int64_t rows, int64_t width, Rows x, const float *weight, float epsilon, Rows y) {
    each_row(threads, rows, [&](int64_t row) { norm(x.at + row * x.apart, weight, width, epsilon, y.at + row * y.apart); });
}

// The first half of each row becomes its activation times the second half.
inline void gate_many(Threads &threads, int64_t rows, int64_t width, int32_t activation, Rows x) {
    each_row(threads, rows, [&](int64_t row) {
        bf16 *gate = x.at + row * x.apart;
        for (int64_t i = 0; i < width; i += 16) store(gate + i, activated(load(gate + i), activation) * load(gate + width + i));
    });
}

// The first numbers of each head are turned: [rows, heads, head width] by cosines and signed sines [rows, rotated].
inline void turn_many(
    Threads &threads, int64_t rows, int64_t heads, int64_t head_width, int64_t rotated, Rows x, const bf16 *cosines, const bf16 *sines) {
    const int64_t half_width = rotated / 2;
    each_row(threads, rows, [&](int64_t row) {
        const bf16 *c = cosines + row * rotated, *s = sines + row * rotated;
        for (int64_t i = 0; i < half_width; i += 16) {
            f32x16 c1 = load(c + i), c2 = load(c + half_width + i), s1 = load(s + i), s2 = load(s + half_width + i);
            for (int64_t head = 0; head < heads; head++) {
                bf16 *at = x.at + row * x.apart + head * head_width + i;
                f32x16 a = load(at), b = load(at + half_width);
                store(at, a * c1 + b * s1);
                store(at + half_width, b * c2 + a * s2);
            }
        }
    });
}
