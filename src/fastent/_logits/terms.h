/* Second walk: sums over a row, and a number for every entry, from what the first walk found.
 *
 * Included once per REAL after collect.h; see lanes.h.
 */

/* A row as the second walk takes it. */
struct NAMED(known) {
    struct NAMED(row) row;
    REAL share_factor;   /* of 2^k (1 + q) to the softmax, but for a power of two */
    REAL top_share;      /* softmax of the top, */
    REAL top_others;     /* and 1 - that, to its own digits */
    REAL lowest_of_sums; /* as `lowest`, where results are added up */
    int plain;           /* no shift, and T is 1, */
    int all_high;        /* and no entry is that low */
    double factor, rest, log_sum;
    double share, others; /* of the top, unrounded */
};

static void NAMED(know)(const logits_job *job, const struct state *s, const struct row_sums *sums, int rows,
                        const vd *lowest, struct NAMED(known) *known) {
    const int plain = is_plain(job, s);
    struct NAMED(rows) of;
    double factor[VL], rest[VL], share[VL], others[VL], log_sum[VL], low[VL];
    NAMED(lay_out_rows)(job, s, CONSTANT(FLOOR_OF_RESULTS), 0, &of);
    vstore(low, lowest ? *lowest : vset(-INF));
    vstore(factor, softmax_factor(s, sums));
    vstore(rest, sums->rest);
    vstore(share, sums->valid / (vset(1) + sums->rest));
    vstore(others, sums->rest / (vset(1) + sums->rest));
    vstore(log_sum, sums->log_sum);
    for (int r = 0; r < rows; r++) {
        known[r].row = NAMED(make_row)(job, &of, r);
        known[r].share_factor = (REAL)factor[r];
        known[r].factor = factor[r];
        known[r].lowest_of_sums = known[r].row.above - (REAL)(CONSTANT(FLOOR_OF_SUMS) / job->inverse_high);
        known[r].plain = plain;
        known[r].all_high = plain && !(low[r] < known[r].lowest_of_sums);
        known[r].top_share = (REAL)share[r];
        known[r].top_others = (REAL)others[r];
        known[r].share = share[r];
        known[r].others = others[r];
        known[r].rest = rest[r];
        known[r].log_sum = log_sum[r];
    }
}

/* softmax(z/T), also where it is subnormal; 0 for -inf */
INLINE VEC NAMED(probability)(VEC z, const struct NAMED(known) *known, int plain) {
    const struct NAMED(units) units = NAMED(of_one_row)(&known->row);
    VEC rounded, factor = OP(set)(known->share_factor);
    VEC q = NAMED(exp_parts)(NAMED(bounded)(z, &units, plain), &units, plain, &rounded);
    VEC k = rounded - units.rounder - OP(set)(known->row.exponent);
    return OP(select)(OP(equal)(z, units.top), OP(set)(known->top_share), OP(scale)(OP(fma)(factor, q, factor), k));
}

/* ln softmax(z/T): of halves, because the difference of huge ones overflows */
INLINE VEC NAMED(log_probability)(VEC z, const struct NAMED(known) *known) {
    const VEC half = OP(set)((REAL)0.5), per_half = OP(set)(2 * known->row.inverse_high);
    return OP(fma)(half * z - half * OP(set)(known->row.top), per_half, OP(set)((REAL)-known->log_sum));
}

/* ln(p/q) of two softmaxes: the difference of their logits, less that of their normalisers, each to twice the digits.
 * Logits times APART, because the differences of huge ones overflow. */
struct NAMED(log_ratio) {
    REAL tops, tops_low, sums, sums_low, inverse;
};

