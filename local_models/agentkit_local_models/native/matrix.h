// Matrices in four kinds, and their products with a few rows.
//
// float32 and bfloat16 lie as in torch, a row after the other, and are not copied. Codes of 8 and 4 bits lie in
// blocks of 16 rows, so that a lane is a row: of each group of columns the codes of all 16 rows, four columns
// at a time. A group has one scale a row, and with `lows` what a code of zero stands for: w = scale * code + low.
// Whatever is computed beside it, an output is summed in the same order: batches do not change answers.
#pragma once

#include "lanes.h"

enum Kind : int32_t { F32 = 0, BF16 = 1, I8 = 2, I4 = 3 };
enum { BLOCK = 16, SPAN = 32, MOST_ROWS = 16, WIDE = 8 };

struct Matrix {
    int32_t kind, group;
    int64_t rows, columns;
    const void *codes;
    const half *scales, *lows;  // [rows / 16, columns / group, 16], or none
    const float *row_scales;    // [rows], or none: every group of a row has the same
    const float *bias;          // [rows], or none
    const bf16 *a, *b;          // of a delta beside packed codes: [rank, columns], [rows / 16, rank, 16]
    int32_t rank;               // of the delta; 0 for none
    float delta_scale;          // w + delta_scale * b a
};

// What rows are multiplied by, in the forms that kinds of matrices take.
//
// Beside packed matrices a number is scale * (code + fine / FINER): fifteen bits, so that only weights are
// rounded. Of small models a single byte, as is usual, costs more than a hundredth of the perplexity.
constexpr float FINER = 254;
struct Inputs {
    const float *exact = nullptr;  // [rows, columns]
    bf16 *upper = nullptr;
    int8_t *codes = nullptr, *fine = nullptr;  // of each span of 32 columns by its largest
    float *scales = nullptr;                   // [rows, columns / 32]
    float *sums = nullptr;                     // of the numbers themselves
    int32_t *starts = nullptr, *fine_starts = nullptr;  // [rows, columns / 16]: what signed products begin with
    int64_t columns = 0;

    void prepare(const float *from, int rows, int64_t width, bool with_upper, bool with_codes) {
        exact = from;
        columns = width;
        for (int row = 0; row < rows; row++) {
            const float *x = from + row * width;
            if (with_upper)
                for (int64_t i = 0; i < width; i += 16) store(upper + row * width + i, load(x + i));
            if (with_codes)
                for (int64_t i = 0; i < width; i += SPAN) encode(x + i, row * width + i);
        }
    }

  private:
    void encode(const float *x, int64_t at) {
        f32x16 a = load(x), b = load(x + 16);
        float parts[16], most = 0;
        store(parts, largest(largest(a, -a), largest(b, -b)));
        for (int i = 0; i < 16; i++) most = parts[i] > most ? parts[i] : most;
        float inverse = most > 0 ? 127 / most : 0;
        scales[at / SPAN] = most / 127;
        sums[at / SPAN] = sum(a + b);
        for (int part = 0; part < 2; part++) {
            f32x16 scaled = (part ? b : a) * inverse, rounded = scaled + ROUND - ROUND;
            starts[at / 16 + part] = put(rounded, codes + at + 16 * part);
            f32x16 rest = (scaled - rounded) * FINER + ROUND - ROUND;
            fine_starts[at / 16 + part] = put(rest, fine + at + 16 * part);
        }
    }

    static constexpr float ROUND = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number

    // Sixteen codes; what products with signed weights begin with.
    static int32_t put(f32x16 whole, int8_t *to) {
        store(to, integers(whole));
        return SIGNED_START * (int32_t)sum(whole);
    }
};

// What 16 columns add to an accumulator, or 32 of bfloat16.
INLINE f32x16 plus(f32x16 acc, const float *w, const float *x) { return acc + load(w) * load(x); }
INLINE f32x16 plus(f32x16 acc, const bf16 *w, const bf16 *x) { return dot2(acc, load_as<u16x32>(w), load_as<u16x32>(x)); }

// How far ahead of what is read memory is asked for, in bytes. Processors foresee what is read from end to end: there, what
// is asked for too early is in the way.
enum { SOON = 3072, FAR = 16384 };

// Rows of so many bytes fill the nearest cache together with what they are multiplied by.
enum { LONG_ROW = 16384 };

