/* The formula of every measure at one position, and what turns its sum into the measure's value.
 *
 * Pure functions of vectors: no memory, no loops. x and y are entries as stored; a `scale` holds what is constant along a
 * row. Numbers are kept multiplied by 2^shift (usually 1000), so that neither subnormal entries nor products of sums
 * leave the range of doubles; the logarithm subtracts the shift exactly.
 *
 * All sums but those of signed logarithms (numbers used as they are) have terms of one sign, so no digits cancel:
 *   H   p ln p <= 0, and an entry above half the sum is left out: its part is -p log1p(-(rest)/S)
 *   KL  p ln(p/q) - p + q >= 0
 *   JS  m h(s) >= 0 with s = (p - q)/(p + q)
 *   Renyi  p ((p / max p)^(a-1) - 1): of one sign, relative to the largest entry
 * See Cover & Thomas, Elements of Information Theory; van Erven & Harremoes 2014 for Renyi divergence.
 */
#ifndef FASTENT_ROWS_TERMS_H
#define FASTENT_ROWS_TERMS_H

#include "../_simd/exp.h"
#include "kernels.h"

#define TINY 0x1p-1022 /* smallest normal double: logarithms see nothing smaller */
#define SHIFT 1000.0
#define INF __builtin_inf()
#define NOT_A_NUMBER __builtin_nan("")

/* Sums over a row, a block, or the blocks below a node of the tree that adds them. */
struct node {
    vd p, q;   /* sums of the entries; NaN where an entry is invalid */
    vd p_low, q_low; /* what their rounding lost, where it matters; otherwise 0 */
    vd p_bottom, q_bottom; /* smallest entries of a block */
    vd top;    /* largest entry, of the operand the measure leaves out or scales by */
    vd reference; /* Renyi divergence: largest ln(p/q) */
    vd value;  /* sum of the terms, or the measure itself where it obeys the chain rule */
    vd second; /* Renyi: sum of the powers */
    vd rest;   /* sum of the entries without the top one, where that exceeds half */
};

struct scale {
    vd x, y;    /* factors of the entries */
    vd x_low, y_low; /* what is missing in them, where sums are exact */
    vd shift;   /* the logarithm of two in them */
    vd unscale; /* factor of the sum */
    vd drop;    /* the entry to leave out, or -1 */
    vd top;       /* largest entry */
    vd reference; /* largest ln(p/q) */
    vd order, weight;
};

struct terms {
    vd value, second;
};

INLINE void clear_node(struct node *n) {
    n->p = n->q = n->p_low = n->q_low = n->p_bottom = n->q_bottom = n->top = n->reference = n->value = n->second = n->rest = vset(0);
}

/* Lane r of a vector in all lanes, and back: lane r and those behind it, which later rows overwrite. */
INLINE vd lane_of(vd x, int r) { return vset(vlane(x, r)); }
INLINE void set_lane(vd *x, vd value, int r) { *x = vselect(vlanes_from(r), value, *x); }

INLINE struct scale scale_of_lane(const struct scale *all, int r) {
    return (struct scale){
        .x = lane_of(all->x, r), .y = lane_of(all->y, r), .x_low = lane_of(all->x_low, r), .y_low = lane_of(all->y_low, r),
        .shift = lane_of(all->shift, r), .unscale = lane_of(all->unscale, r), .drop = lane_of(all->drop, r),
        .top = lane_of(all->top, r), .reference = lane_of(all->reference, r), .order = all->order, .weight = all->weight};
}