INLINE struct NAMED(log_ratio) NAMED(make_log_ratio)(const logits_job *job, const struct NAMED(known) *p,
                                                    const struct NAMED(known) *q) {
    struct NAMED(log_ratio) ratio;
    double p_top = CONSTANT(APART) * p->row.top, q_top = CONSTANT(APART) * q->row.top, tops = p_top - q_top, back = tops - p_top;
    double lost = (p_top - (tops - back)) + (-q_top - back), sums = p->log_sum - q->log_sum;
    ratio.tops = (REAL)tops;
    ratio.tops_low = (REAL)(tops - ratio.tops + lost);
    ratio.sums = (REAL)sums;
    ratio.sums_low = (REAL)(sums - ratio.sums);
    ratio.inverse = (REAL)job->inverse_high;
    return ratio;
}

/* -inf counts as a number beyond all others, so that differences of two of them are not NaN */
INLINE VEC NAMED(ratio_of)(VEC z, VEC u, const struct NAMED(log_ratio) *ratio, int all_high) {
    const VEC lowest = OP(set)(-CONSTANT(BEYOND)), scale = OP(set)(CONSTANT(APART));
    const REAL back = 1 / CONSTANT(APART);
    VEC lost, apart;
    if (all_high) {
        apart = OP(two_sum)(z, -u, &lost);
        VEC difference = (apart - OP(set)(back * ratio->tops)) + (lost - OP(set)(back * ratio->tops_low));
        return (difference - OP(set)(ratio->sums)) - OP(set)(ratio->sums_low);
    }
    apart = OP(two_sum)(scale * OP(max)(lowest, z), -(scale * OP(max)(lowest, u)), &lost);
    VEC difference = (apart - OP(set)(ratio->tops)) + (lost - OP(set)(ratio->tops_low));
    VEC log_ratio = OP(fma)(difference, OP(set)(back * ratio->inverse), -OP(set)(ratio->sums)) - OP(set)(ratio->sums_low);
    return OP(select)(OP(lt)(u, lowest), OP(set)((REAL)INF), log_ratio);
}

/* softmax(z/T) over the row's factor: a normal number, or 0 where that adds nothing */
INLINE VEC NAMED(share_of_sum)(VEC z, const struct NAMED(known) *known, int all_high) {
    const struct NAMED(units) units = NAMED(of_one_row)(&known->row);
    const VEC lowest = OP(set)(known->lowest_of_sums);
    VEC rounded, above = all_high ? z : z - units.shift;
    VEC q = NAMED(exp_parts)(all_high ? z : OP(max)(lowest, above), &units, all_high, &rounded);
    VEC power = OP(from_bits)(OP(shift_bits)(rounded)), share = OP(fma)(power, q, power);
    return all_high ? share : OP(select)(OP(lt)(above, lowest), OP(set)(0), share);
}

/* Beside numbers beyond this, shares too small to be numbers still count. */
#define HUGE_FACTOR 1e4

/* x softmax(z/T), over the row's factor, for such x: the product is a number where the share may be none. */
INLINE VEC NAMED(huge_times_share)(VEC x, VEC z, const struct NAMED(known) *known) {
    const VEC lowest = OP(set)(known->row.above - CONSTANT(FLOOR_OF_PRODUCTS) / known->row.inverse_high);
    const struct NAMED(units) units = NAMED(of_one_row)(&known->row);
    VEC rounded, above = z - units.shift;
    VEC q = NAMED(exp_parts)(OP(max)(lowest, above), &units, 0, &rounded);
    VEC k = rounded - units.rounder - OP(set)(known->row.exponent) + OP(set)(2);
    return OP(select)(OP(lt)(above, lowest), OP(set)(0), OP(scale)(OP(set)((REAL)0.25) * x * (OP(set)(1) + q), k));
}

/* p ln(p/q) - p + q, which is never negative, of p, q and the logarithm l of their ratio */
INLINE VEC NAMED(kl_part)(VEC p, VEC q, VEC l, int all_high) {
    const VEC zero = OP(set)(0);
    VEC near = p * l * l * OP(exp_wide_tail)(-l);
    VEC far = (all_high ? p * l : OP(select)(OP(equal)(p, zero), zero, p * l)) - (p - q);
    return OP(select)(OP(lt)(OP(abs)(l), OP(set)((REAL)EXP_WIDE)), near, far);
}