// A block of 16 rows of a matrix that lies as in torch: out[b], a lane a row. Sixteen sums are made at once: of narrow
// matrices, adding up the lanes is half of the work. A single input takes a row after the other; several, or one with
// long rows, some at once.
template <int B, int AT_ONCE, class T> INLINE void plain(const T *w, const T *x, int64_t columns, f32x16 (&out)[B]) {
    constexpr int ROWS = BLOCK / B, STEP = 64 / sizeof(T);
    alignas(64) float made[B][BLOCK];
#pragma GCC unroll 8
    for (int above = 0; above < BLOCK; above += ROWS) {
        f32x16 acc[B * ROWS] = {};
#pragma GCC unroll 16
        for (int part = 0; part < ROWS; part += AT_ONCE) {
            const T *rows = w + (above + part) * columns, *next = rows + (AT_ONCE == 1 ? SOON : FAR) / sizeof(T);
            for (int64_t i = 0; i < columns; i += STEP)
                for (int r = 0; r < AT_ONCE; r++, next += STEP) {
                    __builtin_prefetch(next, 0, 2);
                    f32x16 *sum = acc + part + r;
                    for (int b = 0; b < B; b++) sum[b * ROWS] = plus(sum[b * ROWS], rows + r * columns + i, x + b * columns + i);
                }
        }
        f32x16 found = sums(acc);
        for (int b = 0; b < B; b++) memcpy(made[b] + above, (const float *)&found + b * ROWS, ROWS * 4);
    }
    for (int b = 0; b < B; b++) out[b] = load(made[b]);
}

template <int B, class T> INLINE void plain(const T *w, const T *x, int64_t columns, f32x16 (&out)[B]) {
    if constexpr (B > 1) plain<B, BLOCK / B>(w, x, columns, out);
    else if (columns * (int64_t)sizeof(T) < LONG_ROW) plain<B, 1>(w, x, columns, out);
    else plain<B, 2>(w, x, columns, out);
}

INLINE f32x16 whole(i32x16 codes, i32x16 fine) {
    return floats(codes) + floats(fine) * (1.0f / FINER);
}

INLINE f32x16 scale_of(const Matrix &m, int64_t block, int64_t group) {
    return m.scales ? load_halves(m.scales + (block * (m.columns / m.group) + group) * BLOCK) : splat(1);
}

// What a code of zero stands for.
INLINE f32x16 low_of(const Matrix &m, int64_t at, f32x16 scale) {
    return m.lows ? load_halves(m.lows + at) : m.kind == I4 ? scale * -8.0f : splat(0);
}

// How far ahead memory is asked for where there are several inputs: for the blocks that are next, in the order in which they
// lie, or where blocks are long for what is next of each.
template <int R> INLINE int64_t ahead_of(int64_t block_bytes) {
    constexpr int64_t LONG_BLOCK = 8192;
    return block_bytes <= LONG_BLOCK ? R * block_bytes : LONG_BLOCK / 2;
}

// All parts of a group of some blocks: a block after the other, or where there are several inputs a part of each, which share
// what they read of them.
template <int R, int PARTS, int B, class Work> INLINE void in_turn(Work &&work) {
#pragma GCC unroll 32
    for (int i = 0; i < R * PARTS; i++) work(B == 1 ? i / PARTS : i % R, B == 1 ? i % PARTS : i / R);
}