INLINE int is_binary(int measure) { return measure >= ROWS_CROSS_ENTROPY; }
/* Measures of nearly equal rows that the rounding of the sums reaches in second order. */
INLINE int is_divergence(int measure) { return measure >= ROWS_KL && measure != ROWS_LOG_RATIO; }
/* Total variation they reach in first order, and so they do ln(max p/q) and, times 1/(1-a), Renyi entropies. */
INLINE int uses_exact_sums(int measure, int grade) {
    return grade == EXACT_SUMS || measure == ROWS_TOTAL_VARIATION || measure == ROWS_RENYI || measure == ROWS_RENYI_DIVERGENCE;
}
INLINE int has_second(int measure) { return measure == ROWS_RENYI || measure == ROWS_RENYI_DIVERGENCE; }
/* the operand whose largest entry is needed: 1 for p, 2 for q, 0 for neither */
INLINE int top_operand(int measure) {
    return measure == ROWS_ENTROPY || measure == ROWS_GINI || measure == ROWS_RENYI || measure == ROWS_MIN_ENTROPY ? 1
           : measure == ROWS_CROSS_ENTROPY                                                                       ? 2
                                                                                                                 : 0;
}
/* M(row) = M(block sums) + weighted mean of M(blocks): blocks can be finished one by one, in one pass over memory */
INLINE int obeys_chain_rule(int measure, int normalize) {
    return normalize && (measure == ROWS_ENTROPY || measure == ROWS_CROSS_ENTROPY || measure == ROWS_KL);
}
/* terms that depend on nothing but their own entries */
INLINE int is_local(int measure, int normalize) {
    return measure == ROWS_SUPPORT
           || (!normalize && measure != ROWS_RENYI && measure != ROWS_MIN_ENTROPY && measure != ROWS_RENYI_DIVERGENCE);
}

/* ---- constants of a row ---- */

/* The shift for a sum of this exponent: as large as the factors of the entries allow, and even, so that square roots
 * scale exactly, too. */
INLINE vd shift_for(vd exponent) {
    vd half = (vset(0.5) * exponent + vset(1.5 * MAGIC)) - vset(1.5 * MAGIC);
    return vmin(vset(SHIFT), vset(SHIFT + 20) + (half + half));
}

INLINE struct scale make_scale(const struct node *n, int measure, const rows_job *job) {
    struct scale s;
    vd zero = vset(0), p_exponent, q_exponent, top_exponent;
    s.drop = vset(-1);
    s.x_low = s.y_low = zero;
    s.top = n->top;
    s.reference = n->reference;
    s.order = vset(job->order);
    s.weight = vset(job->weight);
    if (!job->normalize) {
        /* one power of two for all: the largest entry goes to about 2^980 */
        vsplit(n->top, &top_exponent);
        s.shift = vmin(vset(SHIFT), vset(SHIFT - 20) - top_exponent);
        s.x = s.y = vpow2(s.shift);
        s.unscale = vpow2(-s.shift);
        if (measure == ROWS_CROSS_ENTROPY)
            s.unscale = vset(1);
        if (measure == ROWS_RENYI) {
            vd top_value = vsplit(n->top, &top_exponent);
            s.shift = shift_for(top_exponent);
            s.x = s.unscale = vset(1);
            s.y = vpow2(s.shift - top_exponent) / top_value;
        }
        return s;
    }
    vd p = vsplit(n->p, &p_exponent);
    s.shift = shift_for(p_exponent);
    if (!is_binary(measure)) {
        vd top_value = vsplit(n->top, &top_exponent);
        if (measure == ROWS_RENYI)
            s.shift = vmin(s.shift, shift_for(top_exponent));
        s.x = vpow2(s.shift - p_exponent) / p;
        s.y = vpow2(s.shift - top_exponent) / top_value;
        s.unscale = vpow2(-s.shift);
        if (measure == ROWS_ENTROPY || measure == ROWS_GINI)
            s.drop = vselect(vlt(vset(0.5) * n->p, n->top), n->top, s.drop);
        return s;
    }
    vd q = vsplit(n->q, &q_exponent);
    if (measure == ROWS_CROSS_ENTROPY) {
        s.shift = shift_for(q_exponent);
        s.x = zero;
        s.y = vpow2(s.shift - q_exponent) / q;
        s.unscale = vset(1) / n->p;
        s.drop = vselect(vlt(vset(0.5) * n->q, n->top), n->top, s.drop);
        return s;
    }
    /* never divide by the sums: x Sq and y Sp compare p and q without rounding either */
    s.shift = vmin(s.shift, shift_for(q_exponent));
    vd p_scale = vpow2(s.shift - p_exponent), q_scale = vpow2(s.shift - q_exponent);
    s.x = p_scale * q;
    s.y = q_scale * p;
    s.x_low = p_scale * (n->q_low * vpow2(-q_exponent));
    s.y_low = q_scale * (n->p_low * vpow2(-p_exponent));
    s.unscale = vpow2(-s.shift) / (p * q);
    return s;
}