/* ---- sums of a row ---- */

struct NAMED(targets) {
    REAL keep, even; /* smoothed target: keep t + even */
};

/* Sums of w t and w t (top - z) over n entries; t: NULL for 0. */
static void NAMED(sum_targets)(const REAL *z, const REAL *t, const REAL *weights, int64_t n, const struct NAMED(known) *known,
                               struct NAMED(targets) targets, vd *mass, vd *cross) {
    const VEC zero = OP(set)(0), half = OP(set)((REAL)0.5), top = half * OP(set)(known->row.top); /* halves do not overflow */
    *mass = *cross = vset(0);
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t end = n - start < CONSTANT(CHUNK) ? n : start + CONSTANT(CHUNK);
        VEC masses = zero, crosses = zero;
        for (int64_t i = start; i < end; i += LANES) {
            VEC target = t ? NAMED(part)(t, end, i, 0) : zero;
            target = OP(fma)(target, OP(set)(targets.keep), OP(set)(targets.even));
            if (weights)
                target *= NAMED(part)(weights, end, i, 0);
            if (end - i < LANES)
                target = OP(pad)(target, end - i, 0);
            masses += target;
            crosses += OP(select)(OP(equal)(target, zero), zero, target * (top - half * NAMED(part)(z, end, i, 0)));
        }
        *mass += OP(fold)(SUM, masses);
        *cross += vset(2) * OP(fold)(SUM, crosses);
    }
}

/* The term of an entry: infinite where the model has -inf but the truth has not, 0 where both have. */
INLINE VEC NAMED(where_possible)(VEC model, VEC truth, VEC term) {
    const VEC lowest = OP(set)(-CONSTANT(BEYOND));
    VEC impossible = OP(select)(OP(lt)(truth, lowest), OP(set)(0), OP(set)((REAL)INF));
    return OP(select)(OP(lt)(model, lowest), impossible, term);
}

#if defined(DOUBLES) /* Jensen-Shannon is done in doubles only */
/* ln(x/m) with m the mean of x and y, from ln(x/y) */
INLINE vd log_over_mean(vd log_ratio) {
    vd of_larger = -vlog1p(vset(0.5) * vexpm1(vmax(vset(-1000), -vabs(log_ratio))));
    return vmin(log_ratio, vset(0)) + of_larger;
}

/* x ln(x/m), x being that of p and q by whose logits the divergence is derived */
INLINE vd part_from_mean(int mapping, vd p, vd q, vd log_ratio) {
    const int first = mapping == LOGITS_GRADIENT_FIRST;
    vd x = first ? p : q, over_mean = log_over_mean(first ? log_ratio : -log_ratio);
    return vselect(veq(x, vset(0)), vset(0), x * over_mean);
}
#endif

/* Lanes of the sum, over n entries, of softmax(u) (top - z), or of the parts of the Jensen-Shannon divergence; for the
 * derivatives of this *from_mean is the divergence of one side from the mean. */
