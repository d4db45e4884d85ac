/* One span: vectors at a stride, in cache, walked first for the sums and then for the terms.
 *
 * inner  lanes are consecutive entries of one row, added up across lanes at the end (`horizontal`)
 * outer  lanes are different outputs, and the stride leads from one entry of each to the next
 *
 * The same loops serve both.
 */
#ifndef FASTENT_ROWS_SPAN_H
#define FASTENT_ROWS_SPAN_H

#include "../_simd/prefetch.h"
#include "terms.h"

#define UNROLL 4 /* vectors in flight, to hide the latency of the polynomials */

struct span {
    const void *x, *y; /* doubles or floats */
    int64_t stride;    /* entries between vectors */
    int64_t count;  /* whole vectors */
    int64_t tail;   /* entries of one more, partly filled vector */
    const char *x_ahead, *y_ahead; /* what will be read from memory next, fetched while this span is computed */
    int64_t x_step, y_step;        /* bytes of it for each vector of this span */
};

INLINE vd span_vector(const void *entries, const struct span *span, int64_t i) {
    const double *data = entries;
    return i < span->count ? vload(data + i * span->stride) : vload_part(data + i * span->stride, span->tail);
}

/* Combine the lanes of `rows` vectors, one for each row; lanes without a row repeat the first one's. */
INLINE vd across_rows(enum across how, vd *each, int rows) {
    for (int r = rows; r < VL; r++)
        each[r] = each[0];
    return vacross_rows(how, each);
}

/* Sum to twice the digits: every rounding error is kept. */
INLINE vd span_exact_sum(const void *data, const struct span *span, int horizontal, vd *lost) {
    vd sum = vset(0), low = vset(0), error;
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++) {
        sum = vtwo_sum(sum, span_vector(data, span, i), &error);
        low += error;
    }
    if (horizontal) {
        vd total = vset(vlane(sum, 0)), total_low = vset(vlane(low, 0));
        for (int i = 1; i < VL; i++) {
            total = vtwo_sum(total, vset(vlane(sum, i)), &error);
            total_low += error + vset(vlane(low, i));
        }
        sum = total;
        low = total_low;
    }
    /* the sum is the rounded one again, so that a lost part is below half its last digit */
    return vtwo_sum(sum, low, lost);
}

/* Sum, smallest and largest entry. */
INLINE void span_sum(const double *data, const struct span *span, int want_top, vd *sum_out, vd *low_out, vd *top_out) {
    vd sum = vset(0), other = vset(0), top = vset(0), low = vset(INF);
    int64_t i = 0;
    for (; i + UNROLL <= span->count; i += UNROLL) {
        const double *at = data + i * span->stride;
        vd v0 = vload(at), v1 = vload(at + span->stride), v2 = vload(at + 2 * span->stride), v3 = vload(at + 3 * span->stride);
        /* pairs first and two sums in turn: the chain of roundings is an eighth as long */
        vd next = other + ((v0 + v1) + (v2 + v3));
        other = sum;
        sum = next;
        low = vmin(vmin(vmin(v0, v1), vmin(v2, v3)), low);
        if (want_top)
            top = vmax(vmax(vmax(v0, v1), vmax(v2, v3)), top);
    }
    for (; i < span->count; i++) {
        vd v = vload(data + i * span->stride);
        sum += v;
        low = vmin(v, low);
        if (want_top)
            top = vmax(v, top);
    }
    if (span->tail) {
        vd v = span_vector(data, span, i);
        sum += v;
        low = vmin(vpad(v, span->tail, INF), low);
        if (want_top)
            top = vmax(v, top);
    }
    *sum_out = sum + other;
    *low_out = low;
    *top_out = top;
}

/* Sums to twice the digits in place of the plain ones, where those are finite. */
INLINE void set_exact_sums(int binary, const struct span *spans, int rows, struct node *n) {
    vd p = vset(0), q = p, p_low = p, q_low = p, lost;
    for (int r = 0; r < (rows ? rows : 1); r++) {
        set_lane(&p, span_exact_sum(spans[r].x, spans + r, rows, &lost), r);
        set_lane(&p_low, lost, r);
        if (!binary)
            continue;
        set_lane(&q, span_exact_sum(spans[r].y, spans + r, rows, &lost), r);
        set_lane(&q_low, lost, r);
    }
    vm p_finite = vlt(n->p, vset(INF)), q_finite = vlt(n->q, vset(INF));
    n->p_low = vselect(p_finite, p_low, vset(0));
    n->p = vselect(p_finite, p, n->p);
    if (!binary)
        return;
    n->q_low = vselect(q_finite, q_low, vset(0));
    n->q = vselect(q_finite, q, n->q);
}

