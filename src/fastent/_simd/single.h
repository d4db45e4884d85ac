/* Vectors of floats beside those of doubles: SL = 2 VL lanes, where the instruction set has fused operations.
 *
 * They carry the terms of float32 rows whose values are not extreme; sums and everything about a row as a whole stay in
 * doubles, two vectors of them for one of floats. The rows these lanes cannot do to the last digits are done in doubles.
 */
#ifndef FASTENT_SINGLE_H
#define FASTENT_SINGLE_H

#include "log.h"

#if defined(VEC_AVX512) || defined(VEC_AVX2)
#define VEC_SINGLE 1
#define SL (2 * VL)

typedef float vs __attribute__((vector_size(SL * 4)));
typedef uint32_t vsi __attribute__((vector_size(SL * 4)));
typedef float vs_unaligned __attribute__((vector_size(SL * 4), aligned(1), may_alias));
#if defined(VEC_AVX512)
typedef __mmask16 sm;
#else
typedef vsi sm;
#endif

INLINE vs sset(float x) { return x - (vs){0}; }
INLINE vsi sset_bits(uint32_t x) { return x - (vsi){0}; }
INLINE vsi sbits(vs x) { return (vsi)x; }
INLINE vs sfrom_bits(vsi x) { return (vs)x; }
INLINE vs sload(const float *p) { return *(const vs_unaligned *)p; }

/* The first n < SL floats at p, zeros behind them; reads nothing past them. */
INLINE vs sload_part(const float *p, int64_t n) {
#if defined(VEC_AVX512)
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
    const vsi lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    return _mm256_maskload_ps(p, (__m256i)(lanes < sset_bits((uint32_t)n)));
#endif
}

/* Doubles from the lower (half 0) or upper lanes of floats or of integers, and floats from doubles. */
#if defined(VEC_AVX512)
INLINE vd swiden(vs x, int half) {
    __m512i bits = (__m512i)x;
    return _mm512_cvtps_pd((__m256)(half ? _mm512_extracti64x4_epi64(bits, 1) : _mm512_castsi512_si256(bits)));
}
INLINE vd swiden_int(vsi x, int half) {
    __m512i bits = (__m512i)x;
    return _mm512_cvtepi32_pd(half ? _mm512_extracti64x4_epi64(bits, 1) : _mm512_castsi512_si256(bits));
}
INLINE vs snarrow(vd lower, vd upper) {
    __m512i bits = _mm512_castsi256_si512((__m256i)_mm512_cvtpd_ps(lower));
    return (vs)_mm512_inserti64x4(bits, (__m256i)_mm512_cvtpd_ps(upper), 1);
}
#else
INLINE vd swiden(vs x, int half) {
    return _mm256_cvtps_pd(half ? _mm256_extractf128_ps(x, 1) : _mm256_castps256_ps128(x));
}
INLINE vd swiden_int(vsi x, int half) {
    __m256i bits = (__m256i)x;
    return _mm256_cvtepi32_pd(half ? _mm256_extracti128_si256(bits, 1) : _mm256_castsi256_si128(bits));
}
INLINE vs snarrow(vd lower, vd upper) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(lower)), _mm256_cvtpd_ps(upper), 1);
}
#endif

#if defined(VEC_AVX512)
INLINE vs sfma(vs a, vs b, vs c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vs smin(vs a, vs b) { return _mm512_min_ps(a, b); }
INLINE vs smax(vs a, vs b) { return _mm512_max_ps(a, b); }
INLINE vsi sany_bits(vsi a, vsi b, vsi c) { return (vsi)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, 0xfe); }
INLINE sm slt(vs a, vs b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
INLINE sm sequal(vs a, vs b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
INLINE sm sbits_below(vsi a, vsi b) { return _mm512_cmplt_epu32_mask((__m512i)a, (__m512i)b); }
INLINE vs sselect(sm m, vs yes, vs no) { return _mm512_mask_blend_ps(m, no, yes); }
INLINE int sany(sm m) { return m != 0; }
INLINE sm sdiffers(vs a, vs b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
INLINE vsi sbits_where(sm m, vsi bits) { return (vsi)_mm512_maskz_mov_epi32(m, (__m512i)bits); }
INLINE vs scount_where(sm m, vs count) { return _mm512_mask_add_ps(count, m, count, sset(1)); }
INLINE vsi sbits_unless(sm m, vsi bits) { return (vsi)_mm512_maskz_mov_epi32((__mmask16)~m, (__m512i)bits); }
INLINE vs sfrom_int(vsi x) { return _mm512_cvtepi32_ps((__m512i)x); }
INLINE vsi sshift_signed(vsi x, int n) { return (vsi)_mm512_srai_epi32((__m512i)x, (unsigned)n); }
#else
INLINE vs sfma(vs a, vs b, vs c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vs smin(vs a, vs b) { return _mm256_min_ps(a, b); }
INLINE vs smax(vs a, vs b) { return _mm256_max_ps(a, b); }
INLINE sm slt(vs a, vs b) { return (sm)(a < b); }
INLINE vsi sany_bits(vsi a, vsi b, vsi c) { return a | b | c; }
INLINE sm sequal(vs a, vs b) { return (sm)(a == b); }
INLINE sm sbits_below(vsi a, vsi b) { return (sm)(a < b); }
INLINE vs sselect(sm m, vs yes, vs no) { return _mm256_blendv_ps(no, yes, (vs)m); }
INLINE int sany(sm m) { return _mm256_movemask_ps((vs)m) != 0; }
INLINE sm sdiffers(vs a, vs b) { return (sm)(a != b); }
INLINE vsi sbits_where(sm m, vsi bits) { return m & bits; }
INLINE vs scount_where(sm m, vs count) { return count + (vs)(m & (vsi)sset(1)); }
INLINE vsi sbits_unless(sm m, vsi bits) { return ~m & bits; }
INLINE vs sfrom_int(vsi x) { return _mm256_cvtepi32_ps((__m256i)x); }
INLINE vsi sshift_signed(vsi x, int n) { return (vsi)_mm256_srai_epi32((__m256i)x, n); }
#endif
/* The lanes behind the first n < SL set to `filling`. */
INLINE vs spad(vs x, int64_t n, float filling) {
#if defined(VEC_AVX512)
    return _mm512_mask_mov_ps(sset(filling), (__mmask16)((1u << n) - 1), x);
#else
    const vsi lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    return sselect((sm)(lanes < sset_bits((uint32_t)n)), x, sset(filling));
#endif
}

INLINE vs sabs(vs x) { return sfrom_bits(sbits(x) & sset_bits(UINT32_MAX >> 1)); }

/* SL float16 numbers as floats */
INLINE vs sfrom_halves(const char *source) {
#if defined(VEC_AVX512)
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)source));
#else
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)source));
#endif
}

