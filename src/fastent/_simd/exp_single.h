/* Exponentials of vectors of floats: what exp.h has for doubles, for the lanes of single.h. */
#ifndef FASTENT_EXP_SINGLE_H
#define FASTENT_EXP_SINGLE_H

#include "exp.h"
#include "single.h"

#if defined(VEC_SINGLE)

/* ln 2 in two parts: the first has 17 bits, so that its product with an exponent is exact */
#define SINGLE_LN2_HIGH 0x1.62e4p-1f
#define SINGLE_LN2_LOW 0x1.7f7d1cp-20f
#define SINGLE_MAGIC 0x1.8p23f
#define SINGLE_EXPONENT_BIAS 127

/* x 2^k; in two steps as vscale */
INLINE vs sscale(vs x, vs k) {
#if defined(VEC_AVX512)
    return _mm512_scalef_ps(x, k);
#else
    const vs magic = sset(SINGLE_MAGIC);
    const vsi bias = sset_bits(SINGLE_EXPONENT_BIAS << SINGLE_MANTISSA_BITS);
    vs half = (sset(0.5f) * k + magic) - magic, rest = k - half;
    vs first = sfrom_bits((sbits(half + magic) << SINGLE_MANTISSA_BITS) + bias);
    vs second = sfrom_bits((sbits(rest + magic) << SINGLE_MANTISSA_BITS) + bias);
    return x * first * second;
#endif
}

/* exp(x) = power (1 + r + curved) for abs(x) <= 80, where nothing overflows or vanishes; power is 1 next to 0 */
INLINE vs sexp_parts(vs x, vs *power, vs *r, sm *near) {
    vs shifted = sfma(x, sset(1.44269504f), sset(SINGLE_MAGIC));
    vs k = shifted - sset(SINGLE_MAGIC);
    *near = sequal(k, sset(0));
    *r = sfma(k, sset(-SINGLE_LN2_LOW), sfma(k, sset(-SINGLE_LN2_HIGH), x));
    vsi exponent = sbits(shifted) - sbits(sset(SINGLE_MAGIC)) + sset_bits(SINGLE_EXPONENT_BIAS);
    *power = sfrom_bits(exponent << SINGLE_MANTISSA_BITS);
    return *r * *r * spolynomial(*r, EXCESS_FLOATS, COUNT(EXCESS_FLOATS));
}

/* exp(x) */
INLINE vs sexp(vs x) {
    vs power, r;
    sm near;
    vs curved = sexp_parts(x, &power, &r, &near);
    return sfma(power, r + curved, power);
}

/* exp(x) - 1 - x, never negative and with all digits next to 0, and exp(x) - 1 */
INLINE vs sexp_excess(vs x, vs *less_one) {
    vs power, r;
    sm near;
    vs curved = sexp_parts(x, &power, &r, &near);
    *less_one = sfma(power, r + curved, power - sset(1));
    return sselect(near, curved, *less_one - x);
}

#endif
#endif
