/* Functions of single elements: a line of inputs to a line of outputs, block by block. */
#ifndef FASTENT_ROWS_MAP_H
#define FASTENT_ROWS_MAP_H

#include "terms.h"

/* 0 where x is 0, whatever the logarithm */
INLINE vd times_log(vd x, vd log) { return vselect(veq(x, vset(0)), vset(0), x * log); }

/* x ln(x/y), less x - y for the generalised divergence, of any positive finite pair */
INLINE vd relative_entropy(vd x, vd y, int generalised) {
    vd exponent;
    vsplit(vmax(x, y), &exponent);
    vd shift = vmin(vset(SHIFT), vset(SHIFT) + exponent) - exponent;
    vd a = x * vpow2(shift), b = y * vpow2(shift), d = a - b;
    vd log_ratio = vlog_ratio_value(vlog_ratio(vmax(vset(TINY), a), vmax(vset(TINY), b), d, PRECISE));
    /* beyond this ratio one of the two no longer fits the shared scale; the logarithms are far apart then */
    vm apart = vlt(vmin(a, b), vset(0x1p-900));
    log_ratio = vselect(apart, vlog(x) - vlog(y), log_ratio);
    if (!generalised)
        return x * log_ratio;
    return vselect(apart, x * log_ratio - (x - y), vscale(vkl_term(a, vmax(vset(TINY), b), d, PRECISE), -shift));
}

INLINE vm positive(vd x) { return vlt(vset(0), x); }

/* SciPy's conventions: 0 at x = 0, +inf outside the domain, NaN kept; at infinity what the formula tends to */
INLINE vd relative_entropy_anywhere(vd x, vd y, int generalised) {
    const vd zero = vset(0), inf = vset(INF);
    vd value = relative_entropy(x, y, generalised);
    vd at_infinity = vselect(vlt(x, inf), vset(-INF), vselect(vlt(y, inf), inf, vset(NOT_A_NUMBER)));
    if (generalised)
        at_infinity = vset(NOT_A_NUMBER);
    value = vselect(veq(vmax(x, y), inf), at_infinity, value);
    value = vselect(positive(y), value, inf);
    value = vselect(positive(x), value, inf);
    value = vselect(veq(x, zero), vselect(vle(zero, y), generalised ? y : zero, inf), value);
    return vselect(veq(x, x), vselect(veq(y, y), value, y), x);
}

INLINE vd within(vd low, vd x, vd high, vd value) {
    return vselect(vle(low, x), vselect(vle(x, high), value, vset(NOT_A_NUMBER)), vset(NOT_A_NUMBER));
}

INLINE vd element(int function, vd x, vd y) {
    const vd zero = vset(0), one = vset(1);
    vd value;
    switch (function) {
    case ROWS_INFORMATION:
        return within(zero, x, vset(0x1.fffffffffffffp1023), zero - vlog(x));
    case ROWS_BINARY_ENTROPY: {
        vd less = vmin(x, one - x); /* 1 - x is exact where it is the smaller */
        return within(zero, x, one, -times_log(less, vlog(less)) - (one - less) * vlog1p(-less));
    }
    case ROWS_BINARY_CROSS_ENTROPY: /* x: the label, y: the prediction */
        value = -times_log(x, vlog(y)) - times_log(one - x, vlog1p(-y));
        return within(zero, x, one, within(zero, y, one, value));
    case ROWS_ENTR:
        value = vselect(vle(zero, x), zero - times_log(x, vlog(x)), vset(-INF));
        value = vselect(veq(x, vset(INF)), vset(-INF), value);
        return vselect(veq(x, x), value, x);
    case ROWS_REL_ENTR:
        return relative_entropy_anywhere(x, y, 0);
    default: /* ROWS_KL_DIV */
        return relative_entropy_anywhere(x, y, 1);
    }
}

INLINE void map_block(int function, double *x, const double *y, int64_t n, double divisor) {
    for (int64_t i = 0; i < n; i += VL) {
        vd value = element(function, vload(x + i), y ? vload(y + i) : vset(0)) / vset(divisor);
        vstore(x + i, value + vset(0)); /* never -0.0 */
    }
}

/* The function is switched on once per block. */
static void map_function(int function, double *x, const double *y, int64_t n, double divisor) {
    switch (function) {
    case ROWS_INFORMATION: map_block(ROWS_INFORMATION, x, y, n, divisor); break;
    case ROWS_BINARY_ENTROPY: map_block(ROWS_BINARY_ENTROPY, x, y, n, divisor); break;
    case ROWS_BINARY_CROSS_ENTROPY: map_block(ROWS_BINARY_CROSS_ENTROPY, x, y, n, divisor); break;
    case ROWS_ENTR: map_block(ROWS_ENTR, x, y, n, divisor); break;
    case ROWS_REL_ENTR: map_block(ROWS_REL_ENTR, x, y, n, divisor); break;
    default: map_block(ROWS_KL_DIV, x, y, n, divisor); break;
    }
}

static void store_run(const rows_operand *out, char *target, int64_t stride, const double *values, const double *keep,
                      int64_t n) {
    for (int64_t i = 0; i < n; i++, target += stride) {
        float single = (float)values[i];
        if (keep == NULL || keep[i] != 0)
            memcpy(target, out->dtype == ITEM_FLOAT64 ? (const void *)(values + i) : (const void *)&single,
                   out->dtype == ITEM_FLOAT64 ? 8 : 4);
    }
}

/* One line: the entries of one batch position. Outputs that `where` excludes are not written. */
static void map_line(const rows_job *job, const int64_t *offsets, int64_t start, int64_t n, double *x, double *y,
                     double *keep, const struct loader *loader) {
    int64_t stride = job->out.reduce_strides[0];
    load_entries_double(job, &job->p, offsets[0], start, n, x, loader);
    if (job->q.data != NULL)
        load_entries_double(job, &job->q, offsets[1], start, n, y, loader);
    if (job->where.data != NULL)
        load_entries_double(job, &job->where, offsets[2], start, n, keep, loader);
    map_function(job->measure, x, job->q.data != NULL ? y : NULL, n, job->divisor);
    store_run(&job->out, job->out.data + offsets[3] + start * stride, stride, x, job->where.data != NULL ? keep : NULL, n);
}

#endif
