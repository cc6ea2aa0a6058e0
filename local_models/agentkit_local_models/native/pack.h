// Quantised blocks of GGUF files into the layout of `matrix.h`, and that layout back into numbers.
//
// Nothing is rounded but scales that are products (K-quants), to half precision. Format: ggml-common.h, ggml-quants.c.
#pragma once

#include "matrix.h"
#include "pieces.h"

// A span of 32 columns of one row.
struct Codes {
    int8_t codes[SPAN];
    float scales[2], lows[2];  // of each half
};

INLINE float half_at(const uint8_t *from) { return half_to_float(load_as<half>(from)); }

// Six bits each of eight scales and eight minima, in twelve bytes.
INLINE void scale_of_k(const uint8_t *bytes, int index, int *scale, int *low) {
    if (index < 4) {
        *scale = bytes[index] & 63;
        *low = bytes[index + 4] & 63;
    } else {
        *scale = (bytes[index + 4] & 15) | (bytes[index - 4] >> 6 << 4);
        *low = (bytes[index + 4] >> 4) | (bytes[index] >> 6 << 4);
    }
}

// The span's codes; false for a kind that has none here. The numbers are ggml's.
inline bool decode(int kind, const uint8_t *row, int64_t span, Codes &to) {
    auto both = [&](float scale, float low) {
        to.scales[0] = to.scales[1] = scale;
        to.lows[0] = to.lows[1] = low;
    };
    auto nibbles = [&](const uint8_t *from) {
        for (int i = 0; i < 16; i++) to.codes[i] = from[i] & 15, to.codes[i + 16] = from[i] >> 4;
    };
    auto fifth_bits = [&](uint32_t bits) {
        for (int i = 0; i < SPAN; i++) to.codes[i] |= (int8_t)((bits >> i & 1) << 4);
    };
    switch (kind) {
        case 2: {  // Q4_0: around 8, as codes of 4 bits without lows are
            const uint8_t *block = row + span * 18;
            float scale = half_at(block);
            nibbles(block + 2);
            both(scale, 0);
            return true;
        }
        case 3: {  // Q4_1
            const uint8_t *block = row + span * 20;
            nibbles(block + 4);
            both(half_at(block), half_at(block + 2));
            return true;
        }
        case 6: {  // Q5_0
            const uint8_t *block = row + span * 22;
            nibbles(block + 6);
            fifth_bits(load_as<uint32_t>(block + 2));
            for (int i = 0; i < SPAN; i++) to.codes[i] -= 16;
            both(half_at(block), 0);
            return true;
        }
        case 7: {  // Q5_1
            const uint8_t *block = row + span * 24;
            nibbles(block + 8);
            fifth_bits(load_as<uint32_t>(block + 4));
            both(half_at(block), half_at(block + 2));
            return true;
        }
        case 8: {  // Q8_0
            const uint8_t *block = row + span * 34;
            memcpy(to.codes, block + 2, SPAN);
            both(half_at(block), 0);
            return true;
        }
        case 12:    // Q4_K
        case 13: {  // Q5_K
            const uint8_t *block = row + span / 8 * (kind == 12 ? 144 : 176);
            int index = (int)(span % 8), scale, low;
            scale_of_k(block + 4, index, &scale, &low);
            const uint8_t *from = block + (kind == 12 ? 16 : 48) + index / 2 * 32;
            for (int i = 0; i < SPAN; i++) {
                to.codes[i] = index % 2 ? from[i] >> 4 : from[i] & 15;
                if (kind == 13) to.codes[i] |= (int8_t)((block[16 + i] >> index & 1) << 4);
            }
            both(half_at(block) * scale, -half_at(block + 2) * low);
            return true;
        }
        case 14: {  // Q6_K
            const uint8_t *block = row + span / 8 * 210;
            int part = (int)(span % 8) / 4, quarter = (int)(span % 4);
            const uint8_t *low = block + part * 64 + quarter % 2 * 32, *high = block + 128 + part * 32;
            for (int i = 0; i < SPAN; i++)
                to.codes[i] = (int8_t)(((quarter < 2 ? low[i] & 15 : low[i] >> 4) | ((high[i] >> 2 * quarter & 3) << 4)) - 32);
            for (int h = 0; h < 2; h++) {
                to.scales[h] = half_at(block + 208) * (int8_t)block[192 + part * 8 + quarter * 2 + h];
                to.lows[h] = 0;
            }
            return true;
        }
        default: return false;
    }
}

INLINE int64_t row_bytes(int kind, int64_t columns) {
    switch (kind) {
        case 2: return columns / 32 * 18;
        case 3: return columns / 32 * 20;
        case 6: return columns / 32 * 22;
        case 7: return columns / 32 * 24;
        case 8: return columns / 32 * 34;
        case 12: return columns / 256 * 144;
        case 13: return columns / 256 * 176;
        default: return columns / 256 * 210;
    }
}

