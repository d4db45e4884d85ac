/* Spans in lanes of floats: entropy, Kullback-Leibler and Jensen-Shannon divergence of ordinary float32 rows.
 *
 * Half the work of double lanes for each entry. Every entry enters with one or two roundings of its own term; sums, and
 * what belongs to a row as a whole, are doubles. What floats cannot do well (small divergences, sums near the ends of
 * float32's range, zeros or subnormal numbers in q) gives a value that single_is_enough refuses, and the row is done
 * again in double lanes.
 *
 * A node is as wide as a vector of doubles: an outer span fills two of them, an inner one a lane.
 */
#ifndef FASTENT_ROWS_SINGLE_H
#define FASTENT_ROWS_SINGLE_H

#include <stddef.h>

#include "../_simd/single.h"
#include "span.h"

#if defined(VEC_SINGLE)

#define SINGLE_TINY 0x1p-126f
#define SINGLE_SUM_LOW 0x1p-90
#define SINGLE_SUM_HIGH 0x1p110
#define SINGLE_SMALL_DIVERGENCE 0x1p-20
#define SINGLE_SMALL_ENTROPY 0x1p-60
#define SINGLE_LOW_ENTROPY 1.0 /* from here down ln S - (sum x ln x) / S would lose digits */

INLINE vs single_vector(const void *data, const struct span *span, int64_t i) {
    const float *at = (const float *)data + i * span->stride;
    return i < span->count ? sload(at) : sload_part(at, span->tail);
}

/* Two vectors of doubles, one for each half of a vector of floats */
struct wide {
    vd half[2];
};

INLINE struct wide nothing(void) { return (struct wide){{vset(0), vset(0)}}; }

INLINE void add_wide(struct wide *sum, vs x) {
    for (int h = 0; h < 2; h++)
        sum->half[h] += swiden(x, h);
}

/* Put the sums of spans where they belong: the halves of the only one side by side (outer), or those of each of the rows
 * in a lane of its own (inner). `field` of n, and of the node behind it. */
INLINE void put_sums(struct node *n, size_t field, const struct wide *each, int rows) {
    vd *lower = (vd *)((char *)n + field), *upper = (vd *)((char *)(n + 1) + field), both[VL];
    if (rows == 0) {
        *lower = each->half[0];
        *upper = each->half[1];
        return;
    }
    for (int r = 0; r < rows; r++)
        both[r] = each[r].half[0] + each[r].half[1];
    *lower = across_rows(SUM, both, rows);
}

/* The same for smallest and largest entries. */
INLINE void extremes(enum across how, const vs *each, int rows, vd *result) {
    vd both[VL];
    if (rows == 0) {
        result[0] = swiden(*each, 0);
        result[1] = swiden(*each, 1);
        return;
    }
    for (int r = 0; r < rows; r++)
        both[r] = vcombine(how, swiden(each[r], 0), swiden(each[r], 1));
    result[0] = across_rows(how, both, rows);
}

#define FIELD(name) offsetof(struct node, name)

/* The lanes behind the last entry are zeros in sums, and no entries where the smallest one is looked for. */
INLINE vs lowest(vs x, const struct span *span, int64_t i, vs bottom) {
    return smin(i == span->count ? spad(x, span->tail, (float)INF) : x, bottom);
}

/* NaN in place of sums of p with entries below zero, once a sign bit was seen anywhere among them. */
INLINE void refuse_negative(const struct span *spans, int rows, vsi signs, struct node *n) {
    if (!sany(slt(sfrom_bits((signs & sset_bits(UINT32_C(1) << 31)) | sset_bits(UINT32_C(0x3f800000))), sset(0))))
        return;
    vs bottom[VL];
    vd lowest_entry[2] = {vset(0), vset(0)};
    for (int r = 0; r < (rows ? rows : 1); r++) {
        bottom[r] = sset((float)INF);
        for (int64_t i = 0; i < spans[r].count + (spans[r].tail > 0); i++)
            bottom[r] = lowest(single_vector(spans[r].x, spans + r, i), spans + r, i, bottom[r]);
    }
    extremes(LOWEST, bottom, rows, lowest_entry);
    for (int h = 0; h < (rows ? 1 : 2); h++)
        n[h].p = vselect(vlt(lowest_entry[h], vset(0)), vset(NOT_A_NUMBER), n[h].p);
}

