/* The vector type of the instruction set this file is compiled for, and the few operations that differ between them.
 *
 * One logical type: vd, VL doubles. Arithmetic on it is written with the compiler's own operators (GCC/Clang vector
 * extension); this header adds what the operators lack: masks and selection, fused multiply-add, minimum and maximum,
 * partial loads, exponent extraction and a sixteen-entry table. Nothing else in the package uses intrinsics.
 *
 *   x86-64-v4  8 lanes   AVX-512 F/DQ/VL: mask registers, getexp/getmant, table in registers
 *   x86-64-v3  4 lanes   AVX2 + FMA
 *   base       2 lanes   SSE2 or NEON; without fused multiply-add products that need one rounding are split (Dekker)
 *   scalar     1 lane    no vector extension (MSVC, or -DFASTENT_SCALAR): the same source on plain doubles
 *
 * Contraction is off (-ffp-contract=off): a fused operation is written vfma, so the bits are the source's, not the
 * optimiser's.
 */
#ifndef FASTENT_VEC_H
#define FASTENT_VEC_H

#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER) && !defined(__clang__)
#define INLINE static __forceinline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

#if defined(FASTENT_SCALAR) || !(defined(__GNUC__) || defined(__clang__))
#define VEC_SCALAR 1
#define VL 1
typedef double vd;
typedef uint64_t vi;
typedef int vm;
#else
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define VEC_AVX512 1
#define VL 8
#elif defined(__AVX2__) && defined(__FMA__)
#define VEC_AVX2 1
#define VL 4
#else
#define VL 2
#endif
typedef double vd __attribute__((vector_size(VL * 8)));
typedef uint64_t vi __attribute__((vector_size(VL * 8)));
typedef double vd_unaligned __attribute__((vector_size(VL * 8), aligned(1), may_alias));
#endif

#if defined(VEC_AVX512) || defined(VEC_AVX2)
#include <immintrin.h>
#endif

#if defined(VEC_AVX512)
typedef __mmask8 vm;
#elif !defined(VEC_SCALAR)
typedef vi vm; /* all ones or all zeros in each lane */
#endif

/* ---- loads, stores, broadcast, reinterpretation ---- */

#if defined(VEC_SCALAR)
INLINE vd vset(double x) { return x; }
INLINE vi vset_bits(uint64_t x) { return x; }
INLINE vd vload(const double *p) { double x; memcpy(&x, p, 8); return x; }
INLINE void vstore(double *p, vd x) { memcpy(p, &x, 8); }
INLINE vi vbits(vd x) { vi b; memcpy(&b, &x, 8); return b; }
INLINE vd vfrom_bits(vi b) { vd x; memcpy(&x, &b, 8); return x; }
INLINE double vlane(vd x, int i) { (void)i; return x; }
#else
INLINE vd vset(double x) { return x - (vd){0}; }
INLINE vi vset_bits(uint64_t x) { return x - (vi){0}; }
INLINE vd vload(const double *p) { return *(const vd_unaligned *)p; }
INLINE void vstore(double *p, vd x) { *(vd_unaligned *)p = x; }
INLINE vi vbits(vd x) { return (vi)x; }
INLINE vd vfrom_bits(vi b) { return (vd)b; }
INLINE double vlane(vd x, int i) { return x[i]; }
#endif

/* The first n < VL doubles at p, zeros behind them; reads nothing past them. */
INLINE vd vload_part(const double *p, int64_t n) {
#if defined(VEC_AVX512)
    return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#else
    double part[VL] = {0};
    for (int64_t i = 0; i < n; i++)
        memcpy(part + i, p + i, sizeof(double));
    return vload(part);
#endif
}

/* The lanes behind the first n < VL set to `filling`. */
INLINE vd vpad(vd x, int64_t n, double filling) {
#if defined(VEC_AVX512)
    return _mm512_mask_mov_pd(vset(filling), (__mmask8)((1u << n) - 1), x);
#else
    double lanes[VL];
    vstore(lanes, x);
    for (int64_t i = n; i < VL; i++)
        lanes[i] = filling;
    return vload(lanes);
#endif
}

/* Two rows of n doubles become two columns: from[i], from[pitch + i] go to to[i * stride], to[i * stride + 1]. Pairs of two
 * lanes on every instruction set: measured on AVX-512, 0.3 ns per entry; 8 x 8 shuffles 0.7 to 1.6, plain loops 0.8. */
