/* First walk over rows of REALs: largest entries, and sums of exponentials in units of them. Each entry is read from memory
 * once: a block is walked for its largest entry and again, in cache, for its sums.
 *
 * Included once per REAL, with PREFIX, VEC, LANES and ITEM of its vector; see lanes.h.
 */

/* What the loops need of one row, in its own type. */
struct NAMED(row) {
    REAL top, lowest, shift, exponent, factor;
    REAL inverse_high, inverse_low;
};

INLINE struct NAMED(row) NAMED(make_row)(const logits_job *job, const struct state *s, int lane) {
    struct NAMED(row) row = {0};
    double top = vlane(s->top, lane);
    row.top = (REAL)top;
    row.shift = (REAL)vlane(s->shift, lane);
    row.exponent = (REAL)vlane(s->exponent, lane);
    row.inverse_high = (REAL)job->inverse_high;
    row.inverse_low = (REAL)(job->inverse_high - (double)row.inverse_high + job->inverse_low);
    double lowest = top - CONSTANT(FLOOR) / job->inverse_high;
    row.lowest = (REAL)(lowest > -INF && lowest < INF ? lowest : 0); /* of rows without a finite top any number will do */
    return row;
}

/* exp((z - shift)/T) = 2^k (1 + q); k is what *rounded has in its low bits */
INLINE VEC NAMED(exp_parts)(VEC z, const struct NAMED(row) *row, int scaled, VEC *rounded) {
    VEC x = z - OP(set)(row->shift);
    VEC low = OP(set)(0);
    if (scaled) {
        VEC difference = x, high = OP(set)(row->inverse_high);
        x = difference * high;
        low = OP(lost_product)(difference, high, x) + difference * OP(set)(row->inverse_low);
    }
    *rounded = OP(fma)(x, OP(set)((REAL)(1 / LN2)), OP(set)(CONSTANT(ROUNDER)));
    VEC k = *rounded - OP(set)(CONSTANT(ROUNDER));
    VEC r = OP(fma)(k, OP(set)(-CONSTANT(LN2_FIRST)), x);
    VEC tail = OP(fma)(k, OP(set)(-CONSTANT(LN2_SECOND)), low);
    VEC sum = r + tail;
    return r + OP(fma)(sum * sum, OP(exp_tail)(sum), tail);
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
    VEC powers, rests, ties, spread;
};

INLINE void NAMED(add_entries)(VEC z, const struct NAMED(row) *row, int64_t bias, int scaled, int entropy,
                               struct NAMED(sums) *sums) {
    const VEC zero = OP(set)(0), top = OP(set)(row->top);
    VEC rounded, bounded = OP(max)(OP(set)(row->lowest), z); /* a NaN stays */
    VEC q = NAMED(exp_parts)(bounded, row, scaled, &rounded);
    VEC power = OP(from_bits)(OP(shift_bits)(rounded) + OP(set_bits)(bias));
    VEC below = OP(select)(OP(equal)(z, top), zero, power); /* 2^k, but 0 for the largest: a NaN is kept as q */
    /* 2^k and 2^k q are added apart: a sum of one term then has no rounding of 1 + q */
    sums->powers += below;
    sums->rests = OP(fma)(below, q, sums->rests);
    sums->ties += OP(select)(OP(equal)(z, top), OP(set)(1), zero);
    if (entropy)
        sums->spread = OP(fma)(OP(fma)(below, q, below), top - bounded, sums->spread);
}

/* The sums over n entries of a row, lane by lane in doubles. */
INLINE void NAMED(sum_entries)(const REAL *x, int64_t n, const struct NAMED(row) *row, int scaled, int entropy, vd *rest,
                               vd *ties, vd *spread) {
    const VEC zero = OP(set)(0);
    const int64_t bias = ((int64_t)(CONSTANT(BIAS) + CONSTANT(OFFSET)) - (int64_t)row->exponent) << CONSTANT(MANTISSA);
    *rest = *ties = *spread = vset(0);
    for (int64_t start = 0; start < n; start += CONSTANT(CHUNK)) {
        int64_t end = n - start < CONSTANT(CHUNK) ? n : start + CONSTANT(CHUNK), i = start;
        struct NAMED(sums) sums = {zero, zero, zero, zero}, others = sums;
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            NAMED(add_entries)(OP(load)(x + i), row, bias, scaled, entropy, &sums);
            NAMED(add_entries)(OP(load)(x + i + LANES), row, bias, scaled, entropy, &others);
        }
        for (; i < end; i += LANES)
            NAMED(add_entries)(NAMED(part)(x, end, i, -(REAL)INF), row, bias, scaled, entropy, &sums);
        *rest += (OP(fold)(sums.powers) + OP(fold)(others.powers)) + (OP(fold)(sums.rests) + OP(fold)(others.rests));
        *ties += OP(fold)(sums.ties) + OP(fold)(others.ties);
        if (entropy)
            *spread += OP(fold)(sums.spread) + OP(fold)(others.spread);
    }
}

/* One block of up to VL rows taken into their state. */
INLINE void NAMED(collect_block)(const logits_job *job, const REAL *const *x, int64_t n, int rows, int entropy,
                                 struct state *s) {
    const int is_double = sizeof(REAL) == sizeof(double), scaled = is_double || job->inverse_high != 1;
    vd each[VL], ties[VL], spread[VL];
    for (int r = 0; r < rows; r++)
        each[r] = NAMED(largest)(x[r], n);
    raise_top(job, s, across_lanes(HIGHEST, each, rows), is_double, entropy);
    for (int r = 0; r < rows; r++) {
        struct NAMED(row) row = NAMED(make_row)(job, s, r);
        if (scaled)
            NAMED(sum_entries)(x[r], n, &row, 1, entropy, each + r, ties + r, spread + r);
        else
            NAMED(sum_entries)(x[r], n, &row, 0, entropy, each + r, ties + r, spread + r);
    }
    s->rest += across_lanes(SUM, each, rows);
    s->ties += across_lanes(SUM, ties, rows);
    if (entropy)
        s->spread += across_lanes(SUM, spread, rows);
}

static void NAMED(collect_plain)(const logits_job *job, const REAL *const *x, int64_t n, int rows, struct state *s) {
    NAMED(collect_block)(job, x, n, rows, 0, s);
}

static void NAMED(collect_entropy)(const logits_job *job, const REAL *const *x, int64_t n, int rows, struct state *s) {
    NAMED(collect_block)(job, x, n, rows, 1, s);
}
