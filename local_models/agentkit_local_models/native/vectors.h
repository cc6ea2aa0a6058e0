// Products of thirty-two tokens with thirty-two rows in vectors of AVX-512, where bfloat16 has instructions.
#pragma once

#include "matrix.h"

#if defined(__AVX512BF16__)

// What a square is multiplied by: see `multiply_near`.
struct InVectors {
    enum { STRETCH = 8192, NEAR = 1 << 17 };  // columns at once, and numbers of rows near the core: a quarter of a megabyte

    static void begin() {}
    static void end() {}

    static void multiply(const bf16 *x, const bf16 *below, const bf16 *w, const bf16 *right, int64_t count, bool begins, float *sums) {
        for (int half = 0; half < 2; half++)
            for (int token = 0; token < 16; token += AT_ONCE)
                some((half ? below : x) + token * SPAN, w, right, count, begins, sums + half * 512 + token * 16);
    }

  private:
    enum { AT_ONCE = 8 };  // tokens: of two blocks of rows sixteen sums, so that none waits for itself

    // As `multiply` does, of some tokens: a pair of columns of each is in all lanes, beside that of sixteen rows.
    static void some(const bf16 *x, const bf16 *w, const bf16 *right, int64_t count, bool begins, float *sums) {
        f32x16 left[AT_ONCE] = {}, other[AT_ONCE] = {};
        if (!begins)
            for (int t = 0; t < AT_ONCE; t++) left[t] = load(sums + t * 16), other[t] = load(sums + 256 + t * 16);
        for (int64_t at = 0; at < count; at += 16 * SPAN)
            for (int64_t pair = 0; pair < 16; pair++) {
                const u16x32 a = load_as<u16x32>(w + at + pair * SPAN), b = load_as<u16x32>(right + at + pair * SPAN);
#pragma GCC unroll 8
                for (int t = 0; t < AT_ONCE; t++) {
                    const u16x32 token = (u16x32)(u32x16{} + load_as<uint32_t>(x + at + t * SPAN + pair * 2));
                    left[t] = dot2(left[t], a, token);
                    other[t] = dot2(other[t], b, token);
                }
            }
        for (int t = 0; t < AT_ONCE; t++) store(sums + t * 16, left[t]), store(sums + 256 + t * 16, other[t]);
    }
};

#endif
