// Products of many rows with a matrix in bfloat16, for prompts.
//
// Sixteen rows of codes lie together, and that is nearly how instructions want bfloat16: of two columns the numbers of
// sixteen rows side by side. So some rows at a time become numbers, into memory that stays near the core, and all
// tokens are multiplied by these. An output is summed in the same order, whatever is computed beside it.
#pragma once

#include <stdlib.h>

#include "pack.h"
#include "pointwise.h"
#include "amx.h"

// What multiplies tiles: nothing, vectors, or AMX.
enum TilesBy : int32_t { NOTHING = 0, VECTORS = 1, AMX = 2 };

#if defined(__AVX512BF16__)

inline TilesBy tiles_by() {
    static const TilesBy found = may_use_amx() ? AMX : VECTORS;
    return found;
}

// Of 32 columns: of sixteen tokens, or of sixteen rows.
enum { TILE = 16 * SPAN };

// Some rows, up to sixteen, as tiles of two columns a row, one after the other; those that are not there are zeros.
INLINE void tile_rows(const bf16 *rows, int64_t apart, int64_t present, int64_t columns, bf16 *to) {
    for (int64_t column = 0; column < columns; column += SPAN, to += TILE) {
        u32x16 pairs[16];  // a pair of columns is a number of 32 bits
        for (int row = 0; row < 16; row++) pairs[row] = row < present ? load_as<u32x16>(rows + row * apart + column) : u32x16{};
        transpose(pairs);
        memcpy(to, pairs, sizeof pairs);
    }
}

// The same of sixteen rows of a matrix, of some columns.
INLINE void unpack_tiles(const Matrix &m, int64_t block, int64_t column, int64_t end, bf16 *to) {
    if (m.kind == BF16) return tile_rows((const bf16 *)m.codes + block * BLOCK * m.columns + column, m.columns, BLOCK, end - column, to);
    for (; column < end; column += 16, to += TILE / 2) {
        f32x16 values[16];
        unpack_columns(m, block, column, values);
        for (int i = 0; i < 8; i++) {
            u32x16 pair = pair_of(values[2 * i], values[2 * i + 1]);
            memcpy(to + i * SPAN, &pair, sizeof pair);
        }
    }
}

// Rows of x as tiles, sixteen at a time; rows that are not there are zeros, up to a multiple of 32.
inline void tile_tokens(const bf16 *x, int64_t apart, int64_t tokens, int64_t columns, int64_t first, bf16 *to) {
    for (int64_t t = 0; t < 16; t++)
        for (int64_t column = 0; column < columns; column += SPAN) {
            bf16 *row = to + column * 16 + t * SPAN;
            if (first + t < tokens) memcpy(row, x + (first + t) * apart + column, SPAN * sizeof(bf16));
            else memset(row, 0, SPAN * sizeof(bf16));
        }
}

// Memory near a core, of each thread.
template <class T> struct Near {
    T *numbers = nullptr;
    int64_t count = 0;

    ~Near() { free(numbers); }

    T *of(int64_t wanted) {
        if (wanted > count) {
            free(numbers);
            numbers = (T *)aligned_alloc(64, (wanted * sizeof(T) + 63) / 64 * 64);
            if (!numbers) abort();  // no thread of these could tell anybody
            count = wanted;
        }
        return numbers;
    }
};

// Sixteen numbers of a row of some squares, of which four lie together: two by two, each sixteen times sixteen.
template <class T> INLINE T *part_of(T *squares, int64_t row, int64_t sixteen) {
    return squares + sixteen / 2 * 1024 + (row / 16 * 2 + sixteen % 2) * 256 + row % 16 * 16;
}

// Work on squares, each by whoever is free.
template <class Square, class Work> void each_square(Threads &threads, int64_t total, Work &&work) {
    Claims claims;
    threads.run([&](int) {
        Square::begin();
        claims.share(total, threads.count, [&](int64_t i, int64_t end) {
            for (; i < end; i++) work(i);
        });
        Square::end();
    });
}

// Some blocks of rows, an even number but for the last ones, for all tokens: `x` holds these as tiles. `Square::multiply`
// adds the products of two times sixteen tokens with twice sixteen rows to sums, [token, row] of each of the four, left to
// right.
template <class Square> void multiply_near(
    const Matrix &m, int64_t first, int64_t end, const bf16 *x, int64_t tokens, Rows y) {
    static thread_local Near<bf16> numbers;
    static thread_local Near<float> sums;
    const int64_t pairs = (end - first + 1) / 2, stretch = std::min<int64_t>(Square::STRETCH, m.columns), size = BLOCK * stretch;
    bf16 *near = numbers.of(2 * pairs * size);  // the second of an odd last pair is left as it is, and so is what comes of it
    const bool at_once = stretch == m.columns;  // else sums of all tokens wait for the next columns
    float *found = sums.of(at_once ? 1024 : (tokens + 31) / 32 * pairs * 1024);
    for (int64_t column = 0; column < m.columns; column += stretch) {
        const int64_t last = std::min(column + stretch, m.columns), half = (last - column) * BLOCK;
        for (int64_t block = first; block < end; block++) unpack_tiles(m, block, column, last, near + (block - first) * size);
        float *to = found;
        for (int64_t token = 0; token < tokens; token += 32) {
            const bf16 *above = x + token * m.columns + column * 16, *below = above + 16 * m.columns;
            for (int64_t pair = 0; pair < pairs; pair++, to += at_once ? 0 : 1024) {
                Square::multiply(above, below, near + 2 * pair * size, near + (2 * pair + 1) * size, half, column == 0, to);
                if (last == m.columns) {
                    const int64_t present = std::min<int64_t>(tokens - token, 32), block = first + 2 * pair, blocks = std::min<int64_t>(end - block, 2);
                    for (int64_t t = 0; t < present; t++)
                        for (int64_t b = 0; b < blocks; b++) store(y.at + (token + t) * y.apart + (block + b) * BLOCK, load(part_of(to, t, b)));
                }
            }
        }
    }
}

// y = x wᵀ: x [tokens, columns], y [tokens, rows]; `room` holds x as tiles, its tokens rounded up to 32.
template <class Square> void multiply_in(Threads &threads, const Matrix &m, int64_t tokens, Rows x, bf16 *room, Rows y) {
    const int64_t padded = (tokens + 31) / 32 * 32, blocks = m.rows / BLOCK;
    each_row(threads, padded / 16, [&](int64_t i) { tile_tokens(x.at, x.apart, tokens, m.columns, i * 16, room + i * 16 * m.columns); });
    const int64_t shares = 4 * threads.count, fair = (blocks + shares - 1) / shares;
    const int64_t fitting = Square::NEAR / (std::min<int64_t>(Square::STRETCH, m.columns) * BLOCK);
    const int64_t at_once = std::max<int64_t>(std::min(fitting, fair + 1) / 2 * 2, 2);
    each_square<Square>(threads, (blocks + at_once - 1) / at_once, [&](int64_t part) {
        multiply_near<Square>(m, part * at_once, std::min((part + 1) * at_once, blocks), room, tokens, y);
    });
}

inline void multiply_many(Threads &threads, const Matrix &m, int64_t tokens, Rows x, bf16 *room, Rows y) {
    if (tiles_by() == AMX) multiply_in<InAmx>(threads, m, tokens, x, room, y);
    else multiply_in<InVectors>(threads, m, tokens, x, room, y);
}

#else

inline TilesBy tiles_by() { return NOTHING; }
inline void multiply_many(Threads &, const Matrix &, int64_t, Rows, bf16 *, Rows) {}

#endif
