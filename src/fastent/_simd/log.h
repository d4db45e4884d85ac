/* Natural logarithms of vectors, in two grades.
 *
 * PRECISE serves results in float64. SINGLE serves results in float32: the same double lanes with a shorter polynomial,
 * 33 good bits, for the rows that lanes of floats (single.h) cannot do.
 *
 * Worst errors, against mpmath: vlog 1.2 ulp; next to 1 it is relative to the logarithm.
 */
#ifndef FASTENT_LOG_H
#define FASTENT_LOG_H

#include "coefficients.h"
#include "vec.h"

/* EXACT_SUMS: PRECISE, with sums of rows to twice the digits. FLOAT_LANES: SINGLE where float32 lanes will do (see the row
 * engine for both). */
enum grade { PRECISE, SINGLE, EXACT_SUMS, FLOAT_LANES, GRADES };

#define LN2 0.693147180559945309417
#define SQRT_HALF_BITS UINT64_C(0x3fe6a09e667f3bcd)
#define ONE_BITS UINT64_C(0x3ff0000000000000)
#define MANTISSA_MASK ((UINT64_C(1) << MANTISSA_BITS) - 1)

#define COUNT(array) ((int)(sizeof(array) / sizeof(array[0])))

/* Coefficients lowest first, by two chains of Horner's rule in x^2: half the latency of one for one product more. */
INLINE vd vpolynomial(vd x, const double *coefficients, int count) {
    vd square = x * x;
    vd high = vset(coefficients[count - 1]), low = vset(coefficients[count - 2]);
    for (int i = count - 3; i > 0; i -= 2) {
        high = vfma(high, square, vset(coefficients[i]));
        low = vfma(low, square, vset(coefficients[i - 1]));
    }
    /* an odd count leaves the lowest coefficient over: high is even then */
    return count % 2 ? vfma(low, x, vfma(high, square, vset(coefficients[0]))) : vfma(high, x, low);
}

/* (atanh(s)/s - 1)/s^2 for z = s^2 <= 4/49 */
INLINE vd vatanh_tail(vd z, int grade) {
    return grade == SINGLE ? vpolynomial(z, ATANH_SINGLE, COUNT(ATANH_SINGLE))
                           : vpolynomial(z, ATANH_PRECISE, COUNT(ATANH_PRECISE));
}

#if !defined(VEC_AVX512)
/* ln(x 2^-exponent), within ln(2)/2 of 0: *first, less what is returned */
INLINE vd vlog_reduced(vd x, vd *exponent, int grade, vd *first) {
    vi offset = vbits(x) + vset_bits(ONE_BITS - SQRT_HALF_BITS);
    *exponent = vfrom_int(offset >> MANTISSA_BITS) - vset(EXPONENT_BIAS);
    vd m = vfrom_bits((offset & vset_bits(MANTISSA_MASK)) + vset_bits(SQRT_HALF_BITS));
    vd s = (m - vset(1)) / (m + vset(1));
    vd z = s * s;
    /* m - 1 is exact, the quotient is not: adding its correction last keeps the leading term exact */
    *first = m - vset(1);
    vd half_square = vset(0.5) * *first * *first;
    return half_square - s * (half_square + (z + z) * vatanh_tail(z, grade));
}
#endif

/* A logarithm before its last additions: exponent ln 2 + (lead + rest). */
struct log_parts {
    vd exponent, lead, rest;
};

INLINE struct log_parts vlog_parts(vd x, vd shift, int grade) {
    struct log_parts p;
#if defined(VEC_AVX512)
    vi index = vtable_index(x);
    vd r = vfma(vsignificand(x), vtable(LOG_RECIPROCAL, index), vset(-1));
    p.exponent = vset(0); /* it is in the lead, with the table's entry */
    p.lead = vfma(vexponent(x) - shift, vset(LN2), vtable(LOG_OFFSET, index));
    vd tail = grade == SINGLE ? vpolynomial(r, LOG_SINGLE, COUNT(LOG_SINGLE))
                              : vpolynomial(r, LOG_PRECISE, COUNT(LOG_PRECISE));
    p.rest = vfma(r * r, tail, r);
#else
    vd exponent;
    p.rest = -vlog_reduced(x, &exponent, grade, &p.lead);
    p.exponent = exponent - shift;
#endif
    return p;
}

INLINE vd vlog_sum(struct log_parts p) {
#if defined(VEC_AVX512)
    return p.lead + p.rest;
#else
    return vfma(p.exponent, vset(LN2), p.lead + p.rest);
#endif
}

/* ln(x) - shift ln 2 for positive normal x and integer-valued shift; the shift is exact, so callers can keep tiny numbers
 * scaled away from underflow. */
INLINE vd vlog_shifted(vd x, vd shift, int grade) { return vlog_sum(vlog_parts(x, shift, grade)); }

/* ln x = coarse ln 2 + the rest, for positive normal x. The coarse part has 18 bits behind the point, so that sums of its
 * products stay exact; the rest is at most LOG_REST, and accurate next to 1, where the coarse part is 0. */
