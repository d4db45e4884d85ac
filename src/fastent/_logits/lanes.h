/* One vocabulary for lanes of doubles and of floats, so that the loops over entries are written once.
 *
 * A header included once per REAL says OP(fma) and gets vfma or sfma; NAMED(sums) is sums_double or sums_float.
 */
#ifndef FASTENT_LOGITS_LANES_H
#define FASTENT_LOGITS_LANES_H

#include "../_simd/beside.h"
#include "../_simd/exp_single.h"
#include "../_simd/items.h"
#include "../_simd/prefetch.h"
#include "kernels.h"

#define INF __builtin_inf()
#define NOT_A_NUMBER __builtin_nan("")

/* exp(x) is computed as 2^k (1 + q). Sums of such terms are kept in units of 2^(K - offset), K belonging to the row's
 * largest entry: a shift by `offset` keeps terms normal far below it. Entries lower than `floor` count as that low, which
 * is zero to all digits of the result, or sends the row from floats to doubles. Rows whose largest entry is beyond `far` are
 * shifted by it first; what matters in them is within a factor of two of it, so that the difference is exact. */
#define double_OFFSET 900
#define double_FLOOR 1250
#define double_FLOOR_OF_RESULTS 760 /* lower ones give 0 */
#define double_FLOOR_OF_SUMS 700    /* of results: 2^k is normal above it, and adds nothing below */
#define double_FLOOR_OF_PRODUCTS 1400 /* of these and huge numbers */
#define double_FAR 1500
#define double_ROUNDER (1.5 * MAGIC)
#define double_BIAS EXPONENT_BIAS
/* ln 2 in two parts, the product of the first with twelve bits exact */
#define double_LN2_FIRST 0x1.62e42fefa3p-1
#define double_LN2_SECOND 0x1.3de6af278ece6p-42
#define double_BEYOND 0x1.fffffffffffffp1023
#define double_APART 0.25
#define double_CHUNK (64 * VL)
#define double_BESIDE BESIDE_DOUBLE
#define double_CHAINS 2
#define double_BESIDE_CHUNK 64

#define float_OFFSET 60
#define float_FLOOR 110
#define float_FLOOR_OF_RESULTS 110
#define float_FLOOR_OF_SUMS 87
#define float_FLOOR_OF_PRODUCTS 170
#define float_FAR 1024
#define float_ROUNDER 0x1.8p23f
#define float_BIAS 127
/* the first part in fifteen bits: its products, and what they leave of x, are exact */
#define float_LN2_FIRST 0x1.62e4p-1f
#define float_LN2_SECOND 0x1.7f7d1cp-20f
#define float_BEYOND 0x1.fffffep127f
#define float_APART 1.0f /* pairs of rows of huge floats are done in doubles */
#define float_CHUNK (32 * SL) /* then sums go on in doubles */
#define float_BESIDE BESIDE_FLOAT
#define float_CHAINS 4
#define float_BESIDE_CHUNK 32
/* below, terms that floats take for zero would show */
#define FLOAT_LOWEST_REST 0x1p-100

#define JOINED_(a, b) a##b
#define JOINED(a, b) JOINED_(a, b)
#define NAMED(name) JOINED(JOINED(name, _), REAL)
#define OP(name) JOINED(PREFIX, name)
#define CONSTANT(name) JOINED(JOINED(REAL, _), name)

/* ---- what one of the two vocabularies lacks ---- */

INLINE vm vequal(vd a, vd b) { return veq(a, b); }
INLINE vi vshift_bits(vd x) { return vbits(x) << MANTISSA_BITS; }
INLINE vi vshift_bits_where(vm m, vd x) { return vbits_where(m, vshift_bits(x)); }
INLINE void vstore_narrow(double *p, vd x) { vstore(p, x); }
INLINE void vstore_part(double *p, vd x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double lane = vlane(x, (int)i);
        memcpy(p + i, &lane, sizeof(lane));
    }
}

/* q of exp(x + low) = 2^k (1 + q) */
INLINE vd vexp_rest(vd x, vd k, vd low) {
    vd r = vfma(k, vset(-double_LN2_FIRST), x), tail = vfma(k, vset(-double_LN2_SECOND), low), sum = r + tail;
    return r + vfma(sum * sum, vpolynomial(sum, EXP_PRECISE, COUNT(EXP_PRECISE)), tail);
}
INLINE vd vexp_rest_plain(vd x, vd k) { return vexp_rest(x, k, vset(0)); }
INLINE vd vexp_wide_tail(vd r) { return vpolynomial(r, EXP_WIDE_PRECISE, COUNT(EXP_WIDE_PRECISE)); }

/* a b - (a b rounded) */
INLINE vd vlost_product(vd a, vd b, vd product) { return vproduct_error(a, b, product); }

#if defined(VEC_SINGLE)
INLINE vsi sshift_bits(vs x) { return sbits(x) << SINGLE_MANTISSA_BITS; }
INLINE vsi sshift_bits_where(sm m, vs x) { return sbits_where(m, sshift_bits(x)); }
INLINE void sstore(float *p, vs x) { *(vs_unaligned *)p = x; }
INLINE void sstore_narrow(float *p, vd x) {
    float lanes[SL];
    sstore(lanes, snarrow(x, x));
    memcpy(p, lanes, sizeof(float) * VL);
}
INLINE void sstore_part(float *p, vs x, int64_t n) {
    float lanes[SL];
    sstore(lanes, x);
    memcpy(p, lanes, sizeof(float) * (size_t)n);
}
INLINE vs sexp_rest(vs x, vs k, vs low) {
    vs r = sfma(k, sset(-float_LN2_SECOND), sfma(k, sset(-float_LN2_FIRST), x)) + low;
    return sfma(r * r, spolynomial(r, EXP_FLOATS, COUNT(EXP_FLOATS)), r);
}
INLINE vs sexp_rest_plain(vs x, vs k) {
    vs r = sfma(k, sset(-float_LN2_SECOND), sfma(k, sset(-float_LN2_FIRST), x));
    return sfma(r * r, spolynomial(r, EXP_FLOATS, COUNT(EXP_FLOATS)), r);
}
INLINE vs sexp_wide_tail(vs r) { return spolynomial(r, EXP_WIDE_FLOATS, COUNT(EXP_WIDE_FLOATS)); }
INLINE vs slost_product(vs a, vs b, vs product) { return sfma(a, b, -product); }
INLINE vs stwo_sum(vs a, vs b, vs *lost) {
    vs sum = a + b;
    vs from_b = sum - a;
    *lost = (a - (sum - from_b)) + (b - from_b);
    return sum;
}
#endif

#endif
