/* What is known of VL rows, a lane for each, while their entries are walked block by block. */
#ifndef FASTENT_LOGITS_STATE_H
#define FASTENT_LOGITS_STATE_H

#include "lanes.h"

/* Sums over the entries below the largest, which is left out: next to it they would lose their digits. */
struct state {
    vd top;      /* the largest entry so far, -inf before any */
    vd shift;    /* subtracted from every entry: 0, or the top where that is huge */
    vd exponent; /* K, of the top */
    vd rest;     /* sum of exp((z - shift)/T), in units of 2^(K - offset) */
    vd ties;     /* how many entries equal the top */
    vd spread;   /* sum of exp((z - shift)/T) (top - z), in the same units */
};

/* What follows from it for the whole row. */
struct row_sums {
    vd valid;        /* 1, or NaN for a row with a NaN, +inf or nothing but -inf */
    vd rest;         /* R: sum over all entries but one largest of exp((z - top)/T) */
    vd log_sum;      /* ln(1 + R) = ln sum exp((z - top)/T) */
    vd factor;       /* exp((z - shift)/T) 2^-K factor = softmax(z/T) */
};

static const struct {
    double offset, far;
} state_units[2] = {{float_OFFSET, float_FAR}, {double_OFFSET, double_FAR}};

INLINE struct state no_entries(void) {
    vd zero = vset(0);
    return (struct state){vset(-INF), zero, zero, zero, zero, zero};
}

/* (z - shift)/T and what its rounding lost */
INLINE vd tempered(const logits_job *job, vd difference, vd *lost) {
    vd high = vset(job->inverse_high), x = difference * high;
    *lost = vproduct_error(difference, high, x) + difference * vset(job->inverse_low);
    return x;
}

/* exp((top - shift)/T) 2^-K 2^n, near 2^n */
INLINE vd top_value(const logits_job *job, const struct state *s, vd n) {
    vd lost, x = tempered(job, s->top - s->shift, &lost);
    vd reduced = vfma(s->exponent, vset(-double_LN2_FIRST), x);
    return vexp2_times(n, reduced + vfma(s->exponent, vset(-double_LN2_SECOND), lost), vset(1));
}

/* Make `top` the largest entry where it is larger: what was the largest becomes one of the rest, in the new units. */
INLINE void raise_top(const logits_job *job, struct state *s, vd top, int is_double, int entropy) {
    vm grows = vlt(s->top, top);
    if (!vany(grows))
        return;
    const vd zero = vset(0), rounder = vset(double_ROUNDER), offset = vset(state_units[is_double].offset);
    vd lost, finite = vselect(vlt(vabs(top), vset(INF)), top, zero);
    vd shift = vselect(vlt(vset(state_units[is_double].far), vabs(finite * vset(job->inverse_high))), finite, zero);
    vd x = tempered(job, finite - shift, &lost);
    vd exponent = vfma(x, vset(1 / LN2), rounder) - rounder;

    vd old_top = vselect(vlt(zero, s->ties), s->ties * top_value(job, s, offset), zero);
    vd all = s->rest + old_top;
    vd scale = vexp2_times(s->exponent - exponent, tempered(job, s->shift - shift, &lost), vset(1));
    vd any = vselect(vlt(vset(-INF), s->top), vset(1), zero);
    if (entropy)
        s->spread = vselect(grows, vselect(veq(any, zero), zero, vfma(top - s->top, all, s->spread) * scale), s->spread);
    s->rest = vselect(grows, vselect(veq(any, zero), s->rest, all * scale), s->rest); /* a NaN stays */
    s->ties = vselect(grows, zero, s->ties);
    s->top = vselect(grows, top, s->top);
    s->shift = vselect(grows, shift, s->shift);
    s->exponent = vselect(grows, exponent, s->exponent);
}

INLINE struct row_sums finish_sums(const logits_job *job, const struct state *s, int is_double) {
    struct row_sums f;
    const vd nan = vset(NOT_A_NUMBER);
    vd top_sum = top_value(job, s, vset(state_units[is_double].offset));
    f.rest = s->rest / top_sum + (s->ties - vset(1));
    f.valid = vselect(vle(vset(0), f.rest), vselect(vlt(vabs(s->top), vset(INF)), vset(1), nan), nan);
    f.log_sum = vlog1p(f.rest) * f.valid;
    f.factor = f.valid / ((vset(1) + f.rest) * top_value(job, s, vset(0)));
    return f;
}

#endif
