/* Sums over lanes, and sums of logarithms as logarithms of products. */
#ifndef FASTENT_CONTINUOUS_SUMS_H
#define FASTENT_CONTINUOUS_SUMS_H

#include "../_simd/log.h"
#include "kernels.h"

/* As a fixed tree. */
INLINE double sum_lanes(vd x) {
    double lanes[VL];
    vstore(lanes, x);
    for (int half = VL / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

/* A sum of logarithms under way. The exponents of the numbers are added up as integers, their significands multiplied
 * with each other: one logarithm for hundreds of numbers, and less rounding than as many would have. */
struct log_sum {
    double exponents; /* whole */
    double sum, lost; /* of the logarithms of products, to twice the digits */
    int64_t zeros, infinities, invalid;
};

/* What is no positive normal number: noted, and made one. */
static double tame(struct log_sum *s, double x) {
    if (x >= 0x1p-1022 && x < __builtin_inf())
        return x;
    if (x > 0 && x < 1) {
        s->exponents -= 200;
        return x * 0x1p200;
    }
    if (x == 0)
        s->zeros++;
    else if (x > 0)
        s->infinities++;
    else
        s->invalid++;
    return 1;
}

INLINE int are_normal(vd x) { return vall(vle(vset(0x1p-1022), x)) && vall(vlt(x, vset(__builtin_inf()))); }

/* n numbers, at most CONTINUOUS_BLOCK: a product of their significands stays below 2^512. */
static void add_logs(struct log_sum *s, double *x, int64_t n) {
    const vi mantissa = vset_bits(MANTISSA_MASK), one = vset_bits(ONE_BITS);
    vd product[4] = {vset(1), vset(1), vset(1), vset(1)};
    vi exponents = vset_bits(0);
    int64_t padded = (n + 4 * VL - 1) / (4 * VL) * (4 * VL);
    for (int64_t i = n; i < padded; i++)
        x[i] = 1;
    for (int64_t i = 0; i < padded; i += 4 * VL) {
        for (int v = 0; v < 4; v++) {
            vd number = vload(x + i + v * VL);
            if (!are_normal(number)) {
                for (int lane = 0; lane < VL; lane++)
                    x[i + v * VL + lane] = tame(s, x[i + v * VL + lane]);
                number = vload(x + i + v * VL);
            }
            vi bits = vbits(number);
            exponents = exponents + (bits >> MANTISSA_BITS);
            product[v] = product[v] * vfrom_bits((bits & mantissa) | one);
        }
    }
    s->exponents += sum_lanes(vfrom_int(exponents)) - (double)(EXPONENT_BIAS * padded);
    vd logs = (vlog(product[0]) + vlog(product[1])) + (vlog(product[2]) + vlog(product[3]));
    vd error, sum = vtwo_sum(vset(s->sum), vset(sum_lanes(logs)), &error);
    s->sum = vlane(sum, 0);
    s->lost += vlane(error, 0);
}

static double log_sum_value(const struct log_sum *s) {
    if (s->invalid || (s->zeros && s->infinities))
        return __builtin_nan("");
    if (s->zeros)
        return -__builtin_inf();
    if (s->infinities)
        return __builtin_inf();
    return s->exponents * LN2 + (s->sum + s->lost);
}

#endif