/* Sums and extremes of the operands; NaN for a sum where an entry is negative. */
INLINE void statistics(int measure, int grade, int normalize, const struct span *spans, int rows, struct node *n) {
    const int which = normalize || measure == ROWS_RENYI || measure == ROWS_MIN_ENTROPY ? top_operand(measure) : 3;
    vd sum[2][VL], bottom[2][VL], top[2][VL];
    for (int r = 0; r < (rows ? rows : 1); r++) {
        span_sum(spans[r].x, spans + r, which & 1, &sum[0][r], &bottom[0][r], &top[0][r]);
        if (is_binary(measure))
            span_sum(spans[r].y, spans + r, which & 2, &sum[1][r], &bottom[1][r], &top[1][r]);
    }
    for (int operand = 0; operand < (is_binary(measure) ? 2 : 1); operand++) {
        vd total = rows ? across_rows(SUM, sum[operand], rows) : sum[operand][0];
        vd lowest = rows ? across_rows(LOWEST, bottom[operand], rows) : bottom[operand][0];
        *(operand ? &n->q : &n->p) = vselect(vlt(lowest, vset(0)), vset(NOT_A_NUMBER), total);
        *(operand ? &n->q_bottom : &n->p_bottom) = lowest;
        if (which & (operand + 1))
            n->top = vmax(n->top, rows ? across_rows(HIGHEST, top[operand], rows) : top[operand][0]);
    }
    if (uses_exact_sums(measure, grade))
        set_exact_sums(is_binary(measure), spans, rows, n);
}

/* Sum without the dropped entry, and (for cross-entropy) the other operand's entry at its place. */
INLINE void span_rest(int measure, const struct span *span, vd drop, struct node *n) {
    const void *data = measure == ROWS_CROSS_ENTROPY ? span->y : span->x;
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++) {
        vd v = span_vector(data, span, i);
        vm dropped = veq(v, drop);
        n->rest += vselect(dropped, vset(0), v);
        if (measure == ROWS_CROSS_ENTROPY)
            n->second += vselect(dropped, span_vector(span->x, span, i), vset(0));
    }
}

INLINE struct terms span_term(int measure, int grade, int all_positive, int dropping, const struct span *span, int64_t i,
                              int partly, const struct scale *s) {
    vd y = vset(0);
    const double *x_at = (const double *)span->x + i * span->stride, *y_at = (const double *)span->y + i * span->stride;
    vd x = partly ? vload_part(x_at, span->tail) : vload(x_at);
    if (is_binary(measure))
        y = partly ? vload_part(y_at, span->tail) : vload(y_at);
    struct terms t = term(measure, grade, all_positive && !partly, x, y, s);
    if (dropping)
        t.value = vselect(veq(measure == ROWS_CROSS_ENTROPY ? y : x, s->drop), vset(0), t.value);
    return t;
}

INLINE void span_terms(int measure, int grade, int all_positive, int dropping, const struct span *span,
                       const struct scale *s, struct node *n) {
    vd sum = n->value, other = vset(0), second = n->second, second_low = vset(0), lost;
    int64_t i = 0;
    if (!has_second(measure)) {
        for (; i + UNROLL <= span->count; i += UNROLL) {
            vd t[UNROLL];
            for (int u = 0; u < UNROLL; u++) {
                PREFETCH(span->x_ahead + (i + u) * span->x_step);
                if (is_binary(measure))
                    PREFETCH(span->y_ahead + (i + u) * span->y_step);
            }
            for (int u = 0; u < UNROLL; u++)
                t[u] = span_term(measure, grade, all_positive, dropping, span, i + u, 0, s).value;
            vd next = other + ((t[0] + t[1]) + (t[2] + t[3]));
            other = sum;
            sum = next;
        }
    }
    for (; i < span->count + (span->tail > 0); i++) {
        struct terms t = span_term(measure, grade, all_positive, dropping, span, i, i == span->count, s);
        if (has_second(measure)) { /* powers are slow anyway: their sums can afford to be compensated */
            sum = vtwo_sum(sum, t.value, &lost);
            other += lost;
            second = vtwo_sum(second, t.second, &lost);
            second_low += lost;
        } else {
            sum += t.value;
            second += t.second; /* set elsewhere for cross-entropy, otherwise 0 */
        }
    }
    n->value = sum + other;
    n->second = second + second_low;
}