// One row into its lane; 0, or 1 for a kind that is not known, or 2 where a scale is no half.
inline int pack_row(int kind, const uint8_t *source, int64_t row, Matrix &to) {
    half *scales = (half *)to.scales, *lows = (half *)to.lows;
    const int64_t block = row / BLOCK, lane = row % BLOCK, halves = to.group == 16 ? 2 : 1;
    for (int64_t span = 0; span < to.columns / SPAN; span++) {
        Codes found;
        if (!decode(kind, source, span, found)) return 1;
        for (int64_t h = 0; h < halves; h++) {
            int64_t at = (block * (to.columns / to.group) + span * halves + h) * BLOCK + lane;
            scales[at] = float_to_half(found.scales[h]);
            if (!(fabsf(found.scales[h]) <= 65504)) return 2;
            if (lows) lows[at] = float_to_half(found.lows[h]);
        }
        if (to.kind == I8) {
            int8_t *codes = (int8_t *)to.codes + block * BLOCK * to.columns + span * SPAN * BLOCK + lane * 4;
            for (int i = 0; i < SPAN; i += 4) memcpy(codes + i * BLOCK, found.codes + i, 4);
        } else {
            uint8_t *codes = (uint8_t *)to.codes + (block * BLOCK * to.columns + span * SPAN * BLOCK) / 2 + lane * 4;
            for (int i = 0; i < SPAN; i += 8)
                for (int j = 0; j < 4; j++)
                    codes[i / 8 * 64 + j] = (uint8_t)(found.codes[i + j] | found.codes[i + 4 + j] << 4);
        }
    }
    return 0;
}

// Whoever is free takes the next few blocks.
struct Claims {
    std::atomic<int64_t> next{0};

    template <class Work> void share(int64_t total, int threads, Work &&work) {
        const int64_t at_once = blocks_at_once(total, threads);
        for (int64_t begin; (begin = next.fetch_add(at_once, std::memory_order_relaxed)) < total;)
            work(begin, std::min(begin + at_once, total));
    }
};

// Fill a matrix whose room is there.
inline int pack(Threads &threads, int kind, const uint8_t *from, Matrix &to) {
    const int64_t bytes = row_bytes(kind, to.columns);
    std::atomic<int> wrong{0};
    Claims claims;
    threads.run([&](int) {
        claims.share(to.rows / BLOCK, threads.count, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin * BLOCK; row < end * BLOCK; row++)
                if (int found = pack_row(kind, from + row * bytes, row, to)) wrong.store(found);
        });
    }, false);
    return wrong.load();
}

// Two columns in bfloat16, side by side in the lanes of sixteen rows.
INLINE u32x16 pair_of(f32x16 left, f32x16 right) { return rounded(left) >> 16 | (rounded(right) & 0xffff0000); }

// Eight numbers of 32 bits in each of sixteen lanes, as rows: `to[lane * apart + i]`.
INLINE void put_transposed(const u32x16 *of, uint32_t *to, int64_t apart) {
    u32x8 upper[8], lower[8];  // of the first eight lanes, and of the others
    for (int i = 0; i < 8; i++) {
        memcpy(upper + i, of + i, sizeof *upper);
        memcpy(lower + i, (const char *)(of + i) + sizeof *upper, sizeof *upper);
    }
    transpose(upper);
    transpose(lower);
    for (int row = 0; row < 8; row++) {
        memcpy(to + row * apart, upper + row, sizeof *upper);
        memcpy(to + (row + 8) * apart, lower + row, sizeof *lower);
    }
}

// Four columns of sixteen rows as they are packed, before scales: of each of them the lanes are the rows.
INLINE i32x16 quad_of(const Matrix &m, int64_t block, int64_t column, int i) {
    if (m.kind == I8) return load_as<i32x16>((const uint8_t *)m.codes + block * BLOCK * m.columns + (column + i) * BLOCK);
    u8x64 both = load_as<u8x64>((const uint8_t *)m.codes + (block * BLOCK * m.columns + (column + i / 8 * 8) * BLOCK) / 2);
    return (i32x16)(i % 8 ? (u8x64)((u16x32)both >> 4) & 15 : both & 15);
}

// Sixteen columns of sixteen rows as numbers: the lanes are the rows.
INLINE void unpack_columns(const Matrix &m, int64_t block, int64_t column, f32x16 (&values)[16]) {
    const int64_t group = (block * (m.columns / m.group) + column / m.group) * BLOCK;
    f32x16 scale = m.scales ? load_halves(m.scales + group) : splat(1);
    f32x16 low = low_of(m, group, scale);
    if (m.row_scales) scale *= load(m.row_scales + block * BLOCK);
    for (int i = 0; i < 16; i += 4) {
        i32x16 quad = quad_of(m, block, column, i);
        for (int j = 0; j < 4; j++)  // a code with its sign
            values[i + j] = floats(quad << (24 - 8 * j) >> 24) * scale + low;
    }
}

// The same, a row after the other: `to[lane * columns + column]`.
template <class T> INLINE void unpack_square(const Matrix &m, int64_t block, int64_t column, T *to) {
    f32x16 values[16];
    unpack_columns(m, block, column, values);
    if constexpr (sizeof(T) == sizeof(bf16)) {
        u32x16 pairs[8];
        for (int i = 0; i < 8; i++) pairs[i] = pair_of(values[2 * i], values[2 * i + 1]);
        put_transposed(pairs, (uint32_t *)(to + column), m.columns / 2);
    } else {
        put_transposed((const u32x16 *)values, (uint32_t *)(to + column), m.columns);
        put_transposed((const u32x16 *)values + 8, (uint32_t *)(to + column + 8), m.columns);
    }
}

// Some rows of a packed matrix as numbers, [end - first, columns]; both are multiples of 16.
inline void unpack(Threads &threads, const Matrix &from, int64_t first, int64_t end_row, void *to, int bf16s) {
    Claims claims;
    const int64_t above = first / BLOCK;
    threads.run([&](int) {
        claims.share(end_row / BLOCK - above, threads.count, [&](int64_t begin, int64_t end) {
            for (int64_t block = begin; block < end; block++)
                for (int64_t column = 0; column < from.columns; column += 16) {
                    if (bf16s) unpack_square(from, above + block, column, (bf16 *)to + block * BLOCK * from.columns);
                    else unpack_square(from, above + block, column, (float *)to + block * BLOCK * from.columns);
                }
        });
    });
}