/* ---- entropy: H = ln S - (ln 2 sum x e + sum x ln m) / S, everything in one pass ---- */

struct entropy_sums {
    struct wide entries[VL], exponents[VL], logs[VL]; /* sums of x, of x e and of x ln m, where x = m 2^e */
    vsi signs;
};

INLINE void add_logs(vs x, struct wide *entries, struct wide *exponents, struct wide *logs) {
    vsi exponent;
    vs log = slog_reduced(x, &exponent);
    for (int h = 0; h < 2; h++) {
        vd entry = swiden(x, h);
        entries->half[h] += entry;
        exponents->half[h] = vfma(entry, swiden_int(exponent, h), exponents->half[h]);
        logs->half[h] = vfma(entry, swiden(log, h), logs->half[h]);
    }
}

/* All sums of a span, as number r; entries equal to `drop` are left out. */
INLINE void single_entropy_sums(const struct span *span, int dropping, vs drop, struct entropy_sums *sums, int r) {
    struct wide entries = nothing(), exponents = nothing(), logs = nothing();
    vsi signs = sums->signs;
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++) {
        PREFETCH(span->x_ahead + i * span->x_step);
        vs x = single_vector(span->x, span, i);
        if (dropping)
            x = sselect(sequal(x, drop), sset(0), x);
        signs |= sbits(x);
        add_logs(x, &entries, &exponents, &logs);
    }
    sums->entries[r] = entries;
    sums->exponents[r] = exponents;
    sums->logs[r] = logs;
    sums->signs = signs;
}

INLINE vs span_top(const struct span *span) {
    vs top = sset(0);
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++)
        top = smax(single_vector(span->x, span, i), top);
    return top;
}

/* From sum x e in `value` and sum x ln m in `second`, of entries that add up to `part`. */
INLINE vd single_entropy_value(const struct node *n, vd part) {
    return vfma(part, vlog(n->p), -vfma(n->value, vset(LN2), n->second)) / n->p;
}

INLINE void single_entropy(const struct span *spans, int rows, struct node *n) {
    const int halves = rows ? 1 : 2, count = rows ? rows : 1;
    struct entropy_sums sums = {.signs = sset_bits(0)};
    int again = 0;
    for (int r = 0; r < count; r++)
        single_entropy_sums(spans + r, 0, sset(0), &sums, r);
    put_sums(n, FIELD(p), sums.entries, rows);
    put_sums(n, FIELD(value), sums.exponents, rows);
    put_sums(n, FIELD(second), sums.logs, rows);
    refuse_negative(spans, rows, sums.signs, n);
    vd value[2];
    for (int h = 0; h < halves; h++) {
        value[h] = single_entropy_value(n + h, n[h].p);
        again |= vany(vlt(value[h], vset(SINGLE_LOW_ENTROPY)));
    }
    if (again) {
        /* the largest entry is left out, and its part is what log1p of the rest says */
        vs tops[VL] = {sset(0)};
        vd top[2];
        for (int r = 0; r < count; r++)
            tops[r] = span_top(spans + r);
        extremes(HIGHEST, tops, rows, top);
        for (int r = 0; r < count; r++)
            single_entropy_sums(spans + r, 1, rows ? sset((float)vlane(top[0], r)) : tops[0], &sums, r);
        put_sums(n, FIELD(rest), sums.entries, rows);
        put_sums(n, FIELD(value), sums.exponents, rows);
        put_sums(n, FIELD(second), sums.logs, rows);
        for (int h = 0; h < halves; h++) {
            vd share = n[h].rest / n[h].p;
            vm large = vlt(vset(0.5) * n[h].p, top[h]); /* no other entry is equal to it */
            vd with_top = single_entropy_value(n + h, n[h].rest) - (top[h] / n[h].p) * vlog1p(-vselect(large, share, vset(0)));
            value[h] = vselect(large, vselect(vlt(value[h], vset(SINGLE_LOW_ENTROPY)), with_top, value[h]), value[h]);
        }
    }
    for (int h = 0; h < halves; h++) {
        n[h].value = vselect(veq(n[h].p, vset(0)), vset(0), value[h]);
        n[h].second = n[h].rest = vset(0);
    }
}

