// Sixteen numbers at once, in the compiler's own vector types: one source for AVX-512, AVX2 and plain machines.
// Only what processors have instructions for that compilers do not find is written out for each.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <utility>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "pair.h"

typedef uint16_t bf16;  // the upper half of a float
typedef uint16_t half;  // IEEE binary16

typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint8_t u8x32 __attribute__((vector_size(32)));
typedef int8_t i8x32 __attribute__((vector_size(32)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef int8_t i8x8 __attribute__((vector_size(8)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));

#if defined(__AVX512F__)
typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x32 __attribute__((vector_size(64)));
typedef uint8_t u8x64 __attribute__((vector_size(64)));
typedef int8_t i8x64 __attribute__((vector_size(64)));

INLINE f32x16 select(i32x16 which, f32x16 a, f32x16 b) { return which ? a : b; }
INLINE f32x16 floats(i32x16 x) { return __builtin_convertvector(x, f32x16); }
INLINE i32x16 integers(f32x16 x) { return __builtin_convertvector(x, i32x16); }
#else
typedef Pair<f32x8> f32x16;
typedef Pair<i32x8> i32x16;
typedef Pair<u32x8> u32x16;
typedef Pair<u16x16> u16x32;
typedef Pair<u8x32> u8x64;
typedef Pair<i8x32> i8x64;

INLINE f32x16 select(i32x16 which, f32x16 a, f32x16 b) { return {which.low ? a.low : b.low, which.high ? a.high : b.high}; }
INLINE f32x16 floats(i32x16 x) { return {__builtin_convertvector(x.low, f32x8), __builtin_convertvector(x.high, f32x8)}; }
INLINE i32x16 integers(f32x16 x) { return {__builtin_convertvector(x.low, i32x8), __builtin_convertvector(x.high, i32x8)}; }
#endif

template <class V> INLINE V load_as(const void *from) {
    if constexpr (is_pair<V>) {  // copied as a whole it would go through memory, in other pieces than it is read in
        using Half = decltype(V::low);
        return {load_as<Half>(from), load_as<Half>((const char *)from + sizeof(Half))};
    } else {
        V value;
        memcpy(&value, from, sizeof value);
        return value;
    }
}

INLINE f32x16 splat(float x) { return x - f32x16{}; }  // of zero, taking away is nothing to compute

INLINE f32x16 load(const float *from) { return load_as<f32x16>(from); }

INLINE f32x16 load(const bf16 *from) {
#if defined(__AVX512F__)
    return (f32x16)(__builtin_convertvector(load_as<u16x16>(from), u32x16) << 16);
#else
    auto wide = [](const bf16 *of) { return (f32x8)(__builtin_convertvector(load_as<u16x8>(of), u32x8) << 16); };
    return {wide(from), wide(from + 8)};
#endif
}

INLINE f32x16 load(const int8_t *from) {
#if defined(__AVX512F__)
    return (f32x16)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_as<__m128i>(from)));
#elif defined(__AVX2__)
    auto wide = [](const int8_t *of) { return (i32x8)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)of)); };
    return floats({wide(from), wide(from + 8)});
#else
    auto wide = [](const int8_t *of) { return __builtin_convertvector(load_as<i8x8>(of), i32x8); };
    return floats({wide(from), wide(from + 8)});
#endif
}

INLINE void store(float *to, f32x16 x) {
#if defined(__AVX512F__)
    memcpy(to, &x, sizeof x);
#else
    memcpy(to, &x.low, sizeof x.low);
    memcpy(to + 8, &x.high, sizeof x.high);
#endif
}

// Rounded to the nearest bfloat16, ties to even, as torch does; the lower halves are left over.
INLINE u32x16 rounded(f32x16 x) {
    u32x16 bits = (u32x16)x;
    return bits + 0x7fff + ((bits >> 16) & 1);
}

INLINE void store(bf16 *to, f32x16 x) {
    const u32x16 upper = rounded(x) >> 16;
#if defined(__AVX512F__)
    const u16x16 all = __builtin_convertvector(upper, u16x16);
    memcpy(to, &all, sizeof all);
#else
    const u16x8 low = __builtin_convertvector(upper.low, u16x8), high = __builtin_convertvector(upper.high, u16x8);
    memcpy(to, &low, sizeof low);
    memcpy(to + 8, &high, sizeof high);
#endif
}

