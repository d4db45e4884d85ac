/* One span: vectors at a stride, in cache, walked first for the sums and then for the terms.
 *
 * inner  lanes are consecutive entries of one row, added up across lanes at the end (`horizontal`)
 * outer  lanes are different outputs, and the stride leads from one entry of each to the next
 *
 * The same loops serve both.
 */
#ifndef FASTENT_ROWS_SPAN_H
#define FASTENT_ROWS_SPAN_H

#include "terms.h"

#define UNROLL 4 /* vectors in flight, to hide the latency of the polynomials */

struct span {
    const double *x, *y;
    int64_t stride; /* doubles between vectors */
    int64_t count;  /* whole vectors */
    int64_t tail;   /* entries of one more, partly filled vector */
};

INLINE vd span_vector(const double *data, const struct span *span, int64_t i) {
    return i < span->count ? vload(data + i * span->stride) : vload_part(data + i * span->stride, span->tail);
}

INLINE vd span_minimum(const double *data, const struct span *span) {
    vd low = vset(INF);
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++)
        low = vmin(span_vector(data, span, i), low);
    return low;
}

/* Sum over the lanes, and what its roundings lost. */
INLINE vd exact_across(vd sum, vd low, vd *lost) {
    vd total = vset(vlane(sum, 0)), error;
    *lost = vset(vsum(low));
    for (int i = 1; i < VL; i++) {
        total = vtwo_sum(total, vset(vlane(sum, i)), &error);
        *lost += error;
    }
    return total;
}

/* Sum to twice the digits: every rounding error is kept. */
INLINE vd span_exact_sum(const double *data, const struct span *span, int horizontal, vd *lost) {
    vd sum = vset(0), low = vset(0), error;
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++) {
        sum = vtwo_sum(sum, span_vector(data, span, i), &error);
        low += error;
    }
    sum = horizontal ? exact_across(sum, low, &low) : sum;
    /* the sum is the rounded one again, so that a lost part is below half its last digit */
    return vtwo_sum(sum, low, lost);
}

/* Sum and largest entry; NaN for the sum where an entry is negative. */
INLINE void span_sum(const double *data, const struct span *span, int want_top, int horizontal, vd *sum_out, vd *top_out) {
    vd sum = vset(0), other = vset(0), top = vset(0);
    vi signs = vset_bits(0);
    int64_t i = 0;
    for (; i + UNROLL <= span->count; i += UNROLL) {
        const double *at = data + i * span->stride;
        vd v0 = vload(at), v1 = vload(at + span->stride), v2 = vload(at + 2 * span->stride), v3 = vload(at + 3 * span->stride);
        /* pairs first and two sums in turn: the chain of roundings is an eighth as long */
        vd next = other + ((v0 + v1) + (v2 + v3));
        other = sum;
        sum = next;
        signs |= (vbits(v0) | vbits(v1)) | (vbits(v2) | vbits(v3));
        if (want_top)
            top = vmax(vmax(vmax(v0, v1), vmax(v2, v3)), top);
    }
    for (; i < span->count + (span->tail > 0); i++) {
        vd v = span_vector(data, span, i);
        sum += v;
        signs |= vbits(v);
        if (want_top)
            top = vmax(v, top);
    }
    vd total = sum + other;
    /* the sign bit as a double's: anything below zero, or a harmless -0.0 */
    if (vany(vlt(vfrom_bits((signs & vset_bits(UINT64_C(1) << 63)) | vset_bits(ONE_BITS)), vset(0))))
        total = vselect(vlt(span_minimum(data, span), vset(0)), vset(NOT_A_NUMBER), total);
    *sum_out = horizontal ? vset(vsum(total)) : total;
    *top_out = horizontal && want_top ? vset(vtop(top)) : top;
}

INLINE void span_statistics(int measure, int grade, int normalize, const struct span *span, int horizontal,
                            struct node *n) {
    int which = normalize || measure == ROWS_RENYI || measure == ROWS_MIN_ENTROPY ? top_operand(measure) : 3;
    vd q_top = vset(0);
    span_sum(span->x, span, which & 1, horizontal, &n->p, &n->top);
    n->q = vset(0);
    if (is_binary(measure)) {
        span_sum(span->y, span, which & 2, horizontal, &n->q, &q_top);
        n->top = vmax(n->top, q_top);
    }
    n->p_low = n->q_low = n->reference = n->value = n->second = n->rest = vset(0);
    if (uses_exact_sums(measure, grade)) {
        vd p = span_exact_sum(span->x, span, horizontal, &n->p_low);
        vd q = span_exact_sum(span->y, span, horizontal, &n->q_low);
        /* NaN and infinity stay what the plain sum found */
        n->p_low = vselect(vlt(n->p, vset(INF)), n->p_low, vset(0));
        n->q_low = vselect(vlt(n->q, vset(INF)), n->q_low, vset(0));
        n->p = vselect(vlt(n->p, vset(INF)), p, n->p);
        n->q = vselect(vlt(n->q, vset(INF)), q, n->q);
    }
}