/* ---- divergences ---- */

/* x Sq and y Sp up to powers of two; the rounding of these factors to floats is of second order. */
struct single_scale {
    vs x, y;
};

INLINE vs single_kl_term(vs x, vs y, const struct single_scale *s) {
    vs a = x * s->x, b = y * s->y;
    vs d = sfma(x, s->x, -b) - sfma(y, s->y, -b);
    struct single_ratio r = slog_ratio(a, b, d);
    vs twice = a + a;
    vs far = sfma(twice, r.s, sfma(a, r.k * sset((float)LN2 * SINGLE_EXPONENT_UNIT), b - a));
    return sfma(r.s, twice * r.excess, sselect(r.near, r.s * d, far));
}

INLINE vs single_log(vs x) {
    vsi exponent;
    vs log = slog_reduced(x, &exponent);
    return sfma(sfrom_int(exponent), sset((float)LN2), log);
}

INLINE vs single_js_term(vs x, vs y, const struct single_scale *scale) {
    vs a = x * scale->x, b = y * scale->y;
    vs d = (a - b) + (sfma(x, scale->x, -a) - sfma(y, scale->y, -b)); /* exchanging x and y changes its sign only */
    vs sum = a + b;
    vs inverse = sset(1) / smax(sset(SINGLE_TINY), sum);
    vs s = sabs(d) * inverse, z = s * s;
    vs h = z * spolynomial(z, JS_FLOATS, COUNT(JS_FLOATS));
    sm far = slt(sset((float)JS_NEAR_PRECISE), z);
    if (sany(far)) {
        vs more = sset(1) + s, less = smin(a, b) * (inverse + inverse);
        vs log_more = single_log(more), lost = s - (more - sset(1));
        h = sselect(far, sfma(more, log_more, sfma(less, single_log(less), sfma(lost, log_more, lost))), h);
    }
    return sum * h;
}

INLINE vs single_term(int measure, vs x, vs y, const struct single_scale *s) {
    return measure == ROWS_KL ? single_kl_term(x, y, s) : single_js_term(x, y, s);
}

INLINE void single_pair_statistics(const struct span *spans, int rows, struct node *n) {
    struct wide p[VL], q[VL];
    vs q_bottom[VL];
    vsi signs = sset_bits(0);
    vd bottom[2];
    for (int r = 0; r < (rows ? rows : 1); r++) {
        const struct span *span = spans + r;
        p[r] = q[r] = nothing();
        q_bottom[r] = sset((float)INF);
        for (int64_t i = 0; i < span->count + (span->tail > 0); i++) {
            vs x = single_vector(span->x, span, i), y = single_vector(span->y, span, i);
            add_wide(p + r, x);
            add_wide(q + r, y);
            signs |= sbits(x);
            q_bottom[r] = lowest(y, span, i, q_bottom[r]);
        }
    }
    put_sums(n, FIELD(p), p, rows);
    put_sums(n, FIELD(q), q, rows);
    refuse_negative(spans, rows, signs, n);
    extremes(LOWEST, q_bottom, rows, bottom);
    for (int h = 0; h < (rows ? 1 : 2); h++) {
        n[h].q_bottom = bottom[h];
        n[h].q = vselect(vlt(bottom[h], vset(0)), vset(NOT_A_NUMBER), n[h].q);
    }
}