/* ---- terms ---- */

/* a and b proportional to p and q, and their difference with one rounding; exchanging p and q changes its sign only */
INLINE vd difference(int exact_sums, vd x, vd y, const struct scale *s, vd *a, vd *b) {
    *a = x * s->x;
    *b = y * s->y;
    vd lost = vproduct_error(x, s->x, *a) - vproduct_error(y, s->y, *b);
    return (*a - *b) + (exact_sums ? lost + (x * s->x_low - y * s->y_low) : lost);
}

/* The same in fewer steps, where exchanging p and q does not have to give the same digits. */
INLINE vd directed_difference(int exact_sums, vd x, vd y, const struct scale *s, vd *a, vd *b) {
#if defined(VEC_FMA)
    *a = x * s->x;
    *b = y * s->y;
    vd d = vfma(x, s->x, -*b) - vproduct_error(y, s->y, *b);
    return exact_sums ? d + (x * s->x_low - y * s->y_low) : d;
#else
    return difference(exact_sums, x, y, s, a, b);
#endif
}

/* (a+b) h(s), s = abs(a-b)/(a+b), h(s) = (1+s) ln(1+s) + (1-s) ln(1-s): even, so exactly symmetric */
INLINE vd js_term(vd a, vd b, vd d, int grade) {
    vd sum = a + b;
    vd inverse = vset(1) / vmax(vset(TINY), sum);
    vd s = vabs(d) * inverse;
    vd z = s * s;
    vd h = z * (grade == SINGLE ? vpolynomial(z, JS_SINGLE, COUNT(JS_SINGLE))
                                : vpolynomial(z, JS_PRECISE, COUNT(JS_PRECISE)));
    vm far = vlt(vset(grade == SINGLE ? JS_NEAR_SINGLE : JS_NEAR_PRECISE), z);
    if (vany(far)) {
        vd more = vset(1) + s;
        vd less = vmin(a, b) * (inverse + inverse); /* 1 - s without cancellation */
        vd log_less = vlog_shifted(vmax(vset(TINY), less), vset(0), grade);
        vd log_more = vlog_significand(more, grade);
        vd lost = s - (more - vset(1)), corrected = grade == SINGLE ? vset(0) : vfma(lost, log_more, lost);
        h = vselect(far, vfma(more, log_more, vfma(less, log_less, corrected)), h);
    }
    return sum * h;
}

/* (1+d)^a - 1 - a d for abs(d), abs(a d) <= 1/4, by the binomial series */
INLINE vd binomial_tail(vd d, vd order) {
    vd sum = vset(1);
    for (int n = 28; n > 2; n--)
        sum = vfma(d * (order - vset(n - 1)) * sum, vset(1.0 / n), vset(1));
    return vset(0.5) * order * (order - vset(1)) * (d * d) * sum;
}

/* exp(x) - 1 - x, without cancellation for abs(x) <= ln 2: with h = x/2, (exp(h) - 1)^2 + 2 (exp(h) - 1 - h) */
INLINE vd exponential_tail(vd x) {
    vd half = vset(0.5) * x, square = half * half;
    vd tail = square * vpolynomial(half, EXP_PRECISE, COUNT(EXP_PRECISE)), power = half + tail;
    return vselect(vle(vabs(x), vset(LN2)), vfma(power, power, tail + tail), vexpm1(x) - x);
}

/* value: p^a q^(1-a) - a p - (1-a) q, of one sign by Young's inequality, its sum is the sum of powers minus 1;
 * second: p^a q^(1-a), relative to the largest p/q.
 * With d = p/q - 1 and u = ln(1 + d) it is q (exp(a u) - 1 - a d) = q ((exp(a u) - 1 - a u) - a (d - u)). */