/* n float16 numbers at an address of any alignment. */
INLINE void floats_from_halves(float *target, const char *source, int64_t n) {
    int64_t i = 0;
    for (; i + SL <= n; i += SL)
        *(vs_unaligned *)(target + i) = sfrom_halves(source + 2 * i);
    if (i < n) {
        char part[2 * SL] = {0};
        memcpy(part, source + 2 * i, (size_t)(2 * (n - i)));
        vs last = sfrom_halves(part);
        memcpy(target + i, &last, sizeof(float) * (size_t)(n - i));
    }
}

/* Four rows of n floats become four columns. */
INLINE void transpose_rows_float(const float *from, int64_t pitch, int64_t n, float *to, int64_t stride) {
    for (int64_t next = 0, i; next < n && n >= 4; next += 4) {
        i = next + 4 <= n ? next : n - 4; /* the last four, some of them for the second time */
        __m128 a = _mm_loadu_ps(from + i), b = _mm_loadu_ps(from + pitch + i);
        __m128 c = _mm_loadu_ps(from + 2 * pitch + i), d = _mm_loadu_ps(from + 3 * pitch + i);
        _MM_TRANSPOSE4_PS(a, b, c, d);
        _mm_storeu_ps(to + i * stride, a);
        _mm_storeu_ps(to + (i + 1) * stride, b);
        _mm_storeu_ps(to + (i + 2) * stride, c);
        _mm_storeu_ps(to + (i + 3) * stride, d);
    }
    for (int64_t i = 0; i < n && n < 4; i++)
        for (int row = 0; row < 4; row++)
            memcpy(to + i * stride + row, from + row * pitch + i, sizeof(float));
}

INLINE vs spolynomial(vs x, const double *coefficients, int count) {
    vs square = x * x;
    vs high = sset((float)coefficients[count - 1]), low = sset((float)coefficients[count - 2]);
    for (int i = count - 3; i > 0; i -= 2) {
        high = sfma(high, square, sset((float)coefficients[i]));
        low = sfma(low, square, sset((float)coefficients[i - 1]));
    }
    return count % 2 ? sfma(low, x, sfma(high, square, sset((float)coefficients[0]))) : sfma(high, x, low);
}

#define SINGLE_MANTISSA_BITS 23
#define SINGLE_SQRT_HALF_BITS UINT32_C(0x3f3504f3)

/* ln(x 2^-exponent), between -ln(2)/2 and ln(2)/2, for positive normal x; finite for 0. */
INLINE vs slog_reduced(vs x, vsi *exponent) {
    *exponent = sshift_signed(sbits(x) - sset_bits(SINGLE_SQRT_HALF_BITS), SINGLE_MANTISSA_BITS);
    vs r = sfrom_bits(sbits(x) - (*exponent << SINGLE_MANTISSA_BITS)) - sset(1);
    return sfma(r * r, spolynomial(r, LOG_FLOATS, COUNT(LOG_FLOATS)), r);
}

/* The logarithm of a ratio as vlog_ratio has it, in floats. */
struct single_ratio {
    sm near;
    vs k;
    vs s;
    vs excess;
};

#define SINGLE_EXPONENT_UNIT 0x1p-23f

INLINE struct single_ratio slog_ratio(vs a, vs b, vs difference) {
    const uint32_t one = UINT32_C(1) << SINGLE_MANTISSA_BITS, reach = one / 5 * 4;
    struct single_ratio r;
    vsi apart = sbits(a) - sbits(b);
    r.near = sbits_below(apart + sset_bits(reach), sset_bits(2 * reach));
    vsi rounded = sbits_unless(r.near, (apart + sset_bits(one / 2)) & sset_bits(~(one - 1)));
    vs scaled = sfrom_bits(sbits(a) - rounded);
    r.k = sfrom_int(rounded);
    r.s = sselect(r.near, difference, scaled - b) / (scaled + b);
    vs z = r.s * r.s;
    r.excess = z * spolynomial(z, ATANH_FLOATS, COUNT(ATANH_FLOATS));
    return r;
}

#endif
#endif
