/* Rows side by side: vectors that have numbers of each of VL streams. */
#ifndef FASTENT_BESIDE_H
#define FASTENT_BESIDE_H

#include "single.h"

/* ---- doubles: each of VL streams in a lane ---- */

#if defined(VEC_SCALAR)
#define BESIDE_DOUBLE 1
INLINE void vbeside(const double *const *streams, int64_t at, vd *columns) { columns[0] = vload(streams[0] + at); }
INLINE void vbeside_part(const double *const *streams, int64_t at, int64_t n, double filling, vd *columns) {
    (void)streams, (void)at, (void)n;
    columns[0] = vset(filling);
}
#else
#define BESIDE_DOUBLE 2
typedef double vd_pair __attribute__((vector_size(16), aligned(1), may_alias));

/* Two numbers each of the streams of even (or of odd) number */
INLINE vd vpairs(const double *const *streams, int64_t at) {
#if defined(VEC_AVX512)
    __m512d x = _mm512_castpd128_pd512(_mm_loadu_pd(streams[0] + at));
    x = _mm512_insertf64x2(x, _mm_loadu_pd(streams[2] + at), 1);
    x = _mm512_insertf64x2(x, _mm_loadu_pd(streams[4] + at), 2);
    return _mm512_insertf64x2(x, _mm_loadu_pd(streams[6] + at), 3);
#elif defined(VEC_AVX2)
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(streams[0] + at)), _mm_loadu_pd(streams[2] + at), 1);
#else
    return *(const vd_pair *)(streams[0] + at);
#endif
}

INLINE void vbeside(const double *const *streams, int64_t at, vd *columns) {
    vd even = vpairs(streams, at), odd = vpairs(streams + 1, at);
#if defined(VEC_AVX512)
    columns[0] = _mm512_unpacklo_pd(even, odd);
    columns[1] = _mm512_unpackhi_pd(even, odd);
#elif defined(VEC_AVX2)
    columns[0] = _mm256_unpacklo_pd(even, odd);
    columns[1] = _mm256_unpackhi_pd(even, odd);
#else
    columns[0] = (vd){even[0], odd[0]};
    columns[1] = (vd){even[1], odd[1]};
#endif
}

/* The last one. */
INLINE void vbeside_part(const double *const *streams, int64_t at, int64_t n, double filling, vd *columns) {
    double lanes[VL];
    (void)n, (void)filling;
    for (int lane = 0; lane < VL; lane++)
        memcpy(lanes + lane, streams[lane] + at, sizeof(double));
    columns[0] = columns[1] = vload(lanes);
}
#endif

INLINE vd vto_beside(vd x) { return x; }
INLINE vd vfold(enum across how, vd x) {
    (void)how;
    return x;
}

/* ---- floats: each of VL streams in two lanes, which take four of its next eight numbers each ---- */

#if defined(VEC_SINGLE)
#define BESIDE_FLOAT 4

/* The next eight of stream 0 (and of stream 4) */
#if defined(VEC_AVX512)
INLINE vs seights(const float *const *streams, int64_t at) {
    __m512d low = _mm512_castpd256_pd512((__m256d)_mm256_loadu_ps(streams[0] + at));
    return (vs)_mm512_insertf64x4(low, (__m256d)_mm256_loadu_ps(streams[4] + at), 1);
}
INLINE vs seights_part(const float *const *streams, int64_t at, int64_t n, float filling) {
    const __m256 full = _mm256_set1_ps(filling);
    __mmask8 there = (__mmask8)((1u << n) - 1);
    __m512d low = _mm512_castpd256_pd512((__m256d)_mm256_mask_loadu_ps(full, there, streams[0] + at));
    return (vs)_mm512_insertf64x4(low, (__m256d)_mm256_mask_loadu_ps(full, there, streams[4] + at), 1);
}
#define UNPACK_FLOATS(which, a, b) _mm512_unpack##which##_ps(a, b)
#define UNPACK_PAIRS(which, a, b) (vs)_mm512_unpack##which##_pd((vd)(a), (vd)(b))
#else
INLINE vs seights(const float *const *streams, int64_t at) { return sload(streams[0] + at); }
INLINE vs seights_part(const float *const *streams, int64_t at, int64_t n, float filling) {
    return spad(sload_part(streams[0] + at, n), n, filling);
}
#define UNPACK_FLOATS(which, a, b) _mm256_unpack##which##_ps(a, b)
#define UNPACK_PAIRS(which, a, b) (vs)_mm256_unpack##which##_pd((vd)(a), (vd)(b))
#endif

/* Four rows of four, in every 128 bits of a to d, become four columns. */
INLINE void stranspose_fours(vs a, vs b, vs c, vs d, vs *columns) {
    vs ab_low = UNPACK_FLOATS(lo, a, b), ab_high = UNPACK_FLOATS(hi, a, b);
    vs cd_low = UNPACK_FLOATS(lo, c, d), cd_high = UNPACK_FLOATS(hi, c, d);
    columns[0] = UNPACK_PAIRS(lo, ab_low, cd_low);
    columns[1] = UNPACK_PAIRS(hi, ab_low, cd_low);
    columns[2] = UNPACK_PAIRS(lo, ab_high, cd_high);
    columns[3] = UNPACK_PAIRS(hi, ab_high, cd_high);
}
#undef UNPACK_FLOATS
#undef UNPACK_PAIRS

INLINE void sbeside(const float *const *streams, int64_t at, vs *columns) {
    stranspose_fours(seights(streams, at), seights(streams + 1, at), seights(streams + 2, at), seights(streams + 3, at), columns);
}

/* Where number i of a stream is among all columns. */
INLINE int64_t splace_beside(int stream, int64_t i) {
    uint64_t at = (uint64_t)i, lane = (uint64_t)stream;
    return (int64_t)((at / 8 * 4 + at % 4) * SL + lane / 4 * 8 + at % 8 / 4 * 4 + lane % 4);
}

/* The last n < 8. */
INLINE void sbeside_part(const float *const *streams, int64_t at, int64_t n, float filling, vs *columns) {
    stranspose_fours(seights_part(streams, at, n, filling), seights_part(streams + 1, at, n, filling),
                     seights_part(streams + 2, at, n, filling), seights_part(streams + 3, at, n, filling), columns);
}

/* A number for each stream, in its lanes; and a stream's lanes combined, in doubles. */
#if defined(VEC_AVX512)
INLINE vs sto_beside(vd x) {
    __m512 once = _mm512_castps256_ps512(_mm512_cvtpd_ps(x));
    return _mm512_shuffle_f32x4(once, once, 0x50);
}
INLINE vs sby_lanes(vs x) { return _mm512_shuffle_f32x4(x, x, 0xd8); }
#else
INLINE vs sto_beside(vd x) { return snarrow(x, x); }
INLINE vs sby_lanes(vs x) { return x; }
#endif
INLINE vd sfold(enum across how, vs x) {
    x = sby_lanes(x);
    return vcombine(how, swiden(x, 0), swiden(x, 1));
}
#endif

#endif
