/* Exponentials of vectors, to the last digit or two. */
#ifndef FASTENT_EXP_H
#define FASTENT_EXP_H

#include "log.h"

/* ln 2 in two parts: the first has trailing zeros, so that its product with an exponent is exact */
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW 0x1.ef35793c7673p-45

/* exp(x) = 2^k (1 + q) with abs(q) < 0.42; x is clamped to the range where the result is neither 0 nor infinite twice over */
INLINE vd vexp_parts(vd x, vd *k) {
    x = vmin(vset(2000), vmax(vset(-2000), x));
    /* adding and subtracting 1.5 * 2^52 rounds to an integer */
    *k = vfma(x, vset(1.44269504088896340736), vset(1.5 * MAGIC)) - vset(1.5 * MAGIC);
    vd r = vfma(*k, vset(-LN2_HIGH), x);
    vd low = *k * vset(-LN2_LOW);
    vd sum = r + low;
    vd tail = vpolynomial(sum, EXP_PRECISE, COUNT(EXP_PRECISE));
    return r + vfma(sum * sum, tail, low);
}

/* x 2^k; abs(k) below 2045. In two steps where there is no instruction for it: 2^k itself may overflow or vanish where the
 * product does not. */
INLINE vd vscale(vd x, vd k) {
#if defined(VEC_AVX512)
    return _mm512_scalef_pd(x, k);
#else
    vd half = (vset(0.5) * k + vset(1.5 * MAGIC)) - vset(1.5 * MAGIC);
    return x * vpow2(half) * vpow2(k - half);
#endif
}

/* weight * 2^n * exp(x) for integer-valued n */
INLINE vd vexp2_times(vd n, vd x, vd weight) {
    vd k, q = vexp_parts(x, &k);
    return vscale(vfma(weight, q, weight), vmax(vset(-2040), vmin(vset(2040), n + k)));
}

/* 2^n * exp(x) - 1 with full relative accuracy next to 0 */
INLINE vd vexp2m1(vd n, vd x) {
    vd k, q = vexp_parts(x, &k);
    vd power = vpow2(vmin(vset(1023), n + k));
    vd result = vfma(power, q, power - vset(1));
    return vselect(vlt(vset(1022), n + k), vexp2_times(n, x, vset(1)), result);
}

/* exp(x) - 1 - x, which is never negative, and exp(x) - 1. Next to 0 the excess is r^2 times the polynomial: no digit
 * cancels. Worst errors, against mpmath: 4.3 ulp for abs(x) < 0.34, 8 up to 1, where three bits cancel, 2.7 beyond. */
INLINE vd vexp_excess(vd x, vd *less_one) {
    vd clamped = vmin(vset(2000), vmax(vset(-2000), x));
    vd k = vfma(clamped, vset(1.44269504088896340736), vset(1.5 * MAGIC)) - vset(1.5 * MAGIC);
    vd r = vfma(k, vset(-LN2_HIGH), clamped), low = k * vset(-LN2_LOW), sum = r + low;
    vd curved = vfma(sum * sum, vpolynomial(sum, EXP_PRECISE, COUNT(EXP_PRECISE)), low);
    vd q = r + curved, power = vpow2(vmin(vset(1023), k));
    vd result = vfma(power, q, power - vset(1));
    vm huge = vlt(vset(1022), k);
    if (vany(huge))
        result = vselect(huge, vscale(vset(1) + q, vmin(vset(2040), k)), result);
    *less_one = result;
    /* from 64 on the difference is lost in the exponential, and infinity must not be taken from infinity */
    vd far = vselect(vlt(vset(64), x), result, result - x);
    return vselect(veq(k, vset(0)), curved, far);
}

/* weight * exp(x), and exp(x) - 1 */
INLINE vd vexp_times(vd x, vd weight) { return vexp2_times(vset(0), x, weight); }
INLINE vd vexpm1(vd x) { return vexp2m1(vset(0), x); }

/* x^power 2^(-power shift) = 2^n exp(rest) for positive x. The exponent of x is multiplied apart and exactly, because a
 * logarithm in the hundreds would take its rounding into the result. */
INLINE vd vpower_parts(vd x, vd shift, vd power, vd *n) {
    vd exponent, significand = vsplit(x, &exponent);
    vm large = vlt(vset(0x1.6a09e667f3bcdp0), significand);
    exponent = (exponent - shift) + vselect(large, vset(1), vset(0));
    vd product = power * exponent, lost = vproduct_error(power, exponent, product);
    product = vmax(vset(-0x1p40), vmin(vset(0x1p40), product));
    *n = (product + vset(1.5 * MAGIC)) - vset(1.5 * MAGIC);
    vd logarithm = vlog_shifted(vselect(large, vset(0.5) * significand, significand), vset(0), PRECISE);
    return vfma((product - *n) + lost, vset(LN2), power * logarithm);
}

#endif