static vd NAMED(sum_pairs)(int value, int mapping, const REAL *z, const REAL *u, int64_t n, const struct NAMED(known) *p,
                           const struct NAMED(known) *q, const struct NAMED(log_ratio) *ratio, vd *from_mean) {
    const VEC zero = OP(set)(0), huge = OP(set)((REAL)HUGE_FACTOR);
    vd total = vset(0);
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t end = n - start < CONSTANT(CHUNK) ? n : start + CONSTANT(CHUNK);
        VEC sum = zero;
        for (int64_t i = start; i < end; i += LANES) {
            VEC a = NAMED(part)(z, end, i, -(REAL)INF), b = NAMED(part)(u, end, i, -(REAL)INF);
            VEC q_share = NAMED(probability)(b, q, 0);
#if defined(DOUBLES)
            if (value == LOGITS_JS) {
                vd p_share = NAMED(probability)(a, p, 0), log_ratio = NAMED(ratio_of)(a, b, ratio, 0);
                sum += js_part(p_share, q_share, log_ratio);
                if (mapping)
                    *from_mean += part_from_mean(mapping, p_share, q_share, log_ratio);
                continue;
            }
#else
            (void)value, (void)mapping, (void)ratio, (void)from_mean;
#endif
            VEC gap = OP(set)(p->row.top) - a, term = OP(select)(OP(equal)(q_share, zero), zero, q_share * gap);
            if (OP(any)(OP(lt)(huge, gap)))
                term = OP(select)(OP(lt)(huge, gap), OP(set)(q->share_factor) * NAMED(huge_times_share)(gap, b, q), term);
            sum += NAMED(where_possible)(a, b, term);
        }
        total += OP(fold)(SUM, sum);
    }
    return total;
}

/* The same of the divergence of two softmaxes, over the factor of the first. */
INLINE vd NAMED(sum_kl)(int all_high, const REAL *z, const REAL *u, int64_t n, const struct NAMED(known) *p,
                        const struct NAMED(known) *q, const struct NAMED(log_ratio) *ratio) {
    const VEC factors = OP(set)((REAL)(q->factor / p->factor)), huge = OP(set)((REAL)HUGE_FACTOR);
    vd total = vset(0);
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t end = n - start < CONSTANT(CHUNK) ? n : start + CONSTANT(CHUNK);
        VEC sum = OP(set)(0);
        for (int64_t i = start; i < end; i += LANES) {
            VEC a = NAMED(part)(z, end, i, 0), b = NAMED(part)(u, end, i, 0);
            VEC p_share = NAMED(share_of_sum)(a, p, all_high), q_share = factors * NAMED(share_of_sum)(b, q, all_high);
            VEC l = NAMED(ratio_of)(a, b, ratio, all_high), term = NAMED(kl_part)(p_share, q_share, l, all_high);
            if (!all_high) {
                if (OP(any)(OP(lt)(huge, l)))
                    term = OP(select)(OP(lt)(huge, l), NAMED(huge_times_share)(l, a, p) - (p_share - q_share), term);
                term = NAMED(where_possible)(b, a, term);
            }
            sum += end - i < LANES ? OP(pad)(term, end - i, 0) : term;
        }
        total += OP(fold)(SUM, sum);
    }
    return total;
}

/* ---- a number for every entry ---- */

struct NAMED(slopes) {
    REAL scale;       /* of the softmax */
    REAL target;      /* of the target */
    REAL value;       /* of the row, where its gradient needs it */
    REAL mass;        /* of the target; for Jensen-Shannon, the divergence from the mean */
    REAL second;      /* of the diagonal of the second derivative */
    REAL top_second;  /* that of the top */
    struct NAMED(targets) targets;
};

/* Whether what the top leaves to others has more digits than its share. */
INLINE int NAMED(is_confident)(const struct NAMED(known) *known) { return known->share > 0.5; }

/* p - q of the shares of two rows; of both tops unrounded. */
INLINE VEC NAMED(difference)(VEC z, VEC u, VEC p_share, VEC q_share, const struct NAMED(known) *p, const struct NAMED(known) *q) {
    const double of_tops = NAMED(is_confident)(p) ? q->others - p->others : p->share - q->share;
    VEC left = OP(select)(OP(equal)(u, OP(set)(q->row.top)), OP(set)((REAL)of_tops), p_share - q_share);
    return OP(select)(OP(equal)(z, OP(set)(p->row.top)), left, p_share - q_share);
}