INLINE struct terms renyi_divergence_term(vd x, vd y, vd a, vd b, vd d, const struct scale *s) {
    struct terms t;
    vd excess = s->order - vset(1), p = a * s->unscale, q = b * s->unscale;
    struct log_ratio ratio = vlog_ratio(vmax(vset(TINY), a), vmax(vset(TINY), b), d, PRECISE);
    /* what the rounding of a and b took, as shares of them: u enters multiplied by the order and by its power */
    vd a_lost = (vproduct_error(x, s->x, a) + x * s->x_low) / vmax(vset(TINY), a);
    vd b_lost = (vproduct_error(y, s->y, b) + y * s->y_low) / vmax(vset(TINY), b);
    vd u = vlog_ratio_value(ratio) + vselect(ratio.near, vset(0), a_lost - b_lost);
    vm vanishes = veq(y, vset(0));
    vd reference = vselect(vlt(vset(0), excess), s->reference, vset(0));
    /* weighted by the entry of the larger power, so that the other may be too small for a number */
    vd from_p = vexp_times(excess * (u - reference), p), from_q = vexp_times(s->order * u, q);
    t.second = vselect(vanishes, vset(0), vselect(vlt(s->order, vset(0.5)), from_q, from_p));
    t.second = vselect(veq(x, vset(0)), vset(0), t.second);
    vd relative = d / vmax(vset(TINY), b);
    relative = vfma(relative, -b_lost, relative);
    vm near = vle(vabs(relative) * vmax(vset(1), s->order), vset(0.25));
    /* d - u where the logarithm is 2 s (1 + excess) with s = d/(2 + d) */
    vd less = vselect(ratio.near, vfma(relative, ratio.s, -(ratio.s + ratio.s) * ratio.excess), relative - u);
    vd sum = vselect(vlt(u, vset(-1)), vexpm1(s->order * u) - s->order * relative,
                     vfma(-s->order, less, exponential_tail(s->order * u)));
    t.value = q * vselect(near, binomial_tail(relative, s->order), sum);
    t.value = vselect(vanishes, -(s->order * p), t.value);
    t.value = vselect(veq(x, vset(0)), excess * q, t.value); /* 0^a is 0 here also for a = 0: the support counts */
    return t;
}

INLINE struct terms renyi_term(vd x, const struct scale *s) {
    struct terms t;
    vd p = x * s->x; /* the sums are unscaled at the end: p itself may be too small */
    vd n, rest = vpower_parts(vmax(vset(TINY), x * s->y), s->shift, s->order - vset(1), &n);
    vm is_top = veq(x, s->top); /* exactly: next to it everything else may be tiny */
    n = vselect(is_top, vset(0), n);
    rest = vselect(is_top, vset(0), rest);
    t.second = vexp2_times(n, rest, p);
    vm above = vlt(vset(1), vfma(n, vset(LN2), rest));
    t.value = vselect(above, t.second - p, p * vexp2m1(vselect(above, vset(0), n), vselect(above, vset(0), rest)));
    return t;
}

