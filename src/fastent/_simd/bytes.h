/* Bytes and bits: the few operations of counting that differ between instruction sets. */
#ifndef FASTENT_BYTES_H
#define FASTENT_BYTES_H

#include "prefetch.h"
#include "vec.h"

#if !defined(VEC_SCALAR) && defined(__SSE2__)
#include <emmintrin.h>
#define BYTES_SSE2 1
#endif

/* Where processors without the instruction are served, the compiler would call a function. */
INLINE int64_t count_bits(uint64_t word) {
#if defined(__POPCNT__) || defined(__aarch64__)
    return __builtin_popcountll(word);
#else
    word -= (word >> 1) & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + ((word >> 2) & UINT64_C(0x3333333333333333));
    return (int64_t)((((word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f)) * UINT64_C(0x0101010101010101)) >> 56);
#endif
}

/* Raises a flag that other threads may raise at the same time. */
INLINE void raise_flag(int32_t *flag) {
#if defined(__GNUC__) || defined(__clang__)
    __atomic_store_n(flag, 1, __ATOMIC_RELAXED);
#else
    *(volatile int32_t *)flag = 1;
#endif
}

/* A bit for each of 64 bytes that equals `level`, the first byte's lowest. */
INLINE uint64_t equal_bytes(const uint8_t *bytes, uint8_t level) {
#if defined(VEC_AVX512)
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(bytes), _mm512_set1_epi8((char)level));
#elif defined(VEC_AVX2)
    __m256i wanted = _mm256_set1_epi8((char)level);
    __m256i lower = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)bytes), wanted);
    __m256i upper = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(bytes + 32)), wanted);
    return (uint32_t)_mm256_movemask_epi8(lower) | (uint64_t)(uint32_t)_mm256_movemask_epi8(upper) << 32;
#elif defined(BYTES_SSE2)
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i equal = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), _mm_set1_epi8((char)level));
        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(equal) << (16 * i);
    }
    return mask;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(bytes[i] == level) << i;
    return mask;
#endif
}

/* As many bytes as a register holds. */
#if defined(VEC_AVX512)
typedef __m512i vbytes;
INLINE vbytes load_bytes(const uint8_t *p) { return _mm512_loadu_si512(p); }
INLINE vbytes larger_bytes(vbytes a, vbytes b) { return _mm512_max_epu8(a, b); }
#elif defined(VEC_AVX2)
typedef __m256i vbytes;
INLINE vbytes load_bytes(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vbytes larger_bytes(vbytes a, vbytes b) { return _mm256_max_epu8(a, b); }
#elif defined(BYTES_SSE2)
typedef __m128i vbytes;
INLINE vbytes load_bytes(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
INLINE vbytes larger_bytes(vbytes a, vbytes b) { return _mm_max_epu8(a, b); }
#else
typedef uint8_t vbytes;
INLINE vbytes load_bytes(const uint8_t *p) { return *p; }
INLINE vbytes larger_bytes(vbytes a, vbytes b) { return a > b ? a : b; }
#endif

/* One bit of each of 64 bytes, the first byte's lowest. */
INLINE uint64_t bit_of_bytes(const uint8_t *bytes, int bit) {
#if defined(VEC_AVX512)
    return _mm512_test_epi8_mask(_mm512_loadu_si512(bytes), _mm512_set1_epi8((char)(1 << bit)));
#elif defined(VEC_AVX2)
    const __m128i up = _mm_cvtsi32_si128(7 - bit); /* to the top of the byte, whatever else moves in below */
    __m256i lower = _mm256_sll_epi16(_mm256_loadu_si256((const __m256i *)bytes), up);
    __m256i upper = _mm256_sll_epi16(_mm256_loadu_si256((const __m256i *)(bytes + 32)), up);
    return (uint32_t)_mm256_movemask_epi8(lower) | (uint64_t)(uint32_t)_mm256_movemask_epi8(upper) << 32;
#elif defined(BYTES_SSE2)
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i top = _mm_sll_epi16(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), _mm_cvtsi32_si128(7 - bit));
        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(top) << (16 * i);
    }
    return mask;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(bytes[i] >> bit & 1) << i;
    return mask;
#endif
}

