// Sixteen numbers at once, in the compiler's own vector types: one source for AVX-512, AVX2 and plain machines.
// Only what processors have instructions for that compilers do not find is written out for each.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

typedef uint16_t bf16;  // the upper half of a float
typedef uint16_t half;  // IEEE binary16

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x32 __attribute__((vector_size(64)));
typedef uint8_t u8x64 __attribute__((vector_size(64)));
typedef int8_t i8x64 __attribute__((vector_size(64)));
typedef int8_t i8x16 __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline))

template <class V> INLINE V load_as(const void *from) {
    V value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE f32x16 splat(float x) { return f32x16{} + x; }

INLINE f32x16 load(const float *from) { return load_as<f32x16>(from); }

INLINE f32x16 load(const bf16 *from) {
    return (f32x16)(__builtin_convertvector(load_as<u16x16>(from), u32x16) << 16);
}

INLINE f32x16 load(const int8_t *from) {
#if defined(__AVX512F__)
    return (f32x16)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_as<__m128i>(from)));
#else
    // twice as wide each time: at once, compilers take the numbers one by one
    i16x16 wider = __builtin_convertvector(load_as<i8x16>(from), i16x16);
    return __builtin_convertvector(__builtin_convertvector(wider, i32x16), f32x16);
#endif
}

INLINE void store(float *to, f32x16 x) { memcpy(to, &x, sizeof x); }

// Rounded to the nearest bfloat16, ties to even, as torch does; the lower halves are left over.
INLINE u32x16 rounded(f32x16 x) {
    u32x16 bits = (u32x16)x;
    return bits + 0x7fff + ((bits >> 16) & 1);
}

INLINE void store(bf16 *to, f32x16 x) {
    u16x16 upper = __builtin_convertvector(rounded(x) >> 16, u16x16);
    memcpy(to, &upper, sizeof upper);
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

// Sixteen sums at once: lane i of the result is the sum of the lanes of v[i].
INLINE f32x16 sums(f32x16 *v) {
#define HALVES(a, b, ...) (__builtin_shufflevector(a, b, __VA_ARGS__))
    for (int i = 0; i < 8; i++)
        v[i] = HALVES(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
               HALVES(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    for (int i = 0; i < 4; i++)
        v[i] = HALVES(v[i], v[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
               HALVES(v[i], v[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    for (int i = 0; i < 2; i++)
        v[i] = HALVES(v[i], v[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               HALVES(v[i], v[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    return HALVES(v[0], v[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           HALVES(v[0], v[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#undef HALVES
}

INLINE f32x16 smallest(f32x16 a, f32x16 b) { return a < b ? a : b; }
INLINE f32x16 largest(f32x16 a, f32x16 b) { return a > b ? a : b; }

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

// acc + the four products of each lane's bytes, for processors without an instruction for it.
template <class W> INLINE i32x16 products(i32x16 acc, W w, i8x64 x) {
    int32_t total[16];
    for (int lane = 0; lane < 16; lane++) {
        total[lane] = 0;
        for (int i = 0; i < 4; i++) total[lane] += (int)w[4 * lane + i] * (int)x[4 * lane + i];
    }
    return acc + load_as<i32x16>(total);
}

// acc + the four products of each lane's bytes, of weights 0 to 127 and activations -127 to 127.
INLINE i32x16 dot4(i32x16 acc, u8x64 w, i8x64 x) {
#if defined(__AVX512VNNI__)
    return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)w, (__m512i)x);
#elif defined(__AVX2__)
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i part[2];
    for (int i = 0; i < 2; i++) {
        __m256i a = load_as<__m256i>((const uint8_t *)&w + 32 * i), b = load_as<__m256i>((const int8_t *)&x + 32 * i);
        part[i] = _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones);
    }
    return acc + load_as<i32x16>(part);
#else
    return products(acc, w, x);
#endif
}

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
    i8x64 turned;
    u8x64 size;
    for (int i = 0; i < 2; i++) {
        __m256i a = load_as<__m256i>((const int8_t *)&w + 32 * i), b = load_as<__m256i>((const int8_t *)&x + 32 * i);
        __m256i t = _mm256_sign_epi8(b, a), s = _mm256_abs_epi8(a);
        memcpy((int8_t *)&turned + 32 * i, &t, 32);
        memcpy((uint8_t *)&size + 32 * i, &s, 32);
    }
    return dot4(acc, size, turned);
#else
    return products(acc, w, x);
#endif
}

// The same four bytes in every lane.
INLINE i8x64 four_bytes(const int8_t *from) {
    return (i8x64)(i32x16{} + load_as<int32_t>(from));
}
