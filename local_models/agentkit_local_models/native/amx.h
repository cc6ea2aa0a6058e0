// Products of sixteen rows with sixteen columns at once in the tiles of AMX.
//
// Instructions: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#pragma once

#include "vectors.h"

#if defined(__linux__) && defined(__AVX512BF16__) && (defined(__clang__) || __GNUC__ >= 11)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WITH_AMX __attribute__((target("amx-tile,amx-bf16")))

// Whether this processor has the tiles, and the system lets this process use them.
inline bool may_use_amx() {
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

// What a square is multiplied by: see `multiply_near`. The shapes belong to a thread, and torch's library has its own.
struct InAmx {
    enum { STRETCH = 2048, NEAR = 1 << 18 };  // columns at once, and numbers of rows near the core: half a megabyte

    WITH_AMX static void begin() {
        static constexpr TileShapes shapes;
        _tile_loadconfig(&shapes);
    }

    WITH_AMX static void end() { _tile_release(); }

    WITH_AMX static void multiply(
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
        for (int64_t at = 0; at < count; at += 16 * SPAN) {
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
};

#else

inline bool may_use_amx() { return false; }

#if defined(__AVX512BF16__)
using InAmx = InVectors;
#endif

#endif