/* all_positive: every b is a positive normal number, as far as the measure cares */
INLINE struct terms term(int measure, int grade, int all_positive, vd x, vd y, const struct scale *s) {
    struct terms t;
    const vd zero = vset(0);
    const int exact = uses_exact_sums(measure, grade);
    vd a, b, d;
    t.second = zero;
    switch (measure) {
    case ROWS_ENTROPY:
        a = x * s->x;
        t.value = a * vlog_shifted(vmax(vset(TINY), a), s->shift, grade);
        break;
    case ROWS_GINI:
        a = x * s->x * s->unscale;
        t.value = a * (vset(1) - a);
        break;
    case ROWS_SQUARES:
        t.value = x * x;
        break;
    case ROWS_RENYI:
        return renyi_term(x, s);
    case ROWS_SUPPORT:
        t.value = vselect(vlt(zero, x), vset(1), zero);
        break;
    case ROWS_MIN_ENTROPY:
        t.value = zero;
        break;
    case ROWS_CROSS_ENTROPY:
        b = y * s->y;
        t.value = x * vlog_shifted(vmax(vset(TINY), b), s->shift, grade);
        t.value = vselect(veq(y, zero), vselect(vlt(zero, x), vset(-INF), zero), t.value);
        break;
    case ROWS_KL:
        d = directed_difference(exact, x, y, s, &a, &b);
        if (all_positive) {
            t.value = vkl_term(a, b, d, grade);
        } else {
            t.value = vkl_term(a, vmax(vset(TINY), b), d, grade);
            t.value = vselect(veq(y, zero), vselect(vlt(zero, x), vset(INF), zero), t.value);
        }
        break;
    case ROWS_LOG_RATIO:
    case ROWS_JEFFREYS:
        d = difference(exact, x, y, s, &a, &b);
        t.value = vlog_ratio_value(vlog_ratio(vmax(vset(TINY), a), vmax(vset(TINY), b), d, PRECISE));
        t.value *= measure == ROWS_JEFFREYS ? d : a;
        t.value = vselect(veq(y, zero), vselect(vlt(zero, x), vset(INF), zero), t.value);
        if (measure == ROWS_JEFFREYS)
            t.value = vselect(veq(x, zero), vselect(vlt(zero, y), vset(INF), zero), t.value);
        break;
    case ROWS_JS:
        d = difference(exact, x, y, s, &a, &b);
        t.value = js_term(a, b, d, grade);
        break;
    case ROWS_JS_WEIGHTED: {
        vd other = vset(1) - s->weight;
        d = difference(exact, x, y, s, &a, &b);
        vd mean = s->weight * a + other * b;
        t.value = s->weight * vkl_term(a, vmax(vset(TINY), mean), other * d, PRECISE) + other * vkl_term(b, vmax(vset(TINY), mean), -(s->weight * d), PRECISE);
        break;
    }
    case ROWS_HELLINGER:
        d = difference(exact, x, y, s, &a, &b);
        a = d / vmax(vset(TINY), vsqrt(a) + vsqrt(b));
        t.value = a * a;
        break;
    case ROWS_TOTAL_VARIATION:
        t.value = vabs(difference(exact, x, y, s, &a, &b));
        break;
    default: /* ROWS_RENYI_DIVERGENCE */
        d = difference(exact, x, y, s, &a, &b);
        return renyi_divergence_term(x, y, a, b, d, s);
    }
    return t;
}

/* ln(p/q) where p > 0, for the reference of Renyi divergence; -inf elsewhere */
INLINE vd ratio_term(int exact_sums, vd x, vd y, const struct scale *s) {
    vd a, b, d = difference(exact_sums, x, y, s, &a, &b);
    vd u = vlog_ratio_value(vlog_ratio(vmax(vset(TINY), a), vmax(vset(TINY), b), d, PRECISE));
    u = vselect(veq(y, vset(0)), vset(INF), u);
    return vselect(vlt(vset(0), x), u, vset(-INF));
}

/* ---- values ---- */

/* -ln(part/whole) with full relative accuracy next to 0; rest = whole - part is used where part exceeds half */
INLINE vd minus_log_share(vd part, vd whole, vd rest) {
    vm most = vlt(vset(0.5) * whole, part);
    vd share = part / whole, log = vlog(share);
    vm small = vlt(share, vset(0x1p-1000));
    if (vany(small)) /* perhaps too small for a number */
        log = vselect(small, vlog(part) - vlog(whole), log);
    return vselect(most, -vlog1p(-vselect(most, rest, vset(0)) / whole), -log);
}