/* One vector of the map; *diagonal is scale p (1 - p) where it is asked for. */
INLINE VEC NAMED(map_entries)(int value, int mapping, VEC z, VEC u, VEC weight, const struct NAMED(known) *p,
                              const struct NAMED(known) *q, const struct NAMED(log_ratio) *ratio,
                              const struct NAMED(slopes) *slopes, int plain, VEC *diagonal) {
    const VEC zero = OP(set)(0), scale = OP(set)(slopes->scale);
    if (mapping == LOGITS_LOG_SOFTMAX)
        return NAMED(log_probability)(z, p);
    VEC share = NAMED(probability)(z, p, plain);
    *diagonal = OP(select)(OP(equal)(z, OP(set)(p->row.top)), OP(set)(slopes->top_second),
                           OP(set)(slopes->second) * share * (OP(set)(1) - share));
    if (mapping == LOGITS_SOFTMAX)
        return share;
    VEC log_share, other;
    MASK huge;
    switch (value) {
    case LOGITS_ENTROPY: /* -p (ln p + H) */
        log_share = share * (NAMED(log_probability)(z, p) + OP(set)(slopes->value));
        return OP(select)(OP(equal)(share, zero), zero, zero - scale * log_share);
    case LOGITS_CROSS_ENTROPY:
        return scale * NAMED(difference)(z, u, share, NAMED(probability)(u, q, plain), p, q);
    case LOGITS_KL:
        if (mapping == LOGITS_GRADIENT) {
            other = NAMED(probability)(u, q, plain);
            *diagonal = OP(select)(OP(equal)(u, OP(set)(q->row.top)), OP(set)(slopes->top_second),
                                   OP(set)(slopes->second) * other * (OP(set)(1) - other));
            return scale * NAMED(difference)(u, z, other, share, q, p);
        }
        other = OP(set)(slopes->value) + (OP(set)(slopes->value) - OP(set)(slopes->value)); /* infinite: no derivative */
        other = NAMED(ratio_of)(z, u, ratio, 0) - other;
        log_share = OP(select)(OP(equal)(share, zero), zero, share * other);
        huge = OP(lt)(OP(set)((REAL)HUGE_FACTOR), OP(abs)(other));
        if (OP(any)(huge))
            log_share = OP(select)(huge, OP(set)(p->share_factor) * NAMED(huge_times_share)(other, z, p), log_share);
        return scale * log_share;
#if defined(DOUBLES)
    case LOGITS_JS: /* x (ln(x/m) - the mean of that)/2 */
        other = NAMED(probability)(u, q, plain);
        log_share = part_from_mean(mapping, share, other, NAMED(ratio_of)(z, u, ratio, 0));
        return vset(0.5) * scale * (log_share - (mapping == LOGITS_GRADIENT_FIRST ? share : other) * vset(slopes->mass));
#endif
    case LOGITS_TARGET_LOSS:
    case LOGITS_LABEL_LOSS: {
        VEC target = OP(fma)(u, OP(set)(slopes->targets.keep), OP(set)(slopes->targets.even)) * weight;
        VEC slope = OP(fma)(scale, share, -OP(set)(slopes->target) * target);
        if (value == LOGITS_LABEL_LOSS || !NAMED(is_confident)(p))
            return slope;
        VEC of_top = OP(fma)(OP(set)(slopes->target), OP(set)(slopes->mass) - target, -(scale * OP(set)(p->top_others)));
        return OP(select)(OP(equal)(z, OP(set)(p->row.top)), of_top, slope);
    }
    default: /* log-sum-exp */
        return scale * share;
    }
}