/* TRANSPOSE_ROWS rows of sixteen bytes become sixteen columns. Row i goes with row i + 8 in four rounds of interleaving. */
#if defined(VEC_AVX2) || defined(VEC_AVX512)
#define TRANSPOSE_ROWS 32 /* sixteen of them in each half of a register */
typedef __m256i vrow;
INLINE vrow load_row(const uint8_t *from, const uint8_t *other) {
    __m128i low = _mm_loadu_si128((const __m128i *)from), high = _mm_loadu_si128((const __m128i *)other);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
INLINE vrow interleave_low(vrow a, vrow b) { return _mm256_unpacklo_epi8(a, b); }
INLINE vrow interleave_high(vrow a, vrow b) { return _mm256_unpackhi_epi8(a, b); }
INLINE void store_row(uint8_t *to, vrow x) { _mm256_storeu_si256((__m256i *)to, x); }
#elif defined(BYTES_SSE2)
#define TRANSPOSE_ROWS 16
typedef __m128i vrow;
INLINE vrow load_row(const uint8_t *from, const uint8_t *other) { (void)other; return _mm_loadu_si128((const __m128i *)from); }
INLINE vrow interleave_low(vrow a, vrow b) { return _mm_unpacklo_epi8(a, b); }
INLINE vrow interleave_high(vrow a, vrow b) { return _mm_unpackhi_epi8(a, b); }
INLINE void store_row(uint8_t *to, vrow x) { _mm_storeu_si128((__m128i *)to, x); }
#else
#define TRANSPOSE_ROWS 16
#endif
INLINE void transpose_bytes(const uint8_t *from, int64_t pitch, uint8_t *to, int64_t stride) {
#if defined(VEC_AVX2) || defined(VEC_AVX512) || defined(BYTES_SSE2)
    vrow a[16], b[16];
    for (int i = 0; i < 16; i++, from += pitch)
        a[i] = load_row(from, from + 16 * pitch);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++) {
            b[2 * i] = interleave_low(a[i], a[i + 8]);
            b[2 * i + 1] = interleave_high(a[i], a[i + 8]);
        }
        for (int i = 0; i < 8; i++) {
            a[2 * i] = interleave_low(b[i], b[i + 8]);
            a[2 * i + 1] = interleave_high(b[i], b[i + 8]);
        }
    }
    for (int i = 0; i < 16; i++)
        store_row(to + i * stride, a[i]);
#else
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            to[j * stride + i] = from[i * pitch + j];
#endif
}