/* The measure of a row or block from its sums. */
INLINE vd measure_value(int measure, const struct node *n, const struct scale *s, int normalize) {
    const vd zero = vset(0), one = vset(1);
    vd value = n->value * s->unscale, power, large;
    vm dropped = vlt(zero, s->drop);
    switch (measure) {
    case ROWS_ENTROPY:
        value = zero - value;
        if (vany(dropped))
            value = vselect(dropped, vfma(n->top / n->p, -vlog1p(-vselect(dropped, n->rest, zero) / n->p), value), value);
        return vselect(veq(n->p, zero), zero, value);
    case ROWS_GINI:
        value = n->value;
        return vselect(dropped, vfma(n->top / n->p, n->rest / n->p, value), value);
    case ROWS_SQUARES:
    case ROWS_SUPPORT:
        return n->value;
    case ROWS_RENYI:
        /* H_a = -ln(max p) + ln(sum p (p/max p)^(a-1)) / (1-a), both parts non-negative */
        large = vlog(n->second * s->unscale);
        power = vlog1p(value);
        if (normalize)
            large = vselect(vlt(vabs(value), vset(0.5)), power, large);
        value = normalize ? minus_log_share(n->top, n->p, n->rest) : -vlog(n->top);
        return value + large / (one - s->order);
    case ROWS_MIN_ENTROPY:
        return normalize ? minus_log_share(n->top, n->p, n->rest) : -vlog(n->top);
    case ROWS_CROSS_ENTROPY:
        /* n->second: x at the entry that was left out */
        value = zero - value;
        if (vany(dropped))
            value = vselect(dropped, vfma(n->second / n->p, -vlog1p(-vselect(dropped, n->rest, zero) / n->q), value), value);
        return vselect(veq(n->p, zero), zero, value);
    case ROWS_KL:
        value = vselect(veq(n->q, zero), vset(INF), value);
        return vselect(veq(n->p, zero), zero, value);
    case ROWS_JS:
        return vset(0.25) * value; /* m is half of a + b, and h half of its value there */
    case ROWS_HELLINGER:
    case ROWS_TOTAL_VARIATION:
        return vset(0.5) * value;
    case ROWS_RENYI_DIVERGENCE: {
        vd excess = s->order - one;
        vd reference = vselect(vlt(zero, excess), n->reference, zero);
        large = reference + vlog(n->second) / excess;
        if (normalize)
            large = vselect(vlt(vset(-0.5), n->value), vselect(vle(n->value, one), vlog1p(n->value) / excess, large), large);
        large = vselect(veq(reference, vset(INF)), reference, large);
        large = vselect(veq(s->order, vset(INF)), n->reference, large);
        return normalize ? vmax(zero, large) : large;
    }
    default:
        return value;
    }
}

INLINE vd two_point_kl(const struct node *part, const struct scale *s) {
    vd a, b, d = difference(1, part->p, part->q, s, &a, &b);
    vd value = vkl_term(a, vmax(vset(TINY), b), d + (part->p_low * s->x - part->q_low * s->y), PRECISE);
    return vselect(veq(b, vset(0)), vselect(vlt(vset(0), a), vset(INF), vset(0)), value);
}

/* The measure of two groups with masses a and b: what the chain rule adds when their blocks are joined. */
INLINE vd two_point_value(int measure, const struct node *a, const struct node *b, const struct node *both) {
    const vd zero = vset(0);
    if (measure == ROWS_ENTROPY) {
        vd less = vmin(a->p, b->p) / both->p;
        vd value = -(less * vlog(vmax(vset(TINY), less))) - (vset(1) - less) * vlog1p(-less);
        return vselect(vlt(zero, less), value, zero);
    }
    if (measure == ROWS_CROSS_ENTROPY) {
        vd from_a = a->p / both->p * minus_log_share(a->q, both->q, b->q);
        vd from_b = b->p / both->p * minus_log_share(b->q, both->q, a->q);
        return vselect(vlt(zero, a->p), from_a, zero) + vselect(vlt(zero, b->p), from_b, zero);
    }
    rows_job plain = {.normalize = 1}; /* ROWS_KL */
    struct scale s = make_scale(both, measure, &plain);
    return (two_point_kl(a, &s) + two_point_kl(b, &s)) * s.unscale;
}

#endif
