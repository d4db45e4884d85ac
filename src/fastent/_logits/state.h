/* What is known of VL rows, a lane for each, while their entries are walked block by block. */
#ifndef FASTENT_LOGITS_STATE_H
#define FASTENT_LOGITS_STATE_H

#include "lanes.h"

/* Sums over the entries below the largest, which is left out: next to it they would lose their digits. */
struct state {
    vd top;      /* the largest entry so far, -inf before any */
    vd shift;    /* subtracted from every entry: 0, or the top where that is huge */
    vd exponent; /* K, of the top */
    vd unit;     /* exp((top - shift)/T) 2^-K, */
    vd unit_low; /* and what its rounding lost */
    vd rest;     /* sum of exp((z - shift)/T), in units of 2^(K - offset); without entropy, of its powers of two, */
    vd excess;   /* and of what the terms have beside these: two sums lose less than one */
    vd ties;     /* how many entries equal the top */
    vd spread;   /* sum of exp((z - shift)/T) (top - z)/T, in the same units */
};

/* Sums over some entries: of one row, lane by lane, or of each row in its lane. */
struct entry_sums {
    vd rest, excess, ties;
    vd spread, spread_low; /* the second: what roundings of the first lost */
};

/* What follows for the whole row. */
struct row_sums {
    vd valid;        /* 1, or NaN for a row with a NaN, +inf or nothing but -inf */
    vd rest;         /* R: sum over all entries but one largest of exp((z - top)/T) */
    vd log_sum;      /* ln(1 + R) = ln sum exp((z - top)/T) */
};

#define GAP_OF_NOTHING 1e6 /* exp(-gap) is 0 in all units */

static const struct {
    double offset, far;
} state_units[2] = {{float_OFFSET, float_FAR}, {double_OFFSET, double_FAR}};

/* What will be read next is fetched meanwhile: items from an address on, into the second cache where much is read before. */
struct coming {
    const char *from;
    int64_t item;
    int far;
};

INLINE struct state no_entries(void) {
    vd zero = vset(0);
    return (struct state){vset(-INF), zero, zero, vset(1), zero, zero, zero, zero, zero};
}

INLINE struct entry_sums no_entry_sums(void) {
    return (struct entry_sums){vset(0), vset(0), vset(0), vset(0), vset(0)};
}

/* Those of each row in its lane. */
INLINE void add_to_state(struct state *s, const struct entry_sums *sums, int entropy) {
    vd lost;
    s->rest = vtwo_sum(s->rest, sums->rest, &lost);
    s->excess += sums->excess + lost;
    s->ties += sums->ties;
    if (entropy)
        s->spread += sums->spread + sums->spread_low;
}

INLINE vd finite_or_zero(vd x) { return vselect(vlt(vabs(x), vset(INF)), x, vset(0)); }

/* The largest entry as the sums see it: without a finite one any will do */
INLINE vd above_shift(const struct state *s) { return finite_or_zero(s->top - s->shift); }

/* (z - shift)/T and what its rounding lost, nothing of infinity */
INLINE vd tempered(const logits_job *job, vd difference, vd *lost) {
    vd high = vset(job->inverse_high), x = difference * high;
    *lost = finite_or_zero(vproduct_error(difference, high, x) + difference * vset(job->inverse_low));
    return x;
}

/* exp(x + lost) 2^-k, near 1, and what its last rounding lost */
INLINE vd unit_of(vd x, vd lost, vd k, vd *low) {
    vd q = vexp_rest(x, k, lost), unit = vset(1) + q;
    *low = q - (unit - vset(1));
    return unit;
}

/* No shift, and T is 1: entries are used as they are. */
INLINE int is_plain(const logits_job *job, const struct state *s) {
    return job->inverse_high == 1 && vall(veq(s->shift, vset(0)));
}

