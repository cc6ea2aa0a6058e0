// Products and attention of a prompt by both ways to multiply squares, beside plain loops in double precision.
//
// What AMX's instructions do is written out here, for tiles of sixteen rows of 64 bytes, so that it can be seen on any
// processor with AVX-512 and BF16: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, under TILELOADD,
// TILESTORED, TDPBF16PS and TILEZERO. Who asks for tiles without their shapes gets what is no number.
#include <array>
#include <cstdio>
#include <vector>

#include "matrix.h"
static thread_local float tiles[8][256];
static thread_local bool shaped = false;
static float half_of(const float *tile, int at) {
    uint32_t bits = (uint32_t)load_as<uint16_t>((const char *)tile + at * 2) << 16;
    return load_as<float>(&bits);
}
static void shape_tiles(const void *) { shaped = true; }
static void forget_tiles() { shaped = false; }
static void zero_tile(int t) { memset(tiles[t], shaped ? 0 : 255, 1024); }
static void load_tile(int t, const void *from, int64_t apart) {
    for (int row = 0; row < 16; row++) memcpy(tiles[t] + row * 16, (const char *)from + row * apart, 64);
}
static void store_tile(int t, void *to, int64_t apart) {
    for (int row = 0; row < 16; row++) memcpy((char *)to + row * apart, tiles[t] + row * 16, 64);
}
static void multiply_tiles(int to, int a, int b) {
    for (int m = 0; m < 16; m++)
        for (int k = 0; k < 32; k++)
            for (int n = 0; n < 16; n++)
                tiles[to][m * 16 + n] += half_of(tiles[a], m * 32 + k) * half_of(tiles[b], k / 2 * 32 + n * 2 + k % 2);
}
#undef _tile_loadconfig
#define _tile_loadconfig shape_tiles
#undef _tile_release
#define _tile_release forget_tiles
#undef _tile_zero
#define _tile_zero zero_tile
#undef _tile_loadd
#define _tile_loadd load_tile
#undef _tile_stored
#define _tile_stored store_tile
#undef _tile_dpbf16ps
#define _tile_dpbf16ps multiply_tiles

#include "prompt_attention.h"

static uint32_t state = 1;
static float drawn() { return ((state = state * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1; }
static float value(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    return load_as<float>(&bits);
}
static std::vector<bf16> numbers(size_t count) {
    std::vector<bf16> made(count + 16);
    for (size_t i = 0; i < count; i += 16) {
        f32x16 x;
        for (int lane = 0; lane < 16; lane++) x[lane] = drawn();
        store(made.data() + i, x);
    }
    return made;
}

template <class Square> static double product(Threads &threads, int64_t rows, int64_t columns, int64_t tokens) {
    auto w = numbers(rows * columns), x = numbers(tokens * columns);
    std::vector<bf16> room((tokens + 31) / 32 * 32 * columns), y(tokens * rows);
    Matrix m{};
    m.kind = BF16, m.rows = rows, m.columns = columns, m.codes = w.data();
    multiply_in<Square>(threads, m, tokens, {x.data(), columns}, room.data(), {y.data(), rows});
    double worst = 0;
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t r = 0; r < rows; r++) {
            double sum = 0, size = 0;
            for (int64_t c = 0; c < columns; c++) {
                double one = (double)value(w[r * columns + c]) * value(x[t * columns + c]);
                sum += one, size += fabs(one);
            }
            worst = std::max(worst, fabs(value(y[t * rows + r]) - sum) / size);
        }
    return worst;
}

template <class Square> static double attention(Threads &threads, int64_t tokens, int64_t start, int64_t window, float slope) {
    const int64_t heads = 4, keyed = 2, width = 64, seen = start + tokens;
    auto q = numbers(tokens * heads * width), k = numbers(keyed * seen * width), v = numbers(keyed * seen * width);
    std::vector<bf16> to(tokens * heads * width), room(2 * keyed * ((seen + 31) / 32 * 32) * width);
    std::vector<float> slopes(heads, slope);
    Asking a{q.data(), k.data(), v.data(), to.data(), slope ? slopes.data() : nullptr, tokens, start, seen, heads, keyed, width,
             heads * width, width, seen * width, window, 0.3f, 0};
    const int64_t padded = (seen + 31) / 32 * 32;
    attend_in<Square>(threads, a, Tiled{room.data(), room.data() + keyed * padded * width, padded});
    double worst = 0;
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t h = 0; h < heads; h++) {
            const int64_t position = start + t, group = h / (heads / keyed);
            std::vector<double> mixed(width);
            double total = 0;
            for (int64_t key = window ? std::max<int64_t>(position - window + 1, 0) : 0; key <= position; key++) {
                double score = 0;
                for (int64_t i = 0; i < width; i++)
                    score += (double)value(q[(t * heads + h) * width + i]) * value(k[(group * seen + key) * width + i]);
                double weight = exp(0.3 * score - slope * (position - key));
                total += weight;
                for (int64_t i = 0; i < width; i++) mixed[i] += weight * value(v[(group * seen + key) * width + i]);
            }
            for (int64_t i = 0; i < width; i++)
                worst = std::max(worst, fabs(value(to[(t * heads + h) * width + i]) - mixed[i] / total));
        }
    return worst;
}

template <class Square> static double worst_of(Threads &threads) {
    double worst = 0;
    for (auto [rows, columns, tokens] : {std::array<int64_t, 3>{48, 64, 33}, {16, 96, 5}, {80, 2080, 40}, {32, 8224, 34}})
        worst = std::max(worst, product<Square>(threads, rows, columns, tokens));
    for (auto [tokens, start, window] : {std::array<int64_t, 3>{40, 0, 0}, {33, 300, 0}, {150, 7, 60}, {2, 128, 1}})
        for (float slope : {0.0f, 0.1f}) worst = std::max(worst, attention<Square>(threads, tokens, start, window, slope));
    return worst;
}

int main() {
    Threads threads(2);
    printf("%d %d\n", worst_of<InVectors>(threads) < 0.006, worst_of<InAmx>(threads) < 0.006);
}