// Blocks of 16 rows of codes of 8 bits: out[r][b], a lane a row.
template <int R, int B, int GROUP>
INLINE void bytes(const Matrix &m, const Inputs &in, int64_t block, int first, f32x16 (&out)[R][B]) {
    const int8_t *w = (const int8_t *)m.codes + block * BLOCK * m.columns;
    const int64_t ahead = ahead_of<R>(BLOCK * m.columns);
    for (int64_t g = 0; g < m.columns / GROUP; g++) {
        i32x16 acc[R][B], fine[R][B];
        for (int b = 0; b < B; b++) {
            int64_t at = ((first + b) * m.columns + g * GROUP) / 16;
            for (int r = 0; r < R; r++) {
                acc[r][b] = i32x16{} + (GROUP == 16 ? in.starts[at] : in.starts[at] + in.starts[at + 1]);
                fine[r][b] = i32x16{} + (GROUP == 16 ? in.fine_starts[at] : in.fine_starts[at] + in.fine_starts[at + 1]);
            }
        }
        in_turn<R, GROUP / 4, B>([&](int r, int j) {
            const int8_t *from = w + r * BLOCK * m.columns + (g * GROUP + 4 * j) * BLOCK;
            if (B > 1) __builtin_prefetch(from + ahead, 0, 2);
            i8x64 part = load_as<i8x64>(from);
            for (int b = 0; b < B; b++) {
                int64_t at = (first + b) * m.columns + g * GROUP + 4 * j;
                acc[r][b] = dot4_signed(acc[r][b], part, four_bytes(in.codes + at));
                fine[r][b] = dot4_signed(fine[r][b], part, four_bytes(in.fine + at));
            }
        });
        for (int r = 0; r < R; r++) {
            f32x16 scale = scale_of(m, block + r, g);
            for (int b = 0; b < B; b++) {
                float own = in.scales[((first + b) * m.columns + g * GROUP) / SPAN];
                out[r][b] += whole(acc[r][b], fine[r][b]) * own * scale;
            }
            if (m.lows) {
                f32x16 low = load_halves(m.lows + ((block + r) * (m.columns / GROUP) + g) * BLOCK);
                for (int b = 0; b < B; b++) out[r][b] += low * in.sums[((first + b) * m.columns + g * GROUP) / SPAN];
            }
        }
    }
}

// The same of 4 bits, groups of 32: of 8 columns the first four are the lower halves of bytes.
template <int R, int B>
INLINE void nibbles(const Matrix &m, const Inputs &in, int64_t block, int first, f32x16 (&out)[R][B]) {
    const uint8_t *w = (const uint8_t *)m.codes + block * BLOCK * m.columns / 2;
    const int64_t groups = m.columns / SPAN, ahead = ahead_of<R>(BLOCK * m.columns / 2);
    for (int64_t g = 0; g < groups; g++) {
        FourBits acc[R][B] = {}, fine[R][B] = {};
        in_turn<R, 4, B>([&](int r, int j) {
            const uint8_t *from = w + r * BLOCK * m.columns / 2 + g * 256 + j * 64;
            if (B > 1) __builtin_prefetch(from + ahead, 0, 2);
            u8x64 both = load_as<u8x64>(from);
            u8x64 lower = both & 15, upper = (u8x64)((u16x32)both >> 4) & 15;
            for (int b = 0; b < B; b++) {
                int64_t at = (first + b) * m.columns + g * SPAN + 8 * j;
                acc[r][b] = dot4_small(dot4_small(acc[r][b], lower, four_bytes(in.codes + at)), upper, four_bytes(in.codes + at + 4));
                fine[r][b] = dot4_small(dot4_small(fine[r][b], lower, four_bytes(in.fine + at)), upper, four_bytes(in.fine + at + 4));
            }
        });
        for (int r = 0; r < R; r++) {
            f32x16 scale = scale_of(m, block + r, g);
            f32x16 low = low_of(m, ((block + r) * groups + g) * BLOCK, scale);
            for (int b = 0; b < B; b++) {
                int64_t at = (first + b) * groups + g;
                out[r][b] += whole(total_of(acc[r][b]), total_of(fine[r][b])) * in.scales[at] * scale;
                out[r][b] += low * in.sums[at];
            }
        }
    }
}

// Where products go: to `y[row * stride + output + shift]`.
struct Outputs {
    float *y;
    int64_t stride, shift;
    const float *low;  // [rows, rank]: what the delta's `a` makes of the inputs
};

template <int B> INLINE void narrow(const Matrix &m, const Inputs &in, int first, float *low) {
    for (int64_t k = 0; k < m.rank; k++) {
        f32x16 acc[B] = {};
        for (int64_t i = 0; i < m.columns; i += 16) {
            f32x16 part = load(m.a + k * m.columns + i);
            for (int b = 0; b < B; b++) acc[b] += part * load(in.exact + (first + b) * m.columns + i);
        }
        for (int b = 0; b < B; b++) low[(first + b) * m.rank + k] = sum(acc[b]) * m.delta_scale;
    }
}

