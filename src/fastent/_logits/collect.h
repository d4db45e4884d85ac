/* First walk over rows of REALs: largest entries, and sums of exponentials in units of them. Each entry is read from memory
 * once: a block is walked for its largest entry and again, in cache, for its sums.
 *
 * Included once per REAL, with PREFIX, VEC, LANES and ITEM of its vector; see lanes.h.
 */

/* What the loops need of one row, in its own type. */
struct NAMED(row) {
    REAL top, above, lowest, shift, exponent, factor;
    REAL inverse_high, inverse_low;
};

INLINE struct NAMED(row) NAMED(make_row)(const logits_job *job, const struct state_lanes *lanes, int r) {
    struct NAMED(row) row = {0};
    row.top = (REAL)lanes->top[r];
    row.above = (REAL)lanes->above[r];
    row.shift = (REAL)lanes->shift[r];
    row.exponent = (REAL)lanes->exponent[r];
    row.lowest = (REAL)lanes->lowest[r];
    row.inverse_high = (REAL)job->inverse_high;
    row.inverse_low = (REAL)(job->inverse_high - (double)row.inverse_high + job->inverse_low);
    return row;
}

/* z - shift, but not lower than what counts: next to a huge shift only their difference tells how low. A NaN stays.
 * `plain`: no shift, and T is 1. */
INLINE VEC NAMED(bounded)(VEC z, const struct NAMED(row) *row, int plain) {
    return OP(max)(OP(set)(row->lowest), plain ? z : z - OP(set)(row->shift));
}

/* exp(difference/T) = 2^k (1 + q); k is what *rounded has in its low bits */
INLINE VEC NAMED(exp_parts)(VEC difference, const struct NAMED(row) *row, int plain, VEC *rounded) {
    const VEC rounder = OP(set)(CONSTANT(ROUNDER)), per_two = OP(set)((REAL)(1 / LN2));
    if (plain) {
        *rounded = OP(fma)(difference, per_two, rounder);
        return OP(exp_rest_plain)(difference, *rounded - rounder);
    }
    VEC high = OP(set)(row->inverse_high), x = difference * high;
    VEC low = OP(lost_product)(difference, high, x) + difference * OP(set)(row->inverse_low);
    *rounded = OP(fma)(x, per_two, rounder);
    return OP(exp_rest)(x, *rounded - rounder, low);
}

INLINE VEC NAMED(part)(const REAL *x, int64_t n, int64_t i, REAL filling) {
    return i + LANES <= n ? OP(load)(x + i) : OP(pad)(OP(load_part)(x + i, n - i), n - i, filling);
}

INLINE vd NAMED(largest)(const REAL *x, int64_t n) {
    VEC top = OP(set)(-(REAL)INF), other = top;
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        top = OP(max)(OP(load)(x + i), top);
        other = OP(max)(OP(load)(x + i + LANES), other);
    }
    for (; i < n; i += LANES)
        top = OP(max)(NAMED(part)(x, n, i, -(REAL)INF), top);
    return OP(fold_top)(OP(max)(top, other));
}

struct NAMED(sums) {
    VEC powers, rests, others, spread;
};

INLINE void NAMED(add_entries)(VEC z, const struct NAMED(row) *row, int64_t bias, int plain, int entropy,
                               struct NAMED(sums) *sums) {
    VEC rounded, bounded = NAMED(bounded)(z, row, plain), q = NAMED(exp_parts)(bounded, row, plain, &rounded);
    MASK below = OP(differs)(z, OP(set)(row->top)); /* NaN, too: q has it */
    VEC power = OP(from_bits)(OP(add_bits_where)(below, OP(shift_bits)(rounded), OP(set_bits)(bias)));
    /* 2^k and 2^k q are added apart: a sum of one term then has no rounding of 1 + q */
    sums->powers += power;
    sums->rests = OP(fma)(power, q, sums->rests);
    sums->others = OP(add_where)(below, sums->others, OP(set)(1));
    if (entropy)
        sums->spread = OP(fma)(OP(fma)(power, q, power), OP(set)(row->above) - bounded, sums->spread);
}