/* Sum without the dropped entry, and (for cross-entropy) the other operand's entry at its place. */
INLINE void span_rest(int measure, const struct span *span, vd drop, struct node *n) {
    const double *data = measure == ROWS_CROSS_ENTROPY ? span->y : span->x;
    for (int64_t i = 0; i < span->count + (span->tail > 0); i++) {
        vd v = span_vector(data, span, i);
        vm dropped = veq(v, drop);
        n->rest += vselect(dropped, vset(0), v);
        if (measure == ROWS_CROSS_ENTROPY)
            n->second += vselect(dropped, span_vector(span->x, span, i), vset(0));
    }
}

INLINE struct terms span_term(int measure, int grade, int dropping, const struct span *span, int64_t i, int partly,
                              const struct scale *s) {
    vd y = vset(0);
    vd x = partly ? vload_part(span->x + i * span->stride, span->tail) : vload(span->x + i * span->stride);
    if (is_binary(measure))
        y = partly ? vload_part(span->y + i * span->stride, span->tail) : vload(span->y + i * span->stride);
    struct terms t = term(measure, grade, x, y, s);
    if (dropping)
        t.value = vselect(veq(measure == ROWS_CROSS_ENTROPY ? y : x, s->drop), vset(0), t.value);
    return t;
}

INLINE void span_terms(int measure, int grade, int dropping, const struct span *span, const struct scale *s, struct node *n) {
    vd sum = n->value, other = vset(0), second = n->second, second_low = vset(0), lost;
    int64_t i = 0;
    if (!has_second(measure)) {
        for (; i + UNROLL <= span->count; i += UNROLL) {
            vd t[UNROLL];
            for (int u = 0; u < UNROLL; u++)
                t[u] = span_term(measure, grade, dropping, span, i + u, 0, s).value;
            vd next = other + ((t[0] + t[1]) + (t[2] + t[3]));
            other = sum;
            sum = next;
        }
    }
    for (; i < span->count + (span->tail > 0); i++) {
        struct terms t = span_term(measure, grade, dropping, span, i, i == span->count, s);
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

INLINE void node_across(struct node *n) {
    n->value = vset(vsum(n->value));
    n->second = vset(vsum(n->second));
    n->rest = vset(vsum(n->rest));
}

/* One phase over one span. Statistics and terms run back to back when `totals` is NULL: the span is the whole row, or the
 * measure can finish it alone. */
INLINE void span_node(int measure, int grade, int phase, const rows_job *job, const struct span *span, int horizontal,
                      const struct node *totals, struct node *n) {
    int alone = totals == NULL;
    if (alone || phase == ROWS_STATISTICS)
        span_statistics(measure, grade, job->normalize, span, horizontal, n);
    else
        n->p = n->q = n->p_low = n->q_low = n->top = n->reference = n->value = n->second = n->rest = vset(0);
    if (!alone && phase == ROWS_STATISTICS)
        return;
    const struct node *whole = alone ? n : totals;
    struct scale s = make_scale(whole, measure, job);
    if (measure == ROWS_RENYI_DIVERGENCE && (alone || phase == ROWS_RATIO)) {
        vd top = vset(-INF);
        for (int64_t i = 0; i < span->count + (span->tail > 0); i++)
            top = vmax(ratio_term(uses_exact_sums(measure, grade), span_vector(span->x, span, i), span_vector(span->y, span, i), &s), top);
        n->reference = s.reference = horizontal ? vset(vtop(top)) : top;
    }
    if (!alone && phase == ROWS_RATIO)
        return;
    /* Renyi and min-entropy need the rest, too, but drop nothing */
    vd drop = s.drop;
    if (job->normalize && (measure == ROWS_RENYI || measure == ROWS_MIN_ENTROPY))
        drop = vselect(vlt(vset(0.5) * whole->p, whole->top), whole->top, drop);
    if (top_operand(measure) && vany(vlt(vset(0), drop))) {
        span_rest(measure, span, drop, n);
        span_terms(measure, grade, 1, span, &s, n);
    } else {
        span_terms(measure, grade, 0, span, &s, n);
    }
    if (horizontal)
        node_across(n);
    if (alone)
        n->value = obeys_chain_rule(measure, job->normalize) || is_local(measure, job->normalize)
                       ? measure_value(measure, n, &s, job->normalize)
                       : n->value;
}

#endif