INLINE void transpose_rows_double(const double *from, int64_t pitch, int64_t n, double *to, int64_t stride) {
    int64_t i = 0;
#if !defined(VEC_SCALAR)
    typedef double pair __attribute__((vector_size(16), aligned(1), may_alias));
    for (; i + 2 <= n; i += 2) {
        pair a = *(const pair *)(from + i), b = *(const pair *)(from + pitch + i);
        *(pair *)(to + i * stride) = (pair){a[0], b[0]};
        *(pair *)(to + (i + 1) * stride) = (pair){a[1], b[1]};
    }
#endif
    for (; i < n; i++) {
        memcpy(to + i * stride, from + i, sizeof(double));
        memcpy(to + i * stride + 1, from + pitch + i, sizeof(double));
    }
}

/* ---- comparison, selection ---- */

#if defined(VEC_AVX512)
INLINE vm vlt(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
INLINE vm vle(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
INLINE vm veq(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
INLINE vd vselect(vm m, vd yes, vd no) { return _mm512_mask_blend_pd(m, no, yes); }
INLINE int vany(vm m) { return m != 0; }
INLINE vm vnot(vm m) { return (vm)~m; }
#elif defined(VEC_SCALAR)
INLINE vm vlt(vd a, vd b) { return a < b; }
INLINE vm vle(vd a, vd b) { return a <= b; }
INLINE vm veq(vd a, vd b) { return a == b; }
INLINE vd vselect(vm m, vd yes, vd no) { return m ? yes : no; }
INLINE int vany(vm m) { return m; }
INLINE vm vnot(vm m) { return !m; }
#else
INLINE vm vlt(vd a, vd b) { return (vm)(a < b); }
INLINE vm vle(vd a, vd b) { return (vm)(a <= b); }
INLINE vm veq(vd a, vd b) { return (vm)(a == b); }
INLINE vm vnot(vm m) { return ~m; }
#if defined(VEC_AVX2)
INLINE vd vselect(vm m, vd yes, vd no) { return _mm256_blendv_pd(no, yes, (vd)m); }
INLINE int vany(vm m) { return _mm256_movemask_pd((vd)m) != 0; }
#else
INLINE vd vselect(vm m, vd yes, vd no) { return (vd)((m & (vi)yes) | (~m & (vi)no)); }
INLINE int vany(vm m) { return (m[0] | m[1]) != 0; }
#endif
#endif
/* comparison of bit patterns as unsigned integers, and their selection */
#if defined(VEC_AVX512)
INLINE vm vbits_below(vi a, vi b) { return _mm512_cmplt_epu64_mask((__m512i)a, (__m512i)b); }
#elif defined(VEC_SCALAR)
INLINE vm vbits_below(vi a, vi b) { return a < b; }
#else
INLINE vm vbits_below(vi a, vi b) { return (vm)(a < b); }
#endif
INLINE vi vselect_bits(vm m, vi yes, vi no) { return vbits(vselect(m, vfrom_bits(yes), vfrom_bits(no))); }
INLINE int vall(vm m) { return !vany(vnot(m)); }
/* unequal, or NaN; bits where m is set, or 0; a count of how often it was set */
#if defined(VEC_AVX512)
INLINE vm vdiffers(vd a, vd b) { return _mm512_cmp_pd_mask(a, b, _CMP_NEQ_UQ); }
INLINE vi vbits_where(vm m, vi bits) { return (vi)_mm512_maskz_mov_epi64(m, (__m512i)bits); }
INLINE vd vcount_where(vm m, vd count) { return _mm512_mask_add_pd(count, m, count, vset(1)); }
#else
INLINE vm vdiffers(vd a, vd b) { return vnot(veq(a, b)); }
INLINE vi vbits_where(vm m, vi bits) { return vselect_bits(m, bits, vset_bits(0)); }
INLINE vd vcount_where(vm m, vd count) { return count + vselect(m, vset(1), vset(0)); }
#endif

/* lane r and those behind it */
INLINE vm vlanes_from(int r) {
#if defined(VEC_AVX512)
    return (vm)(0xffu << r);
#elif defined(VEC_SCALAR)
    return r <= 0;
#else
    static const uint64_t mask[2 * VL] = {[VL ... 2 * VL - 1] = UINT64_MAX};
    vm lanes;
    memcpy(&lanes, mask + VL - r, sizeof(lanes));
    return lanes;
#endif
}

/* b where a is not less, as x86's min and max: a NaN in a is dropped, one in b is kept */
#if defined(VEC_AVX512)
INLINE vd vmin(vd a, vd b) { return _mm512_min_pd(a, b); }
INLINE vd vmax(vd a, vd b) { return _mm512_max_pd(a, b); }
#elif defined(VEC_AVX2)
INLINE vd vmin(vd a, vd b) { return _mm256_min_pd(a, b); }
INLINE vd vmax(vd a, vd b) { return _mm256_max_pd(a, b); }
#else
INLINE vd vmin(vd a, vd b) { return vselect(vlt(a, b), a, b); }
INLINE vd vmax(vd a, vd b) { return vselect(vlt(b, a), a, b); }
#endif
INLINE vd vabs(vd x) { return vfrom_bits(vbits(x) & vset_bits(UINT64_MAX >> 1)); }

/* ---- arithmetic the operators lack ---- */

#if defined(VEC_AVX512)
#define VEC_FMA 1
INLINE vd vfma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
INLINE vd vsqrt(vd x) { return _mm512_sqrt_pd(x); }
#elif defined(VEC_AVX2)
#define VEC_FMA 1
INLINE vd vfma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
INLINE vd vsqrt(vd x) { return _mm256_sqrt_pd(x); }
#elif defined(__aarch64__) && !defined(VEC_SCALAR)
#define VEC_FMA 1
INLINE vd vfma(vd a, vd b, vd c) { return (vd){__builtin_fma(a[0], b[0], c[0]), __builtin_fma(a[1], b[1], c[1])}; }
INLINE vd vsqrt(vd x) { return (vd){__builtin_sqrt(x[0]), __builtin_sqrt(x[1])}; }
#else
INLINE vd vfma(vd a, vd b, vd c) { return a * b + c; }
#if defined(VEC_SCALAR)
#include <math.h>
INLINE vd vsqrt(vd x) { return sqrt(x); }
#else
INLINE vd vsqrt(vd x) { return (vd){__builtin_sqrt(x[0]), __builtin_sqrt(x[1])}; }
#endif
#endif

/* a*b - (a*b rounded), exactly: what the product lost */
INLINE vd vproduct_error(vd a, vd b, vd product) {
#if defined(VEC_FMA)
    return vfma(a, b, -product);
#else
    /* Dekker 1971: split each factor into halves of 26 bits by clearing the low bits of the significand */
    const vi high_half = vset_bits(~((UINT64_C(1) << 27) - 1));
    vd a_high = vfrom_bits(vbits(a) & high_half), a_low = a - a_high;
    vd b_high = vfrom_bits(vbits(b) & high_half), b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}

/* a + b, and what the rounded sum lost (Knuth 1969) */
INLINE vd vtwo_sum(vd a, vd b, vd *lost) {
    vd sum = a + b;
    vd from_b = sum - a;
    *lost = (a - (sum - from_b)) + (b - from_b);
    return sum;
}

/* ---- across lanes ---- */

enum across { SUM, LOWEST, HIGHEST };

INLINE vd vcombine(enum across how, vd a, vd b) { return how == SUM ? a + b : how == LOWEST ? vmin(a, b) : vmax(a, b); }

/* Two vectors become two, the lanes of the first in the lower halves, so that after log2(VL) such levels, combined by lanes,
 * each lane stands for a vector. */
INLINE void vhalves(int level, vd a, vd b, vd *first, vd *second) {
#if defined(VEC_AVX512)
    if (level == 0) {
        *first = _mm512_unpacklo_pd(a, b);
        *second = _mm512_unpackhi_pd(a, b);
    } else if (level == 1) {
        *first = _mm512_permutex2var_pd(a, _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0), b);
        *second = _mm512_permutex2var_pd(a, _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2), b);
    } else {
        *first = _mm512_shuffle_f64x2(a, b, 0x44);
        *second = _mm512_shuffle_f64x2(a, b, 0xee);
    }
#elif defined(VEC_AVX2)
    *first = level == 0 ? _mm256_unpacklo_pd(a, b) : _mm256_permute2f128_pd(a, b, 0x20);
    *second = level == 0 ? _mm256_unpackhi_pd(a, b) : _mm256_permute2f128_pd(a, b, 0x31);
#elif !defined(VEC_SCALAR)
    (void)level;
    *first = (vd){a[0], b[0]};
    *second = (vd){a[1], b[1]};
#else
    (void)level;
    *first = a;
    *second = b;
#endif
}

/* VL vectors become one: its lane r is vector r's lanes combined, as a fixed tree. */
INLINE vd vacross_rows(enum across how, const vd *rows) {
    vd now[VL], first, second;
    for (int r = 0; r < VL; r++)
        now[r] = rows[r];
    for (int level = 0, width = VL / 2; width > 0; level++, width /= 2)
        for (int i = 0; i < width; i++) {
            vhalves(level, now[2 * i], now[2 * i + 1], &first, &second);
            now[i] = vcombine(how, first, second);
        }
    return now[0];
}

/* ---- exponents ---- */

#define EXPONENT_BIAS 1023
#define MANTISSA_BITS 52
#define MAGIC 0x1p52 /* its unit in the last place is 1: or-ing a small integer into it makes 2^52 plus that integer */
#define MAGIC_BITS UINT64_C(0x4330000000000000)

/* The integers in n (below 2^52) as doubles. */
INLINE vd vfrom_int(vi n) { return vfrom_bits(n | vset_bits(MAGIC_BITS)) - vset(MAGIC); }

/* 2^n for integer-valued n; n below -1022 counts as -1022. */
INLINE vd vpow2(vd n) {
    n = vmax(vset(-1022), n);
    return vfrom_bits(vbits(n + vset(MAGIC + EXPONENT_BIAS)) << MANTISSA_BITS);
}

/* x = 2^exponent * result with result in [1, 2), for positive finite x, subnormals included. */
INLINE vd vsplit(vd x, vd *exponent) {
    vm tiny = vlt(x, vset(0x1p-1000));
    vd normal = vselect(tiny, x * vset(0x1p200), x);
    vi bits = vbits(normal);
    *exponent = vfrom_int(bits >> MANTISSA_BITS) - vselect(tiny, vset(EXPONENT_BIAS + 200), vset(EXPONENT_BIAS));
    return vfrom_bits((bits & vset_bits((UINT64_C(1) << MANTISSA_BITS) - 1)) | vset_bits((uint64_t)EXPONENT_BIAS << MANTISSA_BITS));
}

/* k = log2(a/b) to an integer, in units of 1/EXPONENT_UNIT, and a 2^-k; for positive normal a and b, and with finite
 * results also for a = 0. Bit patterns are piecewise linear logarithms. Where they differ by at most 0.8, *near is set and
 * k is 0: 5/9 <= a/b <= 9/5. Elsewhere k is the nearest: 2/3 <= a 2^-k / b <= 3/2. */
INLINE vd vexponent_ratio(vd a, vd b, vd *scaled, vm *near) {
    const uint64_t one = UINT64_C(1) << MANTISSA_BITS, reach = one * 4 / 5;
    vi apart = vbits(a) - vbits(b);
    *near = vbits_below(apart + vset_bits(reach), vset_bits(2 * reach));
#if defined(VEC_AVX512)
#define EXPONENT_UNIT 0x1p-52
    vi rounded = (vi)_mm512_maskz_and_epi64(vnot(*near), (__m512i)(apart + vset_bits(one / 2)), (__m512i)vset_bits(~(one - 1)));
    *scaled = vfrom_bits(vbits(a) - rounded);
    return _mm512_cvtepi64_pd((__m512i)rounded);
#else
#define EXPONENT_UNIT 1.0
    const uint64_t positive = UINT64_C(1) << 63; /* the only shift there is for 64 bits fills with zeros */
    vi rounded = vselect_bits(*near, vset_bits(positive), apart + vset_bits(one / 2 + positive));
    *scaled = vfrom_bits(vbits(a) - ((rounded & vset_bits(~(one - 1))) - vset_bits(positive)));
    return vfrom_bits((rounded >> MANTISSA_BITS) | vset_bits(MAGIC_BITS)) - vset(MAGIC + 2048);
#endif
}

#if defined(VEC_AVX512)
/* floor(log2 x), the significand in [1, 2), and the entry of a table of sixteen that its four leading bits select */
INLINE vd vexponent(vd x) { return _mm512_getexp_pd(x); }
INLINE vd vsignificand(vd x) { return _mm512_getmant_pd(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src); }
INLINE vi vtable_index(vd x) { return vbits(x) >> (MANTISSA_BITS - 4); }
INLINE vd vtable(const double *table, vi index) {
    return _mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)index, _mm512_loadu_pd(table + 8));
}
#endif

#endif