// Whole numbers from -128 to 127.
INLINE void store(int8_t *to, i32x16 x) {
#if defined(__AVX512F__)
    const i8x16 all = __builtin_convertvector(x, i8x16);
    memcpy(to, &all, sizeof all);
#elif defined(__AVX2__)
    const __m256i halves = _mm256_packs_epi32((__m256i)x.low, (__m256i)x.high);  // by fours: 0, 2, 1, 3
    const __m256i both = _mm256_permute4x64_epi64(halves, 0xd8);
    const __m128i all = _mm_packs_epi16(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    memcpy(to, &all, sizeof all);
#else
    for (int i = 0; i < 8; i++) to[i] = (int8_t)x.low[i], to[i + 8] = (int8_t)x.high[i];
#endif
}

// One number by bits alone: there is no other way to say it in plain C++.
INLINE float half_to_float(half x) {
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = (x >> 10) & 31, fraction = x & 0x3ff;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 5.9604644775390625e-8f;  // 2^-24
        uint32_t bits;
        memcpy(&bits, &value, 4);
        bits |= sign;
        memcpy(&value, &bits, 4);
        return value;
    }
    uint32_t bits = sign | ((exponent == 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
    memcpy(&value, &bits, 4);
    return value;
}

INLINE half float_to_half(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t sign = (bits >> 16) & 0x8000, rest = bits & 0x7fffffff;
    if (rest >= 0x47800000) return (half)(sign | (rest > 0x7f800000 ? 0x7e00 : 0x7c00));
    if (rest < 0x38800000) {  // subnormal: a whole number of 2^-24
        float positive;
        memcpy(&positive, &rest, 4);
        return (half)(sign | (uint32_t)rintf(positive * 16777216.0f));
    }
    rest += 0xfff + ((rest >> 13) & 1);
    return (half)(sign | ((rest - 0x38000000) >> 13));
}

INLINE f32x16 load_halves(const half *from) {
#if defined(__AVX512F__)
    return (f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
#elif defined(__F16C__)
    float parts[16];
    for (int i = 0; i < 16; i += 8)
        _mm256_storeu_ps(parts + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
    return load(parts);
#else
    float parts[16];
    for (int i = 0; i < 16; i++) parts[i] = half_to_float(from[i]);
    return load(parts);
#endif
}

// The sum of all lanes, always in the same order.
INLINE float sum(f32x16 x) {
    float parts[16];
    store(parts, x);
    for (int width = 8; width; width /= 2)
        for (int i = 0; i < width; i++) parts[i] += parts[i + width];
    return parts[0];
}

// The largest lane, of numbers that are some.
INLINE float largest_of(f32x16 x) {
    float parts[16];
    store(parts, x);
    for (int i = 1; i < 16; i++) parts[0] = parts[i] > parts[0] ? parts[i] : parts[0];
    return parts[0];
}

// Of rows that are `S` apart, the lanes that stand crosswise change places.
template <int S, class V, int... LANE> INLINE void exchange(V (&v)[sizeof...(LANE)], std::integer_sequence<int, LANE...>) {
    constexpr int N = sizeof...(LANE);
#pragma GCC unroll 16
    for (int i = 0; i < N; i++)
        if (!(i & S)) {
            V a = v[i], b = v[i + S];
            v[i] = __builtin_shufflevector(a, b, (LANE & S ? N + LANE - S : LANE)...);
            v[i + S] = __builtin_shufflevector(a, b, (LANE & S ? N + LANE : LANE + S)...);
        }
}

// Lane i of row j becomes lane j of row i, by halves, quarters and so on.
template <class V, int N> INLINE void transpose(V (&v)[N]) {
    constexpr std::make_integer_sequence<int, N> lanes;
    if constexpr (N > 8) exchange<8>(v, lanes);
    exchange<4>(v, lanes);
    exchange<2>(v, lanes);
    exchange<1>(v, lanes);
}

// Of pairs of rows that are `S` apart: the sums of what `exchange` would put beside each other, in half as many.
template <int S, class V, int... LANE> INLINE V joined(V a, V b, std::integer_sequence<int, LANE...>) {
    constexpr int N = sizeof...(LANE);
    return __builtin_shufflevector(a, b, (LANE & S ? N + LANE - S : LANE)...) +
           __builtin_shufflevector(a, b, (LANE & S ? N + LANE : LANE + S)...);
}

// As many sums at once as there are lanes: lane i of the result is the sum of the lanes of v[i], in the order of `sum`.
template <class V, int N> INLINE V sums_of(V (&v)[N]) {
    constexpr std::make_integer_sequence<int, N> lanes;
    if constexpr (N > 8)
        for (int i = 0; i < 8; i++) v[i] = joined<8>(v[i], v[i + 8], lanes);
    for (int i = 0; i < 4; i++) v[i] = joined<4>(v[i], v[i + 4], lanes);
    for (int i = 0; i < 2; i++) v[i] = joined<2>(v[i], v[i + 2], lanes);
    return joined<1>(v[0], v[1], lanes);
}

INLINE f32x16 sums(f32x16 (&v)[16]) {
#if defined(__AVX512F__)
    return sums_of(v);
#else
    f32x8 upper[8], lower[8];
    for (int i = 0; i < 8; i++) upper[i] = v[i].low + v[i].high, lower[i] = v[i + 8].low + v[i + 8].high;
    return {sums_of(upper), sums_of(lower)};
#endif
}

INLINE f32x16 smallest(f32x16 a, f32x16 b) { return select(a < b, a, b); }
INLINE f32x16 largest(f32x16 a, f32x16 b) { return select(a > b, a, b); }

INLINE i32x16 counting() {
    const int32_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return load_as<i32x16>(lanes);
}

// e^x to the last two bits, from -87 to 88; beyond them the value there.
INLINE f32x16 exponential(f32x16 x) {
    x = largest(smallest(x, splat(88.0f)), splat(-87.0f));
    const f32x16 shift = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
    f32x16 whole = x * 1.44269504088896341f + shift;
    i32x16 power = ((i32x16)whole - (i32x16)shift) << 23;
    whole -= shift;
    f32x16 r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    f32x16 p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return (f32x16)((i32x16)p + power);
}

INLINE float exponential(float x) {
    const f32x16 all = exponential(splat(x));
    return load_as<float>(&all);
}

// acc + w[2i] x[2i] + w[2i + 1] x[2i + 1], in each lane i.
INLINE f32x16 dot2(f32x16 acc, u16x32 w, u16x32 x) {
#if defined(__AVX512BF16__)
    return (f32x16)_mm512_dpbf16_ps((__m512)acc, (__m512bh)w, (__m512bh)x);
#else
    u32x16 a = (u32x16)w, b = (u32x16)x;
    acc += (f32x16)(a << 16) * (f32x16)(b << 16);
    return acc + (f32x16)(a & 0xffff0000u) * (f32x16)(b & 0xffff0000u);
#endif
}

#if !defined(__AVX2__)
// acc + the four products of each lane's bytes, for processors without an instruction for it.
template <class W> INLINE i32x16 products(i32x16 acc, W w, i8x64 x) {
    auto part = [](auto w, i8x32 x) {
        i32x8 total = {};
        for (int i = 0; i < 32; i++) total[i / 4] += (int)w[i] * (int)x[i];
        return total;
    };
    return acc + pair(part(w.low, x.low), part(w.high, x.high));
}
#endif

// acc + the four products of each lane's bytes, of weights 0 to 127 and activations -127 to 127.
INLINE i32x16 dot4(i32x16 acc, u8x64 w, i8x64 x) {
#if defined(__AVX512VNNI__)
    return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)w, (__m512i)x);
#elif defined(__AVX2__)
    auto part = [](u8x32 w, i8x32 x) {
        return (i32x8)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)w, (__m256i)x), _mm256_set1_epi16(1));
    };
    return acc + pair(part(w.low, x.low), part(w.high, x.high));