/* Largest ln(p/q) of a span. */
INLINE vd span_reference(int measure, int grade, const struct span *span, const struct scale *s) {
    vd top = vset(-INF);
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++)
        top = vmax(ratio_term(uses_exact_sums(measure, grade), span_vector(span->x, span, i), span_vector(span->y, span, i), s), top);
    return top;
}

/* The terms of a span whose constants are known; drop: the entry whose part is added as what it leaves. */
INLINE void span_sums(int measure, int grade, const struct span *span, const struct scale *s, vd drop, vd q_bottom,
                      struct node *n) {
    if (top_operand(measure) && vany(vlt(vset(0), drop))) {
        span_rest(measure, span, drop, n);
        span_terms(measure, grade, 0, 1, span, s, n);
    } else if (measure == ROWS_KL && grade != EXACT_SUMS && vall(vle(vset(TINY), q_bottom * s->y))) {
        span_terms(measure, grade, 1, 0, span, s, n);
    } else {
        span_terms(measure, grade, 0, 0, span, s, n);
    }
}

/* One phase over `rows` spans: rows of their own whose sums go to one lane each (inner), or, with rows = 0, the one span
 * of as many outputs as there are lanes (outer). Statistics and terms run back to back when `totals` is NULL: the spans
 * are whole rows, or the measure can finish them alone. */
INLINE void span_node(int measure, int grade, int phase, const rows_job *job, const struct span *spans, int rows,
                      const struct node *totals, struct node *n) {
    const int alone = totals == NULL;
    clear_node(n);
    if (alone || phase == ROWS_STATISTICS)
        statistics(measure, grade, job->normalize, spans, rows, n);
    if (!alone && phase == ROWS_STATISTICS)
        return;
    const struct node *whole = alone ? n : totals;
    struct scale all = make_scale(whole, measure, job);
    if (measure == ROWS_RENYI_DIVERGENCE && (alone || phase == ROWS_RATIO)) {
        vd references[VL];
        for (int r = 0; r < (rows ? rows : 1); r++) {
            struct scale s = rows ? scale_of_lane(&all, r) : all;
            references[r] = span_reference(measure, grade, spans + r, &s);
        }
        all.reference = n->reference = rows ? across_rows(HIGHEST, references, rows) : references[0];
    }
    if (!alone && phase == ROWS_RATIO)
        return;
    /* Renyi and min-entropy need the rest, too, but drop nothing */
    vd drop = all.drop;
    if (job->normalize && (measure == ROWS_RENYI || measure == ROWS_MIN_ENTROPY))
        drop = vselect(vlt(vset(0.5) * whole->p, whole->top), whole->top, drop);
    vd value[VL], second[VL], rest[VL];
    for (int r = 0; r < (rows ? rows : 1); r++) {
        struct scale s = rows ? scale_of_lane(&all, r) : all;
        struct node one;
        clear_node(&one);
        span_sums(measure, grade, spans + r, &s, rows ? lane_of(drop, r) : drop, rows ? lane_of(n->q_bottom, r) : n->q_bottom, &one);
        value[r] = one.value;
        second[r] = one.second;
        rest[r] = one.rest;
    }
    n->value = rows ? across_rows(SUM, value, rows) : value[0];
    if (top_operand(measure) || has_second(measure)) {
        n->second = rows ? across_rows(SUM, second, rows) : second[0];
        n->rest = rows ? across_rows(SUM, rest, rows) : rest[0];
    }
    if (alone && (obeys_chain_rule(measure, job->normalize) || is_local(measure, job->normalize)))
        n->value = measure_value(measure, n, &all, job->normalize);
}

#endif