INLINE struct wide single_divergence(int measure, const struct span *span, const struct single_scale *s) {
    struct wide sum = nothing();
    int64_t i = 0;
    for (; i + UNROLL <= span->count; i += UNROLL) {
        vs t[UNROLL];
        for (int u = 0; u < UNROLL; u++) {
            PREFETCH(span->x_ahead + (i + u) * span->x_step);
            PREFETCH(span->y_ahead + (i + u) * span->y_step);
            t[u] = single_term(measure, single_vector(span->x, span, i + u), single_vector(span->y, span, i + u), s);
        }
        add_wide(&sum, (t[0] + t[1]) + (t[2] + t[3]));
    }
    for (; i < span->count + (span->tail > 0); i++) {
        vs y = single_vector(span->y, span, i);
        vs t = single_term(measure, single_vector(span->x, span, i), y, s);
        /* behind a row's end there are zeros, for which the ratio has no value */
        add_wide(&sum, measure == ROWS_KL && i == span->count ? sselect(sequal(y, sset(0)), sset(0), t) : t);
    }
    return sum;
}

/* ---- nodes ---- */

/* One phase over one span or `rows` of them, as span_node has it. */
INLINE void single_span_node(int measure, int phase, const rows_job *job, const struct span *spans, int rows,
                             const struct node *totals, struct node *n) {
    const int halves = rows ? 1 : 2;
    for (int h = 0; h < halves; h++)
        clear_node(n + h);
    if (measure == ROWS_ENTROPY) {
        single_entropy(spans, rows, n);
        return;
    }
    if (totals == NULL || phase == ROWS_STATISTICS)
        single_pair_statistics(spans, rows, n);
    if (totals != NULL && phase == ROWS_STATISTICS)
        return;
    const struct node *whole = totals == NULL ? n : totals;
    vd x[2], y[2];
    for (int h = 0; h < 2; h++) {
        const struct node *of = whole + (halves == 1 ? 0 : h);
        vd p_exponent, q_exponent, p = vsplit(of->p, &p_exponent), q = vsplit(of->q, &q_exponent);
        x[h] = q * vpow2(-p_exponent);
        y[h] = p * vpow2(-q_exponent);
    }
    struct single_scale all = {snarrow(x[0], x[1]), snarrow(y[0], y[1])};
    struct wide sums[VL];
    for (int r = 0; r < (rows ? rows : 1); r++) {
        struct single_scale s = rows ? (struct single_scale){sset(all.x[r]), sset(all.y[r])} : all;
        sums[r] = single_divergence(measure, spans + r, &s);
    }
    put_sums(n, FIELD(value), sums, rows);
    for (int h = 0; h < halves; h++) {
        /* in the units of double lanes, by the factors that were used: p's is that of KL, and JS treats both alike */
        struct scale s = make_scale(whole + h, measure, job);
        vd unit = s.x / swiden(all.x, h);
        n[h].value *= measure == ROWS_KL ? unit : vset(0.5) * (unit + s.y / swiden(all.y, h));
        if (measure == ROWS_KL) /* there is no ratio to zero, nor in floats to what is tiny */
            n[h].value = vselect(vle(vset(SINGLE_TINY), n[h].q_bottom * swiden(all.y, h)), n[h].value, vset(NOT_A_NUMBER));
        if (obeys_chain_rule(measure, job->normalize))
            n[h].value = measure_value(measure, n + h, &s, job->normalize);
    }
}

/* 1 where low <= x <= high, otherwise 0 */
INLINE vd one_inside(double low, vd x, double high) {
    return vselect(vle(vset(low), x), vselect(vle(x, vset(high)), vset(1), vset(0)), vset(0));
}

/* Lanes that are worth another way: the sums are positive and finite, and the value is small or these lanes had none. */
INLINE vm needs_doubles(int measure, const struct node *n, vd value) {
    const double small = measure == ROWS_ENTROPY ? SINGLE_SMALL_ENTROPY : SINGLE_SMALL_DIVERGENCE;
    vd good = vmax(one_inside(small, value, INF), one_inside(0, value, 0));
    vd possible = vset(1);
    for (int operand = 0; operand < (is_binary(measure) ? 2 : 1); operand++) {
        vd sum = operand ? n->q : n->p;
        good = vmin(good, one_inside(SINGLE_SUM_LOW, sum, SINGLE_SUM_HIGH));
        possible = vmin(possible, one_inside(0x1p-1074, sum, 0x1.fffffffffffffp1023));
    }
    return vlt(good, possible);
}

#endif
#endif