/* Vectors of 64-bit words, how many bits are set in each, and sums across them. */
#if defined(VEC_AVX512) && defined(__GNUC__)
typedef __m512i vwords;
#define VWORDS 8
INLINE vwords load_words(const uint64_t *p) { return _mm512_loadu_si512(p); }
INLINE vwords both_words(vwords a, vwords b) { return _mm512_and_si512(a, b); }
INLINE vwords other_words(vwords a, vwords b) { return _mm512_andnot_si512(b, a); }
INLINE vwords add_words(vwords a, vwords b) { return _mm512_add_epi64(a, b); }
INLINE void store_words(uint64_t *p, vwords x) { _mm512_storeu_si512(p, x); }
INLINE vwords no_words(void) { return _mm512_setzero_si512(); }
INLINE vwords same_words(uint64_t word) { return _mm512_set1_epi64((int64_t)word); }
INLINE void add_to_words(uint64_t *p, vwords x) { _mm512_storeu_si512(p, _mm512_add_epi64(load_words(p), x)); }
INLINE vwords bits_of_words(vwords x) {
    const vwords nibbles = _mm512_set1_epi8(15);
    const vwords table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    vwords low = _mm512_shuffle_epi8(table, _mm512_and_si512(x, nibbles));
    vwords high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), nibbles));
    return _mm512_sad_epu8(_mm512_add_epi8(low, high), _mm512_setzero_si512());
}
INLINE int64_t sum_words(vwords x) { return _mm512_reduce_add_epi64(x); }
INLINE void add_four_sums(int64_t *to, const vwords *x) {
    vwords a = _mm512_add_epi64(_mm512_unpacklo_epi64(x[0], x[1]), _mm512_unpackhi_epi64(x[0], x[1]));
    vwords b = _mm512_add_epi64(_mm512_unpacklo_epi64(x[2], x[3]), _mm512_unpackhi_epi64(x[2], x[3]));
    vwords halves = _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
    vwords wholes = _mm512_add_epi64(halves, _mm512_shuffle_i64x2(halves, halves, 0xb1));
    __m256i sums = _mm512_castsi512_si256(_mm512_shuffle_i64x2(wholes, wholes, 0x08));
    _mm256_storeu_si256((__m256i *)to, _mm256_add_epi64(_mm256_loadu_si256((const __m256i *)to), sums));
}
/* One instruction on processors that have it, which x86-64-v4 does not ask for. */
#define VPOPCNT_ATTRIBUTE __attribute__((target("avx512vpopcntdq")))
VPOPCNT_ATTRIBUTE INLINE vwords bits_of_words_vpopcnt(vwords x) { return _mm512_popcnt_epi64(x); }
INLINE int has_vpopcnt(void) { return __builtin_cpu_supports("avx512vpopcntdq"); }
#elif defined(VEC_AVX2)
typedef __m256i vwords;
#define VWORDS 4
INLINE vwords load_words(const uint64_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vwords both_words(vwords a, vwords b) { return _mm256_and_si256(a, b); }
INLINE vwords other_words(vwords a, vwords b) { return _mm256_andnot_si256(b, a); }
INLINE vwords add_words(vwords a, vwords b) { return _mm256_add_epi64(a, b); }
INLINE void store_words(uint64_t *p, vwords x) { _mm256_storeu_si256((__m256i *)p, x); }
INLINE vwords no_words(void) { return _mm256_setzero_si256(); }
INLINE vwords same_words(uint64_t word) { return _mm256_set1_epi64x((int64_t)word); }
INLINE void add_to_words(uint64_t *p, vwords x) { _mm256_storeu_si256((__m256i *)p, _mm256_add_epi64(load_words(p), x)); }
INLINE vwords bits_of_words(vwords x) {
    const vwords nibbles = _mm256_set1_epi8(15);
    const vwords table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    vwords low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibbles));
    vwords high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibbles));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}
INLINE int64_t sum_words(vwords x) {
    return _mm256_extract_epi64(x, 0) + _mm256_extract_epi64(x, 1) + _mm256_extract_epi64(x, 2) + _mm256_extract_epi64(x, 3);
}
INLINE void add_four_sums(int64_t *to, const vwords *x) {
    vwords a = _mm256_add_epi64(_mm256_unpacklo_epi64(x[0], x[1]), _mm256_unpackhi_epi64(x[0], x[1]));
    vwords b = _mm256_add_epi64(_mm256_unpacklo_epi64(x[2], x[3]), _mm256_unpackhi_epi64(x[2], x[3]));
    vwords sums = _mm256_add_epi64(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    _mm256_storeu_si256((__m256i *)to, _mm256_add_epi64(_mm256_loadu_si256((const __m256i *)to), sums));
}
#else
typedef uint64_t vwords;
#define VWORDS 1
INLINE vwords load_words(const uint64_t *p) { return *p; }
INLINE vwords both_words(vwords a, vwords b) { return a & b; }
INLINE vwords other_words(vwords a, vwords b) { return a & ~b; }
INLINE vwords add_words(vwords a, vwords b) { return a + b; }
INLINE void store_words(uint64_t *p, vwords x) { *p = x; }
INLINE vwords no_words(void) { return 0; }
INLINE vwords same_words(uint64_t word) { return word; }
INLINE void add_to_words(uint64_t *p, vwords x) { *p += x; }
INLINE vwords bits_of_words(vwords x) { return (vwords)count_bits(x); }
INLINE int64_t sum_words(vwords x) { return (int64_t)x; }
INLINE void add_four_sums(int64_t *to, const vwords *x) {
    for (int i = 0; i < 4; i++)
        to[i] += (int64_t)x[i];
}
#endif

#endif