/* The sums over n entries of a row, lane by lane in doubles; `others`: entries other than the top. Meanwhile what lies
 * `ahead` in memory is fetched. */
INLINE void NAMED(sum_entries)(const REAL *x, int64_t n, int64_t ahead, const struct NAMED(row) *row, int plain, int entropy,
                               vd *rest, vd *excess, vd *others, vd *spread) {
    const VEC zero = OP(set)(0);
    const int64_t bias = ((int64_t)(CONSTANT(BIAS) + CONSTANT(OFFSET)) - (int64_t)row->exponent) << CONSTANT(MANTISSA);
    *rest = *excess = *others = *spread = vset(0);
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t end = n - start < CONSTANT(CHUNK) ? n : start + CONSTANT(CHUNK), i = start;
        struct NAMED(sums) even = {zero, zero, zero, zero}, odd = even;
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            fetch_ahead(x + i + ahead);
            fetch_ahead(x + i + ahead + LANES);
            NAMED(add_entries)(OP(load)(x + i), row, bias, plain, entropy, &even);
            NAMED(add_entries)(OP(load)(x + i + LANES), row, bias, plain, entropy, &odd);
        }
        for (; i < end; i += LANES)
            NAMED(add_entries)(NAMED(part)(x, end, i, -(REAL)INF), row, bias, plain, entropy, &even);
        *rest += OP(fold)(even.powers + odd.powers);
        *excess += OP(fold)(even.rests + odd.rests);
        *others += OP(fold)(even.others + odd.others);
        if (entropy)
            *spread += OP(fold)(even.spread + odd.spread);
    }
}

/* One block of up to VL rows taken into their state. */
INLINE void NAMED(collect_block)(const logits_job *job, const REAL *const *x, int64_t n, int64_t ahead, int rows,
                                 int entropy, struct state *s) {
    const int is_double = sizeof(REAL) == sizeof(double);
    vd each[VL], excess[VL], others[VL], spread[VL];
    each[0] = excess[0] = others[0] = spread[0] = vset(0);
    for (int r = 0; r < rows; r++)
        each[r] = NAMED(largest)(x[r], n);
    raise_top(job, s, across_lanes(HIGHEST, each, rows), is_double, entropy);
    const int plain = is_plain(job, s);
    struct state_lanes lanes;
    lay_out_lanes(job, s, CONSTANT(FLOOR), &lanes);
    for (int r = 0; r < rows; r++) {
        struct NAMED(row) row = NAMED(make_row)(job, &lanes, r);
        if (plain)
            NAMED(sum_entries)(x[r], n, ahead, &row, 1, entropy, each + r, excess + r, others + r, spread + r);
        else
            NAMED(sum_entries)(x[r], n, ahead, &row, 0, entropy, each + r, excess + r, others + r, spread + r);
    }
    const int apart = is_double && !entropy; /* floats and entropies would gain nothing */
    for (int r = 0; r < rows && !apart; r++)
        each[r] += excess[r];
    s->rest += across_lanes(SUM, each, rows);
    if (apart)
        s->excess += across_lanes(SUM, excess, rows);
    s->ties += vset((double)((n + LANES - 1) / LANES * LANES)) - across_lanes(SUM, others, rows);
    if (entropy)
        s->spread += across_lanes(SUM, spread, rows);
}

static void NAMED(collect_plain)(const logits_job *job, const REAL *const *x, int64_t n, int64_t ahead, int rows,
                                 struct state *s) {
    NAMED(collect_block)(job, x, n, ahead, rows, 0, s);
}

static void NAMED(collect_entropy)(const logits_job *job, const REAL *const *x, int64_t n, int64_t ahead, int rows,
                                   struct state *s) {
    NAMED(collect_block)(job, x, n, ahead, rows, 1, s);
}