#if defined(VEC_AVX512)
#define LOG_REST 0.0625
#else
#define LOG_REST 0.35
#endif
INLINE vd vlog_rest(vd x, vd *coarse, int grade) {
#if defined(VEC_AVX512)
    vi index = vtable_index(x);
    vd r = vfma(vsignificand(x), vtable(LOG2_RECIPROCAL, index), vset(-1));
    *coarse = vexponent(x) + vtable(LOG2_OFFSET, index);
    vd tail = grade == SINGLE ? vpolynomial(r, LOG_SINGLE, COUNT(LOG_SINGLE))
                              : vpolynomial(r, LOG_PRECISE, COUNT(LOG_PRECISE));
    return vfma(r * r, tail, r);
#else
    vd first, lost = vlog_reduced(x, coarse, grade, &first);
    return first - lost;
#endif
}

/* ln x for x >= 0, subnormals included; 0 gives -inf, NaN and negative x give garbage that the caller masks. */
INLINE vd vlog(vd x) {
    vm tiny = vlt(x, vset(0x1p-1000));
    vd normal = vselect(tiny, x * vset(0x1p200), x);
    vd result = vlog_shifted(normal, vselect(tiny, vset(200), vset(0)), PRECISE);
    return vselect(veq(x, vset(0)), vset(-__builtin_inf()), result);
}

/* ln(1 + x + low) for x > -1 and low at most a rounding of x: the logarithm of the rounded sum, corrected by what the
 * rounding lost; x = -1 gives -inf. */
INLINE vd vlog1p_with(vd x, vd low) {
    vd sum = vset(1) + x;
    vd lost = (x - (sum - vset(1))) + low;
    struct log_parts p = vlog_parts(sum, vset(0), PRECISE);
    p.rest += lost / sum;
    return vselect(veq(sum, vset(0)), vset(-__builtin_inf()), vlog_sum(p));
}
INLINE vd vlog1p(vd x) { return vlog1p_with(x, vset(0)); }

/* ln(a/b) of positive normal a and b with one division and no overflow:
 * a/b = 2^k (1+s)/(1-s), so ln(a/b) = k ln 2 + 2 atanh(s).
 * Where k = 0 the caller's difference a - b is used, which it may know to more digits than a and b themselves. */
struct log_ratio {
    vm near;   /* k = 0, and s made of the difference */
    vd k;      /* the power of two, in units of 1/EXPONENT_UNIT */
    vd s;      /* abs(s) <= 2/7 */
    vd excess; /* atanh(s) = s (1 + excess) */
};

INLINE struct log_ratio vlog_ratio(vd a, vd b, vd difference, int grade) {
    struct log_ratio r;
    vd scaled;
    r.k = vexponent_ratio(a, b, &scaled, &r.near);
    r.s = vselect(r.near, difference, scaled - b) / (scaled + b);
    vd z = r.s * r.s;
    r.excess = z * vatanh_tail(z, grade);
    return r;
}

INLINE vd vlog_ratio_value(struct log_ratio r) {
    vd twice = r.s + r.s;
    return vfma(r.k, vset(LN2 * EXPONENT_UNIT), vfma(twice, r.excess, twice));
}

/* a ln(a/b) - (a - b) = 2 a atanh(s) + a k ln 2 + (b - a) for b > 0; near a = b, where d = s (a + b), no digit cancels:
 * s d + 2 a s (atanh(s)/s - 1). Only there d is used: farther away the difference has to be that of the same rounded
 * numbers as the logarithm. The caller sees to b = 0. */
INLINE vd vkl_term(vd a, vd b, vd d, int grade) {
    struct log_ratio r = vlog_ratio(a, b, d, grade);
    vd twice = a + a;
    vd far = vfma(twice, r.s, vfma(a, r.k * vset(LN2 * EXPONENT_UNIT), b - a));
    return vfma(r.s, twice * r.excess, vselect(r.near, r.s * d, far));
}

/* The same over b, of the ratio s = a/b, not 0, and d = s - 1, which the caller may know to more digits: for many a beside
 * one b, whose reciprocal is taken once. Where the table has 1 the logarithm is a polynomial in d. */
INLINE vd vratio_term(vd s, vd d) {
#if defined(VEC_AVX512)
    vi index = vtable_index(s);
    vd lead = vfma(vexponent(s), vset(LN2), vtable(LOG_OFFSET, index));
    vm near = veq(lead, vset(0));
    vd r = vselect(near, d, vfma(vsignificand(s), vtable(LOG_RECIPROCAL, index), vset(-1)));
    vd curved = r * r * vpolynomial(r, LOG_PRECISE, COUNT(LOG_PRECISE));
    return vfma(s, curved, vselect(near, d * d, vfma(s, lead + r, -d)));
#else
    return vkl_term(s, vset(1), d, PRECISE);
#endif
}

/* ln x for x in [1, 2]: the significand is x itself, but at 2. */
INLINE vd vlog_significand(vd x, int grade) {
#if defined(VEC_AVX512)
    vi index = vtable_index(x);
    vd r = vfma(x, vtable(LOG_RECIPROCAL, index), vset(-1));
    vd tail = grade == SINGLE ? vpolynomial(r, LOG_SINGLE, COUNT(LOG_SINGLE))
                              : vpolynomial(r, LOG_PRECISE, COUNT(LOG_PRECISE));
    return vselect(vlt(x, vset(2)), vtable(LOG_OFFSET, index) + vfma(r * r, tail, r), vset(LN2));
#else
    return vlog_shifted(x, vset(0), grade);
#endif
}

#endif