INLINE void NAMED(map_piece)(int value, int mapping, int plain, const REAL *z, const REAL *u, const REAL *weights, int64_t n,
                             const struct NAMED(known) *p, const struct NAMED(known) *q,
                             const struct NAMED(log_ratio) *ratio, const struct NAMED(slopes) *slopes, REAL *map,
                             REAL *diagonal) {
    /* copies that no store can change stay in registers */
    const struct NAMED(known) p_kept = *p, q_kept = u ? *q : *p;
    const struct NAMED(log_ratio) ratio_kept = u ? *ratio : (struct NAMED(log_ratio)){0};
    const struct NAMED(slopes) slopes_kept = *slopes;
    for (int64_t i = 0; i < n; i += LANES) {
        VEC second, other = u ? NAMED(part)(u, n, i, 0) : OP(set)(0);
        VEC weight = weights ? NAMED(part)(weights, n, i, 0) : OP(set)(1);
        VEC first = NAMED(map_entries)(value, mapping, NAMED(part)(z, n, i, 0), other, weight, &p_kept, &q_kept, &ratio_kept,
                                       &slopes_kept, plain, &second);
        if (n - i >= LANES) {
            OP(store)(map + i, first);
            if (diagonal)
                OP(store)(diagonal + i, second);
        } else {
            OP(store_part)(map + i, first, n - i);
            if (diagonal)
                OP(store_part)(diagonal + i, second, n - i);
        }
    }
}

/* One loop for each thing to write; for labels without weights, the commonest, without the arrays it does not read. */
static void NAMED(map_row)(int value, int mapping, int plain, const REAL *z, const REAL *u, const REAL *weights, int64_t n,
                           const struct NAMED(known) *p, const struct NAMED(known) *q, const struct NAMED(log_ratio) *ratio,
                           const struct NAMED(slopes) *slopes, REAL *map, REAL *diagonal) {
    if (mapping == LOGITS_SOFTMAX && plain)
        NAMED(map_piece)(0, LOGITS_SOFTMAX, 1, z, NULL, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (mapping == LOGITS_SOFTMAX)
        NAMED(map_piece)(0, LOGITS_SOFTMAX, 0, z, NULL, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (mapping == LOGITS_LOG_SOFTMAX)
        NAMED(map_piece)(0, LOGITS_LOG_SOFTMAX, 0, z, NULL, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (value == LOGITS_LABEL_LOSS && !weights && !diagonal && plain)
        NAMED(map_piece)(LOGITS_LABEL_LOSS, LOGITS_GRADIENT, 1, z, NULL, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (value == LOGITS_LABEL_LOSS)
        NAMED(map_piece)(LOGITS_LABEL_LOSS, LOGITS_GRADIENT, 0, z, NULL, weights, n, p, q, ratio, slopes, map, diagonal);
    else if (value == LOGITS_KL && mapping == LOGITS_GRADIENT)
        NAMED(map_piece)(LOGITS_KL, LOGITS_GRADIENT, 0, z, u, NULL, n, p, q, ratio, slopes, map, diagonal);
#if defined(DOUBLES)
    else if (value == LOGITS_JS && mapping == LOGITS_GRADIENT)
        NAMED(map_piece)(LOGITS_JS, LOGITS_GRADIENT, 0, z, u, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (value == LOGITS_JS)
        NAMED(map_piece)(LOGITS_JS, LOGITS_GRADIENT_FIRST, 0, z, u, NULL, n, p, q, ratio, slopes, map, NULL);
#endif
    else if (value == LOGITS_KL)
        NAMED(map_piece)(LOGITS_KL, LOGITS_GRADIENT_FIRST, 0, z, u, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (value == LOGITS_CROSS_ENTROPY)
        NAMED(map_piece)(LOGITS_CROSS_ENTROPY, LOGITS_GRADIENT, 0, z, u, NULL, n, p, q, ratio, slopes, map, diagonal);
    else if (value == LOGITS_ENTROPY)
        NAMED(map_piece)(LOGITS_ENTROPY, LOGITS_GRADIENT, 0, z, NULL, NULL, n, p, q, ratio, slopes, map, NULL);
    else if (value == LOGITS_LOG_SUM_EXP)
        NAMED(map_piece)(LOGITS_LOG_SUM_EXP, LOGITS_GRADIENT, 0, z, NULL, NULL, n, p, q, ratio, slopes, map, diagonal);
    else
        NAMED(map_piece)(LOGITS_TARGET_LOSS, LOGITS_GRADIENT, 0, z, u, weights, n, p, q, ratio, slopes, map, diagonal);
}