#else
    return products(acc, w, x);
#endif
}

// The same of weights of 4 bits, in sums that are `total_of` later: of up to eight dots.
#if defined(__AVX512VNNI__) || !defined(__AVX2__)
typedef i32x16 FourBits;
INLINE FourBits dot4_small(FourBits acc, u8x64 w, i8x64 x) { return dot4(acc, w, x); }
INLINE i32x16 total_of(FourBits x) { return x; }
#else
typedef Pair<i16x16> FourBits;  // 8 * 2 * 15 * 127 is less than 2^15
INLINE FourBits dot4_small(FourBits acc, u8x64 w, i8x64 x) {
    auto part = [](u8x32 w, i8x32 x) { return (i16x16)_mm256_maddubs_epi16((__m256i)w, (__m256i)x); };
    return acc + pair(part(w.low, x.low), part(w.high, x.high));
}
INLINE i32x16 total_of(FourBits x) {
    auto both = [](i16x16 x) { return (i32x8)_mm256_madd_epi16((__m256i)x, _mm256_set1_epi16(1)); };
    return pair(both(x.low), both(x.high));
}
#endif

// What `dot4_signed` must begin with, for each unit of the sum of its activations.
#if defined(__AVX512VNNI__)
#define SIGNED_START -128
#else
#define SIGNED_START 0
#endif

// The same with weights -127 to 127.
INLINE i32x16 dot4_signed(i32x16 acc, i8x64 w, i8x64 x) {
#if defined(__AVX512VNNI__)
    return dot4(acc, (u8x64)w ^ 0x80, x);  // 128 more in each weight: SIGNED_START takes it away
#elif defined(__AVX2__)
    auto size = [](i8x32 w) { return (u8x32)_mm256_abs_epi8((__m256i)w); };
    auto turned = [](i8x32 x, i8x32 w) { return (i8x32)_mm256_sign_epi8((__m256i)x, (__m256i)w); };
    return dot4(acc, pair(size(w.low), size(w.high)), pair(turned(x.low, w.low), turned(x.high, w.high)));
#else
    return products(acc, w, x);
#endif
}

// The same four bytes in every lane.
INLINE i8x64 four_bytes(const int8_t *from) {
    return (i8x64)(i32x16{} + load_as<int32_t>(from));
}
