// Products of many rows with a packed matrix in the tiles of AMX, for prompts.
//
// Sixteen rows of codes lie together, and that is nearly how the tiles want bfloat16: of two columns the numbers of
// sixteen rows side by side. So some rows at a time become numbers, into memory that stays near the core, and all
// tokens are multiplied by these. An output is summed in the same order, whatever is computed beside it.
// Instructions: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#pragma once

#include <stdlib.h>

#include <utility>

#include "pack.h"
#include "pointwise.h"

#if defined(__linux__) && defined(__AVX512BF16__) && (defined(__clang__) || __GNUC__ >= 11)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WITH_TILES __attribute__((target("amx-tile,amx-bf16")))

// Of 32 columns: of sixteen tokens, or of sixteen rows.
enum { TILE = 16 * SPAN };

// Columns that are multiplied before others come: of a few rows and tokens they stay near the core.
enum { STRETCH = 2048 };

// Numbers of the rows at hand: half a megabyte of bfloat16.
enum { NEAR = 1 << 18 };

// Whether this processor has the tiles, and the system lets this process use them.
inline bool may_use_tiles() {
    unsigned a, b, c, d;
    const unsigned bf16s = 1u << 22, tiles = 1u << 24;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bf16s) || !(d & tiles)) return false;
    const long ask_for = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, ask_for, tile_data) == 0;
}

struct alignas(64) TileShapes {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Of rows that are `S` apart, the lanes that stand crosswise change places.
template <int S, int... LANE> INLINE void exchange(u32x16 (&v)[16], std::integer_sequence<int, LANE...>) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        if (!(i & S)) {
            u32x16 a = v[i], b = v[i + S];
            v[i] = __builtin_shufflevector(a, b, (LANE & S ? 16 + LANE - S : LANE)...);
            v[i + S] = __builtin_shufflevector(a, b, (LANE & S ? 16 + LANE : LANE + S)...);
        }
}

// Lane i of row j becomes lane j of row i, by halves, quarters and so on.
INLINE void transpose(u32x16 (&v)[16]) {
    constexpr std::make_integer_sequence<int, 16> lanes;
    exchange<8>(v, lanes);
    exchange<4>(v, lanes);
    exchange<2>(v, lanes);
    exchange<1>(v, lanes);
}

// Sixteen rows of some columns of a matrix as tiles of two columns a row, one after the other.
INLINE void unpack_tiles(const Matrix &m, int64_t block, int64_t column, int64_t end, bf16 *to) {
    if (m.kind == BF16) {  // a pair of columns is a number of 32 bits
        for (; column < end; column += SPAN, to += TILE) {
            u32x16 pairs[16];
            for (int row = 0; row < 16; row++) pairs[row] = load_as<u32x16>((const bf16 *)m.codes + (block * BLOCK + row) * m.columns + column);
            transpose(pairs);
            memcpy(to, pairs, sizeof pairs);
        }
        return;
    }
    for (; column < end; column += 16, to += TILE / 2) {
        f32x16 values[16];
        unpack_columns(m, block, column, values);
        for (int i = 0; i < 8; i++) {
            u32x16 pair = pair_of(values[2 * i], values[2 * i + 1]);
            memcpy(to + i * SPAN, &pair, sizeof pair);
        }
    }
}

// Two times sixteen tokens by twice sixteen rows, added to `sums`: [token, row] of each of the four, left to right.
WITH_TILES inline void multiply_tiles(
    const bf16 *x, const bf16 *below, const bf16 *w, const bf16 *right, int64_t count, bool begins, float *sums) {
    asm volatile("" ::: "memory");  // compilers do not see what the tiles are loaded from
    if (begins) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, 64);
        _tile_loadd(1, sums + 256, 64);
        _tile_loadd(2, sums + 512, 64);
        _tile_loadd(3, sums + 768, 64);
    }
    for (int64_t at = 0; at < count; at += TILE) {
        _tile_loadd(4, x + at, 64);
        _tile_loadd(6, w + at, 64);
        _tile_loadd(7, right + at, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, below + at, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + 256, 64);
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
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

// Some blocks of rows, an even number but for the last ones, for all tokens: `x` holds these as tiles.
WITH_TILES inline void multiply_near(
    const Matrix &m, int64_t first, int64_t end, const bf16 *x, int64_t tokens, Rows y) {
    static thread_local Near<bf16> numbers;
    static thread_local Near<float> sums;
    const int64_t pairs = (end - first + 1) / 2, stretch = std::min<int64_t>(STRETCH, m.columns), size = 2 * BLOCK * stretch;
    bf16 *near = numbers.of(pairs * size);  // the second of an odd last pair is left as it is, and so is what comes of it
    float *found = sums.of((tokens + 31) / 32 * pairs * 1024);
    for (int64_t column = 0; column < m.columns; column += stretch) {
        const int64_t last = std::min(column + stretch, m.columns), half = (last - column) * BLOCK;
        for (int64_t block = first; block < end; block++) unpack_tiles(m, block, column, last, near + (block - first) * half);
        float *to = found;
        for (int64_t token = 0; token < tokens; token += 32) {
            const bf16 *above = x + token * m.columns + column * 16, *below = above + 16 * m.columns;
            for (int64_t pair = 0; pair < pairs; pair++, to += 1024)
                multiply_tiles(above, below, near + 2 * pair * half, near + (2 * pair + 1) * half, half, column == 0, to);
        }
    }
    for (int64_t token = 0; token < tokens; token++)
        for (int64_t block = first; block < end; block++) {
            const float *pair = found + (token / 32 * pairs + (block - first) / 2) * 1024;
            store(y.at + token * y.apart + block * BLOCK, load(pair + (token % 32 / 16 * 2 + (block - first) % 2) * 256 + token % 16 * 16));
        }
}

// y = x wᵀ: x [tokens, columns], y [tokens, rows]; `room` holds x as tiles, its tokens rounded up to 32.
inline void multiply_many(Threads &threads, const Matrix &m, int64_t tokens, Rows x, bf16 *room, Rows y) {
    const int64_t padded = (tokens + 31) / 32 * 32, blocks = m.rows / BLOCK;
    Claims tiling, multiplying;
    threads.run([&](int) {
        tiling.share(padded / 16, threads.count, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++) tile_tokens(x.at, x.apart, tokens, m.columns, i * 16, room + i * 16 * m.columns);
        });
    });
    const int64_t shares = 4 * threads.count, fair = (blocks + shares - 1) / shares;
    const int64_t fitting = NEAR / (std::min<int64_t>(STRETCH, m.columns) * BLOCK);
    const int64_t at_once = std::max<int64_t>(std::min(fitting, fair + 1) / 2 * 2, 2);
    threads.run([&](int) WITH_TILES {
        static constexpr TileShapes shapes;
        _tile_loadconfig(&shapes);
        multiplying.share((blocks + at_once - 1) / at_once, threads.count, [&](int64_t begin, int64_t end) {
            for (int64_t part = begin; part < end; part++)
                multiply_near(m, part * at_once, std::min((part + 1) * at_once, blocks), room, tokens, y);
        });
        _tile_release();  // torch's library has shapes of its own
    });
}

#else

inline bool may_use_tiles() { return false; }
inline void multiply_many(Threads &, const Matrix &, int64_t, Rows, bf16 *, Rows) {}

#endif