/* What was summed up, in the units of another top, with the former top, which is now one of the rest. */
INLINE void change_units(const logits_job *job, struct state *s, vm grows, vd top, vd shift, vd exponent, int is_double,
                         int entropy) {
    vd lost, all = s->rest + s->ties * vscale(s->unit, vset(state_units[is_double].offset));
    vd scale = vexp2_times(s->exponent - exponent, tempered(job, s->shift - shift, &lost), vset(1));
    scale = vfma(scale, lost, scale);
    vm any = vlt(vset(-INF), s->top);
    vd rest = vselect(any, all * scale, s->rest), excess = vselect(any, s->excess * scale, s->excess); /* a NaN stays */
    if (entropy) { /* far below, where the gap might overflow, nothing is left */
        vd gap = vmin(vset(GAP_OF_NOTHING), (top - s->top) * vset(job->inverse_high));
        s->spread = vselect(grows, vselect(any, vfma(gap, rest + excess, s->spread * scale), vset(0)), s->spread);
    }
    s->rest = vselect(grows, rest, s->rest);
    s->excess = vselect(grows, excess, s->excess);
}

/* Make `top` the largest entry where it is larger: what was the largest becomes one of the rest, in the new units. */
INLINE void raise_top(const logits_job *job, struct state *s, vd top, int is_double, int entropy) {
    vm grows = vlt(s->top, top);
    if (!vany(grows))
        return;
    const vd rounder = vset(double_ROUNDER);
    vd lost, finite = finite_or_zero(top);
    vd shift = vselect(vlt(vset(state_units[is_double].far), vabs(finite * vset(job->inverse_high))), finite, vset(0));
    vd x = tempered(job, finite - shift, &lost);
    vd exponent = vfma(x, vset(1 / LN2), rounder) - rounder;
    if (vany(vlt(vset(-INF), s->top)))
        change_units(job, s, grows, top, shift, exponent, is_double, entropy);
    s->ties = vselect(grows, vset(0), s->ties); /* -inf, where there was no top */
    vd low, unit = unit_of(x, lost, exponent, &low);
    s->top = vselect(grows, top, s->top);
    s->shift = vselect(grows, shift, s->shift);
    s->exponent = vselect(grows, exponent, s->exponent);
    s->unit = vselect(grows, unit, s->unit);
    s->unit_low = vselect(grows, low, s->unit_low);
}

INLINE struct row_sums finish_sums(const struct state *s, int is_double) {
    struct row_sums f;
    const vd nan = vset(NOT_A_NUMBER), units = vset(is_double ? 0x1p900 : 0x1p60);
    vd low, unit = units * s->unit;
    vd lost, rest = vtwo_sum(s->rest, s->excess, &lost), quotient = rest / unit, more = vset(0);
    if (is_double) { /* the quotient to twice the digits, so that confident rows lose none after the sum */
        vd product = quotient * unit, left = (rest - product) - vproduct_error(quotient, unit, product) + lost;
        more = finite_or_zero((left - quotient * (units * s->unit_low)) / unit);
    }
    vd sum = vtwo_sum(quotient, s->ties - vset(1), &low);
    f.rest = sum + (low + more);
    f.valid = vselect(vle(vset(0), f.rest), vselect(vlt(vabs(s->top), vset(INF)), vset(1), nan), nan);
    f.log_sum = vlog1p_with(f.rest, (low + more) - (f.rest - sum)) * f.valid;
    f.rest *= f.valid;
    return f;
}

/* Sum of exp((z - shift)/T) 2^-K over a row, and what its roundings lost, relative to it. */
INLINE vd whole_sum(const struct state *s, const struct row_sums *f, vd *lost) {
    vd low, all = vtwo_sum(vset(1), f->rest, &low), sum = s->unit * all;
    *lost = (vproduct_error(s->unit, all, sum) + (s->unit_low * all + s->unit * low)) / sum;
    return sum;
}

/* exp((z - shift)/T) 2^-K factor = softmax(z/T) */
INLINE vd softmax_factor(const struct state *s, const struct row_sums *f) {
    vd lost, factor = f->valid / whole_sum(s, f, &lost);
    return vfma(-factor, lost, factor);
}

#endif