// What the delta's `a` makes of the inputs; each number is summed in the same order, whatever the rows.
inline void narrow_rows(const Matrix &m, const Inputs &in, int rows, float *low) {
    int first = 0;
    for (; first + 4 <= rows; first += 4) narrow<4>(m, in, first, low);
    for (; first < rows; first++) narrow<1>(m, in, first, low);
}

template <int R, int B>
INLINE void multiply(const Matrix &m, const Inputs &in, int64_t block, int first, const Outputs &to) {
    f32x16 out[R][B] = {};
    if (m.kind == I4) {
        nibbles<R, B>(m, in, block, first, out);
    } else if (m.kind == I8) {
        if (m.group == 16) bytes<R, B, 16>(m, in, block, first, out);
        else bytes<R, B, 32>(m, in, block, first, out);
    } else {
        for (int r = 0; r < R; r++) {
            int64_t at = (block + r) * BLOCK * m.columns, from = first * m.columns;
            if (m.kind == BF16) plain<B>((const bf16 *)m.codes + at, in.upper + from, m.columns, out[r]);
            else plain<B>((const float *)m.codes + at, in.exact + from, m.columns, out[r]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int b = 0; b < B; b++) {
            int64_t row = (block + r) * BLOCK;
            f32x16 value = out[r][b];
            if (m.row_scales) value *= load(m.row_scales + row);
            const bf16 *wide = m.b + row * m.rank;
            for (int64_t k = 0; k < m.rank; k++) value += load(wide + k * BLOCK) * to.low[(first + b) * m.rank + k];
            if (m.bias) value += load(m.bias + row);
            store(to.y + (first + b) * to.stride + row + to.shift, value);
        }
}

template <int R, int B>
__attribute__((noinline)) void multiply_blocks(
    const Matrix &m, const Inputs &in, int64_t begin, int64_t end, int first, const Outputs &to) {
    int64_t block = begin;
    for (; block + R <= end; block += R) multiply<R, B>(m, in, block, first, to);
    for (; block < end; block++) multiply<1, B>(m, in, block, first, to);
}

// From so many columns on, blocks of codes share what they read of a single input; below, each is read from end to end.
enum { WIDE_BLOCK = 4096 };

// Blocks of 16 outputs of a matrix, for all rows of the inputs.
inline void multiply_rows(const Matrix &m, const Inputs &in, int rows, int64_t begin, int64_t end, const Outputs &to) {
    for (int first = 0; first < rows;) {
        int left = rows - first;
        if (left >= 8) multiply_blocks<1, 8>(m, in, begin, end, first, to), first += 8;
        else if (left >= 4) multiply_blocks<2, 4>(m, in, begin, end, first, to), first += 4;
        else if (left >= 2) multiply_blocks<2, 2>(m, in, begin, end, first, to), first += 2;
        else if (m.columns < WIDE_BLOCK) multiply_blocks<1, 1>(m, in, begin, end, first, to), first += 1;
        else multiply_blocks<4, 1>(m, in, begin, end, first, to), first += 1;
    }
}

// One number of a packed matrix's row at a time: the embedding of a token.
inline void read_row(const Matrix &m, int64_t row, float *to) {
    if (m.kind == F32) {
        memcpy(to, (const float *)m.codes + row * m.columns, m.columns * 4);
        return;
    }
    if (m.kind == BF16) {
        for (int64_t i = 0; i < m.columns; i += 16) store(to + i, load((const bf16 *)m.codes + row * m.columns + i));
        return;
    }
    int64_t block = row / BLOCK, lane = row % BLOCK;
    for (int64_t i = 0; i < m.columns; i++) {
        int64_t g = (block * (m.columns / m.group) + i / m.group) * BLOCK + lane;
        int code;
        if (m.kind == I8) {
            code = ((const int8_t *)m.codes)[block * BLOCK * m.columns + i / 4 * 64 + lane * 4 + i % 4];
        } else {
            uint8_t both = ((const uint8_t *)m.codes)[block * BLOCK * m.columns / 2 + i / 8 * 64 + lane * 4 + i % 4];
            code = i % 8 < 4 ? both & 15 : both >> 4;
        }
        float scale = (m.scales ? half_to_float(m.scales[g]) : 1.0f) * (m.row_scales ? m.row_scales[row] : 1.0f);
        to[i] = code * scale + (m.lows ? half_to_float(m.lows[g]) : m.kind == I4 ? scale * -8.0f : 0.0f);
    }
}
